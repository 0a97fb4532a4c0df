"""Losses of preference pairs with another expression, another sorting or another gradient than the paper's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pair_torch import TorchPairLoss
from alignprops.losses.pairs.pair_loss import LD_ALPHA, PairLoss
from alignprops.losses.pairs.symbols import POLICY
from alignprops.subjects.mistakes.pairwise import Plant


@dataclass(frozen=True, eq=False)
class WithExpression(TorchPairLoss):
    """A loss with another expression than the paper's."""

    wrong: sp.Expr = sp.S.Zero

    def expression(self) -> sp.Expr:
        return self.wrong


def computing(loss: str, wrong: sp.Expr | Mapping[str, sp.Expr]) -> Plant:
    """A plant that computes another expression where that loss is meant, in all conventions or in those named."""

    def instead(right: PairLoss, variant: str) -> sp.Expr:
        if not isinstance(wrong, Mapping):
            return wrong
        return wrong.get(variant, right.expression(variant))

    return rewriting(instead, loss)


def rewriting(edit: Callable[[PairLoss, str], sp.Expr], *losses: str) -> Plant:
    """A plant that computes another expression where one of these losses is meant; None where it is the same."""

    def plant(honest: Conformer) -> Conformer | None:
        loss: Any = honest.specification
        if loss.name not in losses:
            return None
        wrong = edit(loss, honest.variant)
        if wrong == loss.expression(honest.variant):
            return None
        return replace(
            honest,
            function=WithExpression(loss, honest.variant, honest.form, honest.reduction, wrong),
        )

    return plant


@dataclass(frozen=True, eq=False)
class ChosenIsShared(TorchPairLoss):
    """Tokens lose weight beyond the chosen response's length, whichever is shorter."""

    def token_weights(self, name: str, call: Call) -> Tensor:
        chosen = self.mask(POLICY[0].name, call).sum(dim=1)[:, None]
        rank = self.mask(name, call).cumsum(dim=1)
        return torch.where(rank <= chosen, 1.0, float(call.options[LD_ALPHA]))


def weighing(wrong: type[TorchPairLoss]) -> Plant:
    """A plant that weighs tokens otherwise where a loss weighs them by the shorter response's length."""

    def plant(honest: Conformer) -> Conformer | None:
        loss: Any = honest.specification
        if loss.tokens(honest.variant) != "shared":
            return None
        return replace(honest, function=wrong(loss, honest.variant, honest.form, honest.reduction))

    return plant


#: Values by name and their sorted order by name -> the values of the i-th pairs.
Arranging = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Mapping[str, Tensor]]


@dataclass(frozen=True, eq=False)
class WithArrangement(TorchPairLoss):
    """A loss that sorts the batch otherwise than it should."""

    arranging: Arranging = lambda values, _: values

    def _arranged(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        assert self.loss.arrangement is not None
        rows = self.loss.arrangement({name: value.detach().double().numpy() for name, value in values.items()})
        return self.arranging(values, {name: torch.from_numpy(order) for name, order in rows.items()})


def arranging(how: Arranging) -> Plant:
    """A plant that sorts otherwise where a loss sorts the batch."""

    def plant(honest: Conformer) -> Conformer | None:
        loss: Any = honest.specification
        if getattr(loss, "arrangement", None) is None:
            return None
        return replace(
            honest,
            function=WithArrangement(loss, honest.variant, honest.form, honest.reduction, how),
        )

    return plant
