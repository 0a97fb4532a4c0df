"""Mistakes of losses of single labelled answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.atoms import sigmoid, softplus
from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.unpaired import POLICY
from alignprops.conformance.unpaired_case import SPLIT, TOKENS, WEIGHTS, UnpairedConformer
from alignprops.conformance.unpaired_torch import Stream, TorchUnpairedLoss
from alignprops.losses.unpaired.table import BATCH
from alignprops.subjects.mistakes.mistake import Mistake

Plant = Callable[[Conformer], Conformer | None]
Needs = Callable[[UnpairedConformer], bool]


def _planted(make: type[TorchUnpairedLoss], *, needs: Needs = lambda _: True) -> Plant:
    """A plant that puts a wrong class in the place of the honest one."""

    def plant(honest: Conformer) -> Conformer | None:
        if not isinstance(honest, UnpairedConformer) or not needs(honest):
            return None
        return replace(honest, function=make(honest.loss, honest.form, honest.reduction))

    return plant


def _averages(honest: UnpairedConformer) -> bool:
    return honest.averages_point


def _weighs_classes(honest: UnpairedConformer) -> bool:
    return "desirable_weight" in honest.options


def _is_mean(honest: UnpairedConformer) -> bool:
    return honest.reduction == "mean"


def _is_whole(honest: UnpairedConformer) -> bool:
    return honest.reduction == "none"


def _of_tokens(honest: UnpairedConformer) -> bool:
    return honest.form == TOKENS


def _logistic(honest: UnpairedConformer) -> bool:
    return "logistic" in honest.loss.traits


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


@dataclass(frozen=True, eq=False)
class _WithOptions:
    """The honest loss, called with other values of its options than it is given."""

    honest: Callable[[Call], Mapping[str, Any]]
    change: Callable[[Mapping[str, Any]], dict[str, Any]]

    def __call__(self, call: Call) -> Mapping[str, Any]:
        return self.honest(call.with_options(**self.change(call.options)))


def _changed(change: Callable[[Mapping[str, Any]], dict[str, Any]], needs: Needs) -> Plant:
    def plant(honest: Conformer) -> Conformer | None:
        if not isinstance(honest, UnpairedConformer) or not needs(honest):
            return None
        return replace(honest, function=_WithOptions(honest.function, change))

    return plant


def _without_weights(_: Mapping[str, Any]) -> dict[str, Any]:
    return {"desirable_weight": 1.0, "undesirable_weight": 1.0}


def _swapped_weights(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"desirable_weight": options["undesirable_weight"], "undesirable_weight": options["desirable_weight"]}


MISTAKES: tuple[Mistake, ...] = (
    Mistake("classes-swapped", "takes desirable answers for undesirable ones", (83,), _planted(SwappedClasses)),
    Mistake("rewards-swapped", "logs the rewards of the two classes for each other", (83,), _planted(SwappedRewards)),
    Mistake(
        "class-weights-ignored",
        "accepts the weights of the classes and ignores them",
        (16,),
        _changed(_without_weights, _weighs_classes),
    ),
    Mistake(
        "class-weights-swapped",
        "gives each class the weight of the other",
        (16,),
        _changed(_swapped_weights, _weighs_classes),
    ),
    Mistake("reference-forgotten", "ignores the reference model", (1, 16), _planted(ReferenceForgotten)),
    Mistake("beta-ignored", "accepts beta and ignores it", (21,), _changed(lambda _: {"beta": 1 / 8}, lambda _: True)),
    Mistake(
        "kl-unclamped", "does not clamp the reference point at 0", (14,), _planted(UnclampedPoint, needs=_averages)
    ),
    Mistake(
        "kl-attached",
        "lets gradients flow through the reference point",
        (14,),
        _planted(AttachedPoint, needs=_averages),
    ),
    Mistake(
        "kl-negated",
        "takes the KL of its reference point with the wrong sign",
        (14,),
        _planted(NegatedPoint, needs=_averages),
    ),
    Mistake(
        "kl-summed",
        "sums the KL of the reference point over the batch instead of averaging",
        (15,),
        _planted(SummedPoint, needs=_averages),
    ),
    Mistake(
        "kl-of-own-answers",
        "finds the reference point on the labelled answers, not on mismatched ones",
        (14,),
        _planted(PointOfOwnAnswers, needs=_averages),
    ),
    Mistake(
        "kl-forgotten",
        "leaves the reference point out",
        (14,),
        _planted(PointForgotten, needs=lambda honest: honest.loss.uses_point),
    ),
    Mistake(
        "mean-of-class-means",
        "averages the means of the classes, however many examples each has",
        (84,),
        _planted(MeanOfClassMeans, needs=_is_mean),
    ),
    Mistake(
        "empty-class-nan",
        "puts its mean together from the classes' means, and is NaN where a class is empty",
        (14, 84),
        _planted(EmptyClassIsNaN, needs=_is_mean),
    ),
    Mistake(
        "batch-mean",
        "returns the mean of the batch for every answer",
        (80,),
        _planted(BatchMeanForEach, needs=_is_whole),
    ),
    Mistake(
        "sigmoid-mirrored",
        "has sigmoid(u) where 1 - sigmoid(u) belongs",
        (7,),
        _planted(WrongSigmoid, needs=lambda honest: "saturating" in honest.loss.traits),
    ),
    Mistake(
        "undesirable-sign",
        "pushes undesirable answers up like the desirable ones",
        (22,),
        _planted(WrongUndesirableSign, needs=_logistic),
    ),
    Mistake(
        "log-of-sigmoid",
        "computes log(sigmoid(x)) in two steps: infinite, with a NaN or lost gradient, where sigmoid underflows",
        (19,),
        _planted(LogOfSigmoid, needs=_logistic),
    ),
    Mistake(
        "shift-deleted",
        "leaves the reward shift delta out",
        (),
        _planted(ShiftDeleted, needs=lambda h: h.loss.uses_shift),
    ),
    Mistake(
        "shift-attached",
        "lets gradients flow through the reward shift delta",
        (),
        _planted(AttachedShift, needs=lambda honest: honest.variant == BATCH),
    ),
    Mistake(
        "ratios-ignored",
        "takes density ratios and ignores them",
        (16,),
        _planted(RatiosIgnored, needs=lambda honest: WEIGHTS in honest.takes),
    ),
    Mistake("zero-gradient", "gives the right value with a gradient of 0", (19, 20), _planted(ZeroGradient)),
    Mistake("padding-included", "lets masked tokens enter", (17, 24, 25), _planted(PaddingIncluded, needs=_of_tokens)),
    Mistake(
        "kl-with-padding",
        "lets masked tokens enter the reference point",
        (59,),
        _planted(PointWithPadding, needs=_of_tokens),
    ),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        _planted(MaskMultiplied, needs=_of_tokens),
    ),
    Mistake(
        "tokens-averaged",
        "averages the token log-probabilities where the loss is of their sum",
        (8,),
        _planted(TokensAveraged, needs=_of_tokens),
    ),
    Mistake("rewards-attached", "returns rewards that are not detached", (12,), _planted(AttachedRewards)),
    Mistake("rewards-without-beta", "logs rewards without beta", (88,), _planted(RewardsWithoutBeta)),
    Mistake("in-place", "changes its inputs in place", (91,), _planted(InPlace)),
)
