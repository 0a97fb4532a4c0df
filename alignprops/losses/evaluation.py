"""Plain values of an expression: float arrays, torch tensors (differentiable) and balls, in the dtype that is given.

Constants are Python floats beside arrays and tensors, so that float32 stays float32, and exact beside balls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from alignprops.atoms import is_tensor
from alignprops.expressions import exact, in_world
from alignprops.measured import is_exact


class _Plain:
    """numpy and torch numbers, without a count of the rounding."""

    @staticmethod
    def constant(expr: sp.Expr) -> float:
        return float(expr.evalf(25))

    @staticmethod
    def add(terms: list[Any]) -> Any:
        return reduce(lambda a, b: a + b, terms)

    @staticmethod
    def multiply(a: Any, b: Any) -> Any:
        return a * b

    @staticmethod
    def reciprocal(a: Any) -> Any:
        return 1 / a

    @staticmethod
    def root(a: Any) -> Any:
        return a**0.5

    @staticmethod
    def power(a: Any, b: Any) -> Any:
        return a**b

    @staticmethod
    def exponential(a: Any) -> Any:
        return a.exp() if is_tensor(a) else np.exp(a)

    @staticmethod
    def logarithm(a: Any) -> Any:
        return a.log() if is_tensor(a) else np.log(a)

    @staticmethod
    def smooth(function: Callable[[Any], Any], _steepest: Any, a: Any) -> Any:
        # Atoms know tensors; the other functions are numpy's, and torch calls them by the same names.
        return getattr(a, function.__name__)() if is_tensor(a) and isinstance(function, np.ufunc) else function(a)

    @staticmethod
    def largest(terms: list[Any]) -> Any:
        return reduce(_maximum, terms)

    @staticmethod
    def step(a: Any) -> Any:
        """1 above 0, 0 below, ½ at 0."""
        return (1 + a.sign()) / 2 if is_tensor(a) else (1 + np.sign(a)) / 2


def _maximum(a: Any, b: Any) -> Any:
    """The larger; where they are equal, torch's slope is the mean of the two."""
    if not (is_tensor(a) or is_tensor(b)):
        return np.maximum(a, b)
    import torch

    like = a if is_tensor(a) else b
    return torch.maximum(*(part if is_tensor(part) else torch.full_like(like, part) for part in (a, b)))


def evaluate(expr: sp.Expr, values: Mapping[sp.Symbol, Any]) -> Any:
    """The value of `expr`; overflow gives an infinity without a warning."""
    if any(is_exact(value) for value in values.values()):
        return exact(expr, values)
    with np.errstate(over="ignore", invalid="ignore"):
        return in_world(expr, _Plain)(values)
