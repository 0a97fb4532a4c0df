"""Losses of single labelled answers with one step that is wrong: what the mistakes of the kind are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.atoms import sigmoid, softplus
from alignprops.conformance.call import Call
from alignprops.conformance.unpaired import POLICY
from alignprops.conformance.unpaired_case import SPLIT
from alignprops.conformance.unpaired_torch import Stream, TorchUnpairedLoss

# --- classes ----------------------------------------------------------------------------------------------------


class SwappedClasses(TorchUnpairedLoss):
    """Desirable answers are taken for undesirable ones."""

    def losses(self, stream: Stream, point: Tensor, shift: Tensor | float, call: Call) -> Tensor:
        return super().losses(replace(stream, desirable=~stream.desirable), point, shift, call)


class SwappedRewards(TorchUnpairedLoss):
    """The rewards of the classes are logged for each other."""

    def rewards(self, stream: Stream, call: Call) -> tuple[Tensor, Tensor]:
        chosen, rejected = super().rewards(stream, call)
        return rejected, chosen


class MeanOfClassMeans(TorchUnpairedLoss):
    """The means of the classes are averaged, however many examples each has."""

    def reduced(self, losses: Tensor, stream: Stream) -> Tensor:
        parts = [losses[at] for at in (stream.desirable, ~stream.desirable) if bool(at.any())]
        return torch.stack([part.mean() for part in parts]).mean()


class EmptyClassIsNaN(TorchUnpairedLoss):
    """The mean is put together from the means of the classes, one of which may be 0/0."""

    def reduced(self, losses: Tensor, stream: Stream) -> Tensor:
        share = stream.desirable.to(losses.dtype).mean()
        return share * losses[stream.desirable].mean() + (1 - share) * losses[~stream.desirable].mean()


# --- the reference point ----------------------------------------------------------------------------------------


class UnclampedPoint(TorchUnpairedLoss):
    """The reference point may be negative."""

    def point(self, stream: Stream, call: Call) -> Tensor:
        return self.divergences(stream, call).mean().detach()


class AttachedPoint(TorchUnpairedLoss):
    """Gradients flow through the reference point."""

    def point(self, stream: Stream, call: Call) -> Tensor:
        return self.divergences(stream, call).mean().clamp(min=0)


class NegatedPoint(TorchUnpairedLoss):
    """The KL of the reference point has the wrong sign."""

    def divergences(self, stream: Stream, call: Call) -> Tensor:
        return -super().divergences(stream, call)


class SummedPoint(TorchUnpairedLoss):
    """The reference point is the sum over the batch, not the mean."""

    def point(self, stream: Stream, call: Call) -> Tensor:
        return self.divergences(stream, call).sum().clamp(min=0).detach()


class PointOfOwnAnswers(TorchUnpairedLoss):
    """The reference point is found on the labelled answers themselves, not on mismatched ones."""

    def divergences(self, stream: Stream, call: Call) -> Tensor:
        return stream.policy - stream.reference


class PointForgotten(TorchUnpairedLoss):
    """The reference point does not enter."""

    def losses(self, stream: Stream, point: Tensor, shift: Tensor | float, call: Call) -> Tensor:
        return super().losses(stream, torch.zeros_like(point), shift, call)


# --- the formula ------------------------------------------------------------------------------------------------


class ReferenceForgotten(TorchUnpairedLoss):
    """The reference model does not enter."""

    def stream(self, call: Call) -> Stream:
        made = super().stream(call)
        return replace(made, reference=torch.zeros_like(made.reference))


class WrongSigmoid(TorchUnpairedLoss):
    """σ(u) where 1 − σ(u) belongs, or the mirrored logistic loss."""

    def expressions(self) -> tuple[sp.Expr, sp.Expr]:
        undesirable, desirable = super().expressions()
        return tuple(part.replace(sigmoid, _mirrored(sigmoid)) for part in (undesirable, desirable))


class WrongUndesirableSign(TorchUnpairedLoss):
    """The undesirable answers are pushed up like the desirable ones."""

    def expressions(self) -> tuple[sp.Expr, sp.Expr]:
        undesirable, desirable = super().expressions()
        return undesirable.replace(softplus, _mirrored(softplus)), desirable


def _mirrored(atom: Any) -> Callable[[sp.Expr], sp.Expr]:
    return lambda u: atom(-u)


class LogOfSigmoid(TorchUnpairedLoss):
    """log(sigmoid(x)) is computed in two steps."""

    def expressions(self) -> tuple[sp.Expr, sp.Expr]:
        undesirable, desirable = super().expressions()
        return tuple(part.replace(softplus, lambda x: -sp.log(sigmoid(-x))) for part in (undesirable, desirable))


class ShiftDeleted(TorchUnpairedLoss):
    """The reward shift does not enter."""

    def shift(self, stream: Stream, call: Call) -> Tensor | float:
        return 0.0


class AttachedShift(TorchUnpairedLoss):
    """Gradients flow through the reward shift."""

    def shift(self, stream: Stream, call: Call) -> Tensor | float:
        rewards: Tensor = call.options["beta"] * (stream.policy - stream.reference)
        return rewards.mean()


class RatiosIgnored(TorchUnpairedLoss):
    """The density ratios are taken and ignored."""

    def stream(self, call: Call) -> Stream:
        made = super().stream(call)
        return replace(made, weights=torch.ones_like(made.weights))


class ZeroGradient(TorchUnpairedLoss):
    """The forward pass lies outside what is differentiated."""

    def losses(self, stream: Stream, point: Tensor, shift: Tensor | float, call: Call) -> Tensor:
        return super().losses(replace(stream, policy=stream.policy.detach()), point, shift, call)


class BatchMeanForEach(TorchUnpairedLoss):
    """Every answer gets the mean of the batch."""

    def reduced(self, losses: Tensor, stream: Stream) -> Tensor:
        return super().reduced(losses.mean().expand_as(losses), stream)


# --- tokens, metrics, purity ------------------------------------------------------------------------------------


class PaddingIncluded(TorchUnpairedLoss):
    """Masked tokens enter."""

    def mask(self, name: str, call: Call) -> Tensor:
        return torch.ones_like(super().mask(name, call))


class PointWithPadding(TorchUnpairedLoss):
    """Masked tokens enter the reference point."""

    def mask(self, name: str, call: Call) -> Tensor:
        mask = super().mask(name, call)
        return torch.ones_like(mask) if "KL" in name else mask


class MaskMultiplied(TorchUnpairedLoss):
    """The mask is a factor: inf and NaN under it survive as NaN."""

    def logps(self, name: str, call: Call) -> Tensor:
        return (call.tensors[name] * self.mask(name, call)).sum(dim=1)


class TokensAveraged(TorchUnpairedLoss):
    """Token log-probabilities are averaged where the loss is of their sum."""

    def logps(self, name: str, call: Call) -> Tensor:
        return super().logps(name, call) / self.mask(name, call).sum(dim=1)


class AttachedRewards(TorchUnpairedLoss):
    """The logged rewards keep their graph."""

    def rewards(self, stream: Stream, call: Call) -> tuple[Tensor, Tensor]:
        rewards = call.options["beta"] * (stream.policy - stream.reference)
        return rewards[stream.desirable], rewards[~stream.desirable]


class RewardsWithoutBeta(TorchUnpairedLoss):
    """The logged rewards lack β."""

    def rewards(self, stream: Stream, call: Call) -> tuple[Tensor, Tensor]:
        return super().rewards(stream, call.with_options(beta=1.0))


class InPlace(TorchUnpairedLoss):
    """The policy's log-probabilities are changed in place after use."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = super().__call__(call)
        name = "reference_chosen_logps" if self.form == SPLIT else POLICY.replace("policy", "reference")
        call.tensors[name].mul_(1.5)
        return made
