"""Mistakes of losses of single labelled answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.unpaired_case import TOKENS, WEIGHTS, UnpairedConformer
from alignprops.conformance.unpaired_torch import TorchUnpairedLoss
from alignprops.losses.unpaired.table import BATCH
from alignprops.subjects.mistakes import unpaired_classes as wrong
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
    Mistake("classes-swapped", "takes desirable answers for undesirable ones", (83,), _planted(wrong.SwappedClasses)),
    Mistake(
        "rewards-swapped", "logs the rewards of the two classes for each other", (83,), _planted(wrong.SwappedRewards)
    ),
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
    Mistake("reference-forgotten", "ignores the reference model", (1, 16), _planted(wrong.ReferenceForgotten)),
    Mistake("beta-ignored", "accepts beta and ignores it", (21,), _changed(lambda _: {"beta": 1 / 8}, lambda _: True)),
    Mistake(
        "kl-unclamped",
        "does not clamp the reference point at 0",
        (14,),
        _planted(wrong.UnclampedPoint, needs=_averages),
    ),
    Mistake(
        "kl-attached",
        "lets gradients flow through the reference point",
        (14,),
        _planted(wrong.AttachedPoint, needs=_averages),
    ),
    Mistake(
        "kl-negated",
        "takes the KL of its reference point with the wrong sign",
        (14,),
        _planted(wrong.NegatedPoint, needs=_averages),
    ),
    Mistake(
        "kl-summed",
        "sums the KL of the reference point over the batch instead of averaging",
        (15,),
        _planted(wrong.SummedPoint, needs=_averages),
    ),
    Mistake(
        "kl-of-own-answers",
        "finds the reference point on the labelled answers, not on mismatched ones",
        (14,),
        _planted(wrong.PointOfOwnAnswers, needs=_averages),
    ),
    Mistake(
        "kl-forgotten",
        "leaves the reference point out",
        (14,),
        _planted(wrong.PointForgotten, needs=lambda honest: honest.loss.uses_point),
    ),
    Mistake(
        "mean-of-class-means",
        "averages the means of the classes, however many examples each has",
        (84,),
        _planted(wrong.MeanOfClassMeans, needs=_is_mean),
    ),
    Mistake(
        "empty-class-nan",
        "puts its mean together from the classes' means, and is NaN where a class is empty",
        (14, 84),
        _planted(wrong.EmptyClassIsNaN, needs=_is_mean),
    ),
    Mistake(
        "batch-mean",
        "returns the mean of the batch for every answer",
        (80,),
        _planted(wrong.BatchMeanForEach, needs=_is_whole),
    ),
    Mistake(
        "sigmoid-mirrored",
        "has sigmoid(u) where 1 - sigmoid(u) belongs",
        (7,),
        _planted(wrong.WrongSigmoid, needs=lambda honest: "saturating" in honest.loss.traits),
    ),
    Mistake(
        "undesirable-sign",
        "pushes undesirable answers up like the desirable ones",
        (22,),
        _planted(wrong.WrongUndesirableSign, needs=_logistic),
    ),
    Mistake(
        "log-of-sigmoid",
        "computes log(sigmoid(x)) in two steps: infinite, with a NaN or lost gradient, where sigmoid underflows",
        (19,),
        _planted(wrong.LogOfSigmoid, needs=_logistic),
    ),
    Mistake(
        "shift-deleted",
        "leaves the reward shift delta out",
        (),
        _planted(wrong.ShiftDeleted, needs=lambda h: h.loss.uses_shift),
    ),
    Mistake(
        "shift-attached",
        "lets gradients flow through the reward shift delta",
        (),
        _planted(wrong.AttachedShift, needs=lambda honest: honest.variant == BATCH),
    ),
    Mistake(
        "ratios-ignored",
        "takes density ratios and ignores them",
        (16,),
        _planted(wrong.RatiosIgnored, needs=lambda honest: WEIGHTS in honest.takes),
    ),
    Mistake("zero-gradient", "gives the right value with a gradient of 0", (19, 20), _planted(wrong.ZeroGradient)),
    Mistake(
        "padding-included", "lets masked tokens enter", (17, 24, 25), _planted(wrong.PaddingIncluded, needs=_of_tokens)
    ),
    Mistake(
        "kl-with-padding",
        "lets masked tokens enter the reference point",
        (59,),
        _planted(wrong.PointWithPadding, needs=_of_tokens),
    ),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        _planted(wrong.MaskMultiplied, needs=_of_tokens),
    ),
    Mistake(
        "tokens-averaged",
        "averages the token log-probabilities where the loss is of their sum",
        (8,),
        _planted(wrong.TokensAveraged, needs=_of_tokens),
    ),
    Mistake("rewards-attached", "returns rewards that are not detached", (12,), _planted(wrong.AttachedRewards)),
    Mistake("rewards-without-beta", "logs rewards without beta", (88,), _planted(wrong.RewardsWithoutBeta)),
    Mistake("in-place", "changes its inputs in place", (91,), _planted(wrong.InPlace)),
)
