"""A loss of preference pairs in torch, evaluated from its expression: the honest reference subject.

Its steps are methods, so that a mistake can be planted in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.pairwise import LOGPS, MASK_OF
from alignprops.expressions import symbols_of
from alignprops.losses.evaluation import evaluate
from alignprops.losses.pairs.pair_loss import LD_ALPHA, PairLoss
from alignprops.losses.pairs.symbols import LENGTHS, POLICY, REFERENCE

_SYMBOLS = (*POLICY, *REFERENCE, *LENGTHS)


@dataclass(frozen=True, eq=False)
class TorchPairLoss:
    """Called with the kind's inputs, returns {"loss", "chosen_rewards", "rejected_rewards"}.

    Attributes:
        loss, variant: what is computed, in which convention.
        form: "sequence": inputs (B,), one log-probability a response; "tokens": inputs (B, T) with masks (B, T).
        reduction: "none": the loss is (B,); "mean" or "sum" over the batch: ().
    """

    loss: PairLoss
    variant: str = ""
    form: str = "sequence"
    reduction: str = "none"

    def __call__(self, call: Call) -> Mapping[str, Any]:
        values = self.values(call)
        chosen, rejected = self.rewards(values, call)
        return {"loss": self.reduced(self.losses(values, call)), "chosen_rewards": chosen, "rejected_rewards": rejected}

    def values(self, call: Call) -> dict[str, Tensor]:
        """The inputs of the expression, (B,) each."""
        made = {name: self.logps(name, call) for name in LOGPS}
        like = made[LOGPS[0]]
        return made | {symbol.name: call.tensors[symbol.name].to(like.dtype) for symbol in LENGTHS}

    def logps(self, name: str, call: Call) -> Tensor:
        """(B,) the log-probabilities of responses: as given, or summed or averaged over the tokens of the mask."""
        given = call.tensors[name]
        if self.form == "sequence":
            return given
        mask, tokens = self.mask(name, call), self.loss.tokens(self.variant)
        kept = torch.where(mask, given, 0)
        if tokens == "shared":
            kept = kept * self.token_weights(name, call).to(kept.dtype)
        return kept.sum(dim=1) / mask.sum(dim=1) if tokens == "mean" else kept.sum(dim=1)

    def token_weights(self, name: str, call: Call) -> Tensor:
        """(B, T): what tokens weigh in a loss of shared lengths; 1 up to the shorter response's length."""
        chosen, rejected = (self.mask(part.name, call) for part in POLICY)
        shorter = torch.minimum(chosen.sum(dim=1), rejected.sum(dim=1))[:, None]
        rank = self.mask(name, call).cumsum(dim=1)
        return torch.where(rank <= shorter, 1.0, float(call.options[LD_ALPHA]))

    def mask(self, name: str, call: Call) -> Tensor:
        """(B, T) bool: which tokens of an input count."""
        return call.tensors[MASK_OF[name]] != 0

    def losses(self, values: Mapping[str, Tensor], call: Call) -> Tensor:
        """(B,): the expression, with what is stopped held fixed."""
        arranged = self._arranged(values)
        known = self._known(arranged, call)
        for symbol, definition in self.loss.stopped.items():
            known[symbol] = self.evaluated(definition, known).detach()
        like = arranged[LOGPS[0]]
        made: Tensor = self.evaluated(self.expression(), known) + torch.zeros_like(like)  # it may be constant
        return made

    def expression(self) -> sp.Expr:
        """The loss of a pair."""
        return self.loss.expression(self.variant)

    def evaluated(self, expression: sp.Expr, known: Mapping[sp.Symbol, Any]) -> Any:
        """A value of an expression, differentiable."""
        return evaluate(expression, known)

    def rewards(self, values: Mapping[str, Tensor], call: Call) -> tuple[Tensor, Tensor]:
        """(B,) each, without a gradient: what is logged."""
        known = self._known(values, call)
        chosen, rejected = (self.evaluated(part, known).detach() for part in self.loss.rewards)
        return chosen, rejected

    def reduced(self, losses: Tensor) -> Tensor:
        """(B,) or (), by the reduction."""
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()

    def _known(self, values: Mapping[str, Tensor], call: Call) -> dict[sp.Symbol, Any]:
        expressions = [self.expression(), *self.loss.rewards, *self.loss.stopped.values()]
        symbols = frozenset[sp.Symbol]().union(*map(symbols_of, expressions)) - set(self.loss.stopped)
        given = {**call.options, **values}
        return {symbol: given[symbol.name] for symbol in symbols}

    def _arranged(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if self.loss.arrangement is None:
            return values
        rows = self.loss.arrangement({name: value.detach().double().numpy() for name, value in values.items()})
        return {name: value[torch.from_numpy(rows[name])] if name in rows else value for name, value in values.items()}
