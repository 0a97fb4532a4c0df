"""Measured quantities: a float with a bound on its rounding error, or an exact ball.

A measure runs in two worlds. On floats it says how far a computed value may be from the true one
(`bounded`); on object arrays of python-flint balls the radius travels with the number, and the
float error bound is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Bounded:
    """Float values and an absolute bound on the rounding error of each (same shape, float64)."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]

    def __getitem__(self, index: Any) -> Bounded:
        """The part of values and errors at `index`."""
        return Bounded(np.asarray(self.value[index]), np.asarray(self.error[index]))


def is_exact(value: Any) -> bool:
    """Whether `value` belongs to the world of balls: an `arb`, or an object array of them."""
    if isinstance(value, np.ndarray):
        return bool(value.dtype == object)
    return type(value).__module__.startswith("flint")


def bounded(value: Any, error: Any) -> Any:
    """Attach the absolute error bound `error` to `value`; balls carry their own and keep it."""
    if is_exact(value):
        return value
    floats = np.asarray(value, dtype=np.float64)
    bounds = np.asarray(error, dtype=np.float64)
    if bounds.shape != floats.shape:
        bounds = np.broadcast_to(bounds, floats.shape)
    return Bounded(floats, bounds)
