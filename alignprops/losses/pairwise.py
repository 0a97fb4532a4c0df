"""A loss of one preference pair as a function f of its margin: one expression, and everything else from it.

Convention: the margin is β × the log-ratio difference,
`m = β[(log π(y_w|x) − log π_ref(y_w|x)) − (log π(y_l|x) − log π_ref(y_l|x))]`, summed over a response's tokens.
A training loss is the mean of f over pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from alignprops.atoms import expand_atoms, is_tensor
from alignprops.losses.evaluation import evaluate
from alignprops.measured import is_exact
from alignprops.quantity import real

#: The margin m of a pair.
margin = real("margin", "m")


@dataclass(frozen=True, eq=False)
class PairwiseLoss:
    """A convex function f of the margin with f'(0) < 0.

    Attributes:
        name: as settings and the command line spell it.
        title: the loss in the words of the field.
        source: the paper, and the place in it.
        expression: f in `margin` and the symbols of the hyper-parameters.
        smoothness: c₂, the Lipschitz constant of f' (oo if there is none), in the hyper-parameters.
        infimum: inf f (−oo if f is unbounded below), in the hyper-parameters.
        parameters: values of the hyper-parameters, by name.
    """

    name: str
    title: str
    source: str
    expression: sp.Expr
    smoothness: sp.Expr
    infimum: sp.Expr
    parameters: Mapping[str, Any]

    @cached_property
    def derivative(self) -> sp.Expr:
        """f' as an expression; where f has a kink, the mean of the slopes on its two sides."""
        return sp.diff(self.expression, margin)

    @cached_property
    def slope_at_zero(self) -> sp.Expr:
        """a₀ = −f'(0) > 0, in the hyper-parameters."""
        return sp.simplify(expand_atoms(-self.derivative.subs(margin, 0)))

    @cached_property
    def value_at_zero(self) -> sp.Expr:
        """f(0), the loss of a policy that is its own reference, in the hyper-parameters."""
        return sp.simplify(expand_atoms(self.expression.subs(margin, 0)))

    def value(self, margins: Any) -> Any:
        """f(m) of every margin: numpy floats, a torch tensor (differentiable) or balls; shape and dtype are kept.

        Stable for |m| up to 1e4 and beyond; only `exponential` outgrows its dtype there, to infinity.
        """
        return evaluate(self.expression, self._values(margins))

    def slope(self, margins: Any) -> Any:
        """f'(m) of every margin, as `value`."""
        return evaluate(self.derivative, self._values(margins))

    def number(self, constant: sp.Expr) -> float:
        """A constant of the loss (`slope_at_zero`, `smoothness` …) as a float, at its hyper-parameters."""
        exact = {symbol: sp.Rational(self.parameters[str(symbol)]) for symbol in constant.free_symbols}
        return float(constant.subs(exact))

    @cached_property
    def symbols(self) -> Mapping[str, sp.Symbol]:
        """The symbols of the hyper-parameters, by name."""
        return {str(symbol): symbol for symbol in self.expression.free_symbols - {margin}}

    def _values(self, margins: Any) -> dict[sp.Symbol, Any]:
        if not is_tensor(margins) and not is_exact(margins):
            given = np.asarray(margins)
            margins = given if given.dtype.kind == "f" else given.astype(np.float64)
        return {margin: margins} | {symbol: self.parameters[name] for name, symbol in self.symbols.items()}
