"""Checks of what a user gives for a last-layer problem; each refusal says what was given and what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError

Integers = NDArray[np.int64]


def checked_arrays(
    features: ArrayLike, signs: ArrayLike, *, counts: ArrayLike | None, behaviours: ArrayLike | None
) -> tuple[NDArray[Any], Integers, Integers, Integers]:
    """Features (n, d) float64, signs, counts, behaviour labels (n,) int64. Raises InputError."""
    rows = np.ascontiguousarray(features, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"features have shape {rows.shape}; expected (samples, dimension), both ≥ 1")
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).any(axis=1).sum())
        raise InputError(f"{bad} of {len(rows)} feature rows hold NaN or infinity; recompute them")
    labels = _integers("signs", signs, len(rows))
    if not np.isin(labels, (-1, 1)).all():
        strange = sorted(set(labels.tolist()) - {-1, 1})
        raise InputError(f"signs hold {strange}; expected +1 (prefers y+) or -1")
    many = _integers("counts", np.ones(len(rows)) if counts is None else counts, len(rows))
    if many.min() < 1:
        raise InputError(f"counts hold {many.min()}; expected multiplicities of at least 1")
    kinds = _integers("behaviours", np.zeros(len(rows)) if behaviours is None else behaviours, len(rows))
    if not np.array_equal(np.unique(kinds), np.arange(kinds.max() + 1)):
        given = np.unique(kinds).tolist()
        raise InputError(f"behaviours hold {given}; expected labels 0, 1, … without a gap")
    return rows, labels, many, kinds


def checked_settings(eta: float, beta: float, steps: int) -> tuple[float, float, int]:
    """η, β and the number of steps. Raises InputError."""
    for name, number in (("eta", eta), ("beta", beta)):
        if not (np.isfinite(number) and number > 0):
            raise InputError(f"{name} is {number!r}; expected a positive number")
    if int(steps) != steps or steps < 1:
        raise InputError(f"steps is {steps!r}; expected an integer of at least 1")
    return float(eta), float(beta), int(steps)


def _integers(name: str, values: ArrayLike, n: int) -> Integers:
    array = np.asarray(values)
    if array.shape != (n,):
        raise InputError(f"{name} have shape {array.shape}; expected ({n},), one for each feature row")
    if not np.isfinite(array.astype(np.float64)).all() or (array != np.round(array)).any():
        raise InputError(f"{name} hold numbers that are not integers")
    return np.ascontiguousarray(array, dtype=np.int64)
