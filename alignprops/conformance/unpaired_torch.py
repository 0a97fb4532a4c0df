"""A loss of labelled answers in torch, evaluated from its expressions: the honest reference subject.

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
from alignprops.conformance.unpaired import POLICY, POLICY_KL, REFERENCE, REFERENCE_KL
from alignprops.conformance.unpaired_case import DELTA, KL, LOSS, SPLIT, SPLIT_POLICY, SPLIT_REFERENCE, TOKENS, WEIGHTS
from alignprops.expressions import symbols_of
from alignprops.losses.evaluation import evaluate
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss


@dataclass(frozen=True)
class Stream:
    """The labelled answers in one row each.

    Attributes:
        policy, reference: (B,) log-probabilities of the answers.
        desirable: (B,) bool.
        weights: (B,) density ratios.
    """

    policy: Tensor
    reference: Tensor
    desirable: Tensor
    weights: Tensor


@dataclass(frozen=True, eq=False)
class TorchUnpairedLoss:
    """Called with the kind's inputs, returns the loss, the rewards by class, and the reference point if there is one.

    Attributes:
        loss: what is computed.
        form: "split", "labels" or "tokens", see `alignprops.conformance.unpaired_case`.
        reduction: "none": the loss is (B,); "mean" or "sum" over the batch: ().
    """

    loss: UnpairedLoss
    form: str = SPLIT
    reduction: str = "none"

    def __call__(self, call: Call) -> Mapping[str, Any]:
        stream = self.stream(call)
        point, shift = self.point(stream, call), self.shift(stream, call)
        chosen, rejected = self.rewards(stream, call)
        made = {LOSS: self.reduced(self.losses(stream, point, shift, call), stream)}
        made |= {"chosen_rewards": chosen, "rejected_rewards": rejected}
        return made | ({KL: point} if self.loss.uses_point else {})

    def stream(self, call: Call) -> Stream:
        """The inputs, whatever their form."""
        given = call.tensors
        if self.form == SPLIT:
            policy, reference = (torch.cat([given[name] for name in pair]) for pair in (SPLIT_POLICY, SPLIT_REFERENCE))
            desirable = torch.arange(len(policy)) < len(given[SPLIT_POLICY[0]])
            ones = torch.ones_like(given[SPLIT_POLICY[0]].detach())
            weights = torch.cat([ones, given[WEIGHTS]]) if WEIGHTS in given else torch.ones_like(policy.detach())
            return Stream(policy, reference, desirable, weights)
        policy, reference = self.logps(POLICY, call), self.logps(REFERENCE, call)
        weights = given.get(WEIGHTS, torch.ones_like(policy.detach()))
        return Stream(policy, reference, given["labels"] != 0, weights)

    def logps(self, name: str, call: Call) -> Tensor:
        """(B,) as given, or summed over the tokens of the mask."""
        if self.form != TOKENS:
            return call.tensors[name]
        return torch.where(self.mask(name, call), call.tensors[name], 0).sum(dim=1)

    def mask(self, name: str, call: Call) -> Tensor:
        """(B, T) bool: which tokens of an input count."""
        return call.tensors["KL_mask" if "KL" in name else "mask"] != 0

    def point(self, stream: Stream, call: Call) -> Tensor:
        """(), z₀ = max(0, mean KL of the mismatched answers), without a gradient."""
        if not self.loss.uses_point:
            return torch.zeros_like(stream.policy[:1].detach().sum())
        if KL in call.tensors:
            return call.tensors[KL]
        return self.divergences(stream, call).mean().clamp(min=0).detach()  # Ethayarajh et al. 2024, Eq. 7

    def divergences(self, stream: Stream, call: Call) -> Tensor:  # mistakes look at the stream
        """(B,), log π/π_ref of the mismatched answers."""
        return self.logps(POLICY_KL, call) - self.logps(REFERENCE_KL, call)

    def shift(self, stream: Stream, call: Call) -> Tensor | float:
        """(), δ: given, or the mean reward of the batch without a gradient."""
        if not self.loss.uses_shift:
            return 0.0
        if DELTA in call.tensors:
            return call.tensors[DELTA]
        rewards: Tensor = call.options["beta"] * (stream.policy - stream.reference)
        return rewards.mean().detach()

    def losses(self, stream: Stream, point: Tensor, shift: Tensor | float, call: Call) -> Tensor:
        """(B,): the expression of each example's class."""
        known: dict[str, Any] = {**call.options, "kl": point, "delta": shift, "weights": stream.weights}
        known |= {"policy_logps": stream.policy, "reference_logps": stream.reference}
        undesirable, desirable = (self.evaluated(part, known) for part in self.expressions())
        return torch.where(stream.desirable, desirable, undesirable)

    def expressions(self) -> tuple[sp.Expr, sp.Expr]:
        """The loss of an undesirable and of a desirable example."""
        return self.loss.by_class

    def evaluated(self, expression: sp.Expr, known: Mapping[str, Any]) -> Any:
        """A value of an expression, differentiable."""
        return evaluate(expression, {symbol: known[symbol.name] for symbol in symbols_of(expression)})

    def rewards(self, stream: Stream, call: Call) -> tuple[Tensor, Tensor]:
        """The implicit rewards of the desirable and of the undesirable examples, without a gradient."""
        known = {"policy_logps": stream.policy, "reference_logps": stream.reference, **call.options}
        rewards = self.evaluated(self.loss.reward, known).detach()
        return rewards[stream.desirable], rewards[~stream.desirable]

    def reduced(self, losses: Tensor, stream: Stream) -> Tensor:  # mistakes look at the stream
        """(B,) or (), by the reduction."""
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()
