"""One loss of single answers: an expression for the desirable and one for the undesirable, with their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from alignprops.atoms import sigmoid
from alignprops.conformance.specification import Specification
from alignprops.losses.unpaired.symbols import point, policy, reward, shift


@dataclass(frozen=True, eq=False)
class UnpairedLoss(Specification):
    """A loss of one answer that people did or did not want.

    Attributes:
        desirable, undesirable: the loss of an example of either class, in `alignprops.losses.unpaired.symbols`. The
            reference point and the shift stand as symbols: no gradient flows through them.
        reward: the implicit reward, reported beside the loss.
    """

    desirable: sp.Expr = sp.S.Zero
    undesirable: sp.Expr = sp.S.Zero
    reward: sp.Expr = reward

    @property
    def by_class(self) -> tuple[sp.Expr, sp.Expr]:
        """The two expressions, of the undesirable and of the desirable: indexed by the label."""
        return self.undesirable, self.desirable

    @property
    def gradients(self) -> tuple[sp.Expr, sp.Expr]:
        """∂loss/∂log π(y|x) of either class, from the same expressions, in the order of `by_class`."""
        return _gradient(self.undesirable), _gradient(self.desirable)

    @property
    def uses_point(self) -> bool:
        """Whether it needs the reference point z₀."""
        return point in self._symbols

    @property
    def uses_shift(self) -> bool:
        """Whether it needs the shift δ."""
        return shift in self._symbols

    @property
    def _symbols(self) -> set[Any]:
        return {*self.desirable.free_symbols, *self.undesirable.free_symbols}


@lru_cache(maxsize=64)
def _gradient(expression: sp.Expr) -> sp.Expr:
    return sp.diff(expression, policy)


@lru_cache(maxsize=64)
def as_differentiated(gradient: sp.Expr) -> sp.Expr:
    """The same gradient as a chain rule finds it that keeps y = σ(u) alone: y(1 − y), off by a rounding of 1.

    Honest code writes 1 − σ(u) as the papers do, or σ(−u); in either tail one of the two loses what is small.
    """
    return gradient.replace(sigmoid, lambda u: 1 - sigmoid(-u))
