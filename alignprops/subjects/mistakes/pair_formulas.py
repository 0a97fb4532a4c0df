"""Mistakes in the formula of one convex loss, or of one divergence: a factor, a power, or a sign that is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy as sp

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pair_torch import TorchPairLoss
from alignprops.losses.pairs.symbols import beta, pair_margin, smoothed
from alignprops.subjects.mistakes.mistake import Mistake
from alignprops.subjects.mistakes.pairwise import MISTAKES as OF_ANY_LOSS
from alignprops.subjects.mistakes.pairwise import Plant

Edit = Callable[[sp.Expr], sp.Expr]


@dataclass(frozen=True, eq=False)
class EditedLoss(TorchPairLoss):
    """A loss with another expression than the paper's."""

    edit: Edit = sp.sympify

    def expression(self) -> sp.Expr:
        return self.edit(super().expression())


def edited(edit: Edit, *losses: str) -> Plant:
    """A plant that changes the expression of these losses; None where that changes nothing."""

    def plant(honest: Conformer) -> Conformer | None:
        loss = honest.specification
        if loss.name not in losses:
            return None
        right = loss.expression(honest.variant)  # type: ignore[attr-defined]
        if edit(right) == right:
            return None
        wrong = EditedLoss(loss, honest.variant, honest.form, honest.reduction, edit)  # type: ignore[arg-type]
        return replace(honest, function=wrong)

    return plant


def _not_squared(expression: sp.Expr) -> sp.Expr:
    return expression.replace(lambda part: part.is_Pow and part.exp == 2, lambda part: part.base)


def _of_log_ratios(_: sp.Expr) -> sp.Expr:
    """The divergence is not looked at: DPO of the reverse KL."""
    return smoothed(pair_margin)


FORMULA_MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "hinge-without-beta",
        "takes the hinge of the log-ratio difference without beta",
        (21,),
        edited(lambda loss: loss.subs(beta, 1), "hinge"),
    ),
    Mistake(
        "squared-hinge-not-squared",
        "returns the plain hinge where it is to be squared",
        (22,),
        edited(_not_squared, "squared-hinge"),
    ),
    Mistake(
        "exponential-of-the-negative",
        "has the sign of the margin wrong in the exponent",
        (7, 22),
        edited(lambda loss: 1 / loss, "exponential"),
    ),
    Mistake(
        "divergence-ignored",
        "takes the margin of the reverse KL for that of another divergence",
        (11,),
        edited(_of_log_ratios, "f-dpo-forward-kl", "f-dpo-js", "f-dpo-alpha"),
    ),
)
#: Of any loss, and of single ones.
MISTAKES = (*OF_ANY_LOSS, *FORMULA_MISTAKES)
