"""exp(x) − 1 − x without cancellation."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from alignprops.atoms import Atom


class excess(Atom):
    """eˣ − 1 − x ≥ 0: what the exponential has beyond its tangent at 0.

    In floats `expm1(x) − x` is never negative, because x is itself a float and a faithfully rounded expm1 does not fall
    below it; `exp(x) − 1 − x` is negative for about half of all small x.
    """

    notation = r"\operatorname{excess}\left(%s\right)"
    #: Below it the series x²/2 + x³/6 + … is exact to float64 rounding.
    _small = 1e-3

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return sp.exp(x) - 1 - x

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(self.args[0]) - 1

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @classmethod
    def steepest(cls, x: Any, error: Any) -> Any:
        """A bound on |eˣ − 1| near `x`."""
        return np.maximum(np.abs(np.expm1(x + error)), np.abs(np.expm1(x - error)))

    @classmethod
    def _floats(cls, x: Any) -> Any:
        near = np.where(np.abs(x) < cls._small, x, 0)
        series = near * near * (1 / 2 + near * (1 / 6 + near * (1 / 24 + near / 120)))
        return np.where(np.abs(x) < cls._small, series, np.expm1(x) - x)

    @staticmethod
    def _ball(x: Any) -> Any:
        return x.expm1() - x

    @staticmethod
    def _tensor(x: Any) -> Any:
        return x.expm1() - x
