"""Mistakes of losses of a policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.policy_by_name import ByName
from alignprops.conformance.policy_case import APPROX_KL, BY_RESPONSE, CLIP_FRACTION, KL, ON_POLICY, UNMASKED
from alignprops.conformance.policy_torch import TorchPolicyLoss
from alignprops.losses.policy.aggregation import CONSTANT, SEQUENCE_MEAN, TOKEN_MEAN
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.subjects.mistakes import policy_classes as wrong
from alignprops.subjects.mistakes.mistake import Mistake
from alignprops.subjects.mistakes.pairwise import changed_option, ignored

Needs = Callable[[Conformer], bool]


def _loss(honest: Conformer) -> PolicyLoss:
    return cast(PolicyLoss, honest.specification)


def _planted(make: type[TorchPolicyLoss], *needs: Needs) -> Callable[[Conformer], Conformer | None]:
    """A plant that puts a wrong class in the place of the honest one."""
    by_name = issubclass(make, ByName)

    def plant(honest: Conformer) -> Conformer | None:
        if bool(honest.extras) != by_name or not all(need(honest) for need in needs):
            return None
        made: Any = make(_loss(honest), honest.variant, honest.form, honest.reduction)
        return replace(honest, function=made)

    return plant


def _of_policy(honest: Conformer) -> bool:
    return not _loss(honest).of_values


def _of_ratios(honest: Conformer) -> bool:
    return "old_logps" in _loss(honest).inputs


def _clipped(honest: Conformer) -> bool:
    return "clipped" in _loss(honest).traits


def _token_ratios(honest: Conformer) -> bool:
    return _of_ratios(honest) and _loss(honest).level == "token"


def _response_ratios(honest: Conformer) -> bool:
    return _loss(honest).level != "token"


def _named(*names: str) -> Needs:
    return lambda honest: _loss(honest).name in names


def _reduced(honest: Conformer) -> bool:
    return honest.reduction == "mean"


def _in_mode(*modes: str) -> Needs:
    return lambda honest: _reduced(honest) and _loss(honest).mode(honest.variant) in modes


def _masked(honest: Conformer) -> bool:
    return UNMASKED not in honest.form


def _form(part: str) -> Needs:
    return lambda honest: part in honest.form


def _off_policy(honest: Conformer) -> bool:
    return ON_POLICY not in honest.form


def _takes(option: str) -> Needs:
    return lambda honest: option in honest.options


def _returns(metric: str) -> Needs:
    return lambda honest: metric in honest.outputs


def _extra(name: str) -> Needs:
    return lambda honest: name in honest.extras


_RATIO_MISTAKES = (
    Mistake("policy-sign-flipped", "has the sign of the loss wrong", (7, 22), _planted(wrong.NegatedLoss, _of_policy)),
    Mistake(
        "max-for-min",
        "takes the larger surrogate for the smaller, so that the clip is no pessimism",
        (),
        _planted(wrong.MaxForMin, _clipped, _off_policy),
    ),
    Mistake(
        "clip-alone",
        "clips the ratio on both sides whatever the advantage's sign",
        (),
        _planted(wrong.ClipAlone, _clipped, _off_policy),
    ),
    Mistake(
        "upper-clip-missing",
        "does not clip the ratio from above",
        (),
        _planted(wrong.NoClip, _clipped, _off_policy),
    ),
    Mistake(
        "eps-high-ignored",
        "accepts an upper range and clips by the lower one on both sides",
        (),
        _planted(wrong.LowerForUpper, _clipped, _off_policy, _takes("eps_high")),
    ),
    Mistake(
        "ratio-inverted",
        "takes the ratio of old to new policy",
        (),
        _planted(wrong.RatioInverted, _of_ratios, _off_policy),
    ),
    Mistake(
        "ratio-overflows",
        "exponentiates the log-ratio before it is clipped, so that the gradient is NaN where it overflows",
        (),
        _planted(wrong.RatioOverflows, _clipped, _off_policy),
    ),
    Mistake(
        "dual-clip-ignored",
        "accepts the bound of the dual clip and never forwards it",
        (75,),
        _planted(wrong.DualClipIgnored, _named("dual-clip")),
    ),
    Mistake(
        "dual-clip-everywhere",
        "applies the bound of the dual clip to positive advantages too",
        (),
        _planted(wrong.DualClipEverywhere, _named("dual-clip")),
    ),
    Mistake(
        "token-ratio",
        "takes the ratio of each token where that of the response belongs",
        (),
        _planted(wrong.TokenRatio, _response_ratios),
    ),
    Mistake(
        "response-ratio",
        "takes the ratio of the response where that of each token belongs",
        (),
        _planted(wrong.ResponseRatio, _token_ratios, _off_policy),
    ),
    Mistake(
        "summed-log-ratio",
        "sums the log-ratio over a response where it should average",
        (4, 5, 6),
        _planted(wrong.SummedLogRatio, _response_ratios),
    ),
    Mistake(
        "weight-attached",
        "lets a gradient flow through the clipped weight",
        (),
        _planted(wrong.CispoAttached, _named("cispo")),
    ),
    Mistake(
        "weight-untruncated",
        "does not truncate the importance weight",
        (),
        _planted(wrong.WeightUntruncated, _named("tis")),
    ),
    Mistake(
        "old-attached",
        "does not detach the log-probabilities that stand in for the old ones, so that the gradient is 0",
        (19, 20),
        _planted(wrong.OldAttached, _of_ratios, _form(ON_POLICY)),
    ),
    Mistake(
        "temperature-mismatch",
        "scores the policy at another temperature than the samples",
        (66, 67),
        _planted(wrong.HotterPolicy, _of_ratios, _off_policy),
    ),
)
_BATCH_MISTAKES = (
    Mistake(
        "advantages-as-mask",
        "passes the advantages in the place of the mask",
        (51,),
        _planted(wrong.AdvantagesAsMask, _of_policy, _masked),
    ),
    Mistake("policy-padding-included", "lets masked tokens enter", (68,), _planted(wrong.PaddingIncluded, _masked)),
    Mistake(
        "policy-mask-multiplied",
        "multiplies by the mask, so that what overflows or is NaN under it becomes NaN",
        (59,),
        _planted(wrong.MaskMultiplied, _masked, _reduced, _token_ratios, _named("ppo", "grpo", "dr-grpo")),
    ),
    Mistake("mask-off-by-one", "has the mask one position late", (27, 41, 42), _planted(wrong.MaskShifted, _masked)),
    Mistake(
        "wrong-broadcast",
        "spreads one advantage a response over the wrong axis",
        (),
        _planted(wrong.WrongBroadcast, _form(BY_RESPONSE)),
    ),
    Mistake(
        "zero-advantage-missing",
        "treats an advantage of 0 as missing",
        (92,),
        _planted(wrong.ZeroAdvantagesSkipped, _of_policy, _in_mode(TOKEN_MEAN, SEQUENCE_MEAN)),
    ),
    Mistake(
        "mode-ignored",
        "accepts a mode of aggregation and never passes it on",
        (49,),
        _planted(wrong.TokenMeanAlways, _extra("loss_agg_mode")),
    ),
    Mistake(
        "unknown-mode-accepted",
        "takes a mode that does not exist for the usual one",
        (65,),
        _planted(wrong.UnknownAccepted, _extra("loss_agg_mode")),
    ),
    Mistake(
        "cispo-as-dapo",
        "never reaches the branch of CISPO and computes the clipped surrogate under its name",
        (65,),
        _planted(wrong.CispoAsDapo, _extra("loss_type")),
    ),
    Mistake(
        "mean-of-means",
        "averages over each response's tokens first where all tokens count alike",
        (53, 84),
        _planted(wrong.MeanOfMeans, _in_mode(TOKEN_MEAN)),
    ),
    Mistake(
        "masked-counted",
        "counts masked tokens in the normaliser",
        (69,),
        _planted(wrong.MaskedCounted, _in_mode(TOKEN_MEAN, SEQUENCE_MEAN), _masked),
    ),
    Mistake(
        "policy-batch-summed",
        "sums over the responses where it should average",
        (54, 56),
        _planted(wrong.SummedBatch, _reduced),
    ),
    Mistake(
        "longest-for-maximum",
        "divides by the longest response of the batch where the constant is documented",
        (),
        _planted(wrong.LongestForMaximum, _in_mode(CONSTANT)),
    ),
)
_KL_MISTAKES = (
    Mistake(
        "kl-of-k1",
        "has the estimator k1 in the loss, whose gradient ignores the reference",
        (61, 62),
        _planted(wrong.KlOfLogps, _takes("beta")),
    ),
    Mistake(
        "kl-over-padding",
        "averages the KL term over padding",
        (61,),
        _planted(wrong.KlOverPadding, _takes("beta"), _reduced, _masked),
    ),
    Mistake(
        "reference-from-policy",
        "uses the policy in the place of its reference",
        (77, 93),
        _planted(wrong.ReferenceFromPolicy, _takes("beta")),
    ),
    Mistake(
        "kl-reversed",
        "exchanges policy and reference in the KL term",
        (78,),
        _planted(wrong.KlReversed, _takes("beta")),
    ),
    Mistake("kl-ignored", "accepts beta and adds no KL term", (16,), ignored("beta", 0.0)),
    Mistake(
        "eps-inverted",
        "takes the bound of the ratio for the range around 1",
        (),
        changed_option("eps_low", lambda eps: 1 - eps),
    ),
)
_VALUE_MISTAKES = (
    Mistake(
        "value-min",
        "takes the smaller of the clipped and the plain error",
        (),
        _planted(wrong.BetterError, _named("value")),
    ),
    Mistake(
        "value-around-returns",
        "clips the value around the returns",
        (),
        _planted(wrong.ClippedAroundReturns, _named("value")),
    ),
    Mistake(
        "value-half",
        "has no factor 1/2 where it is documented, or has it where it is not",
        (9,),
        _planted(wrong.HalfForgotten, _named("value", "value-plain")),
    ),
)
_METRIC_MISTAKES = (
    Mistake(
        "clip-fraction-of-all",
        "counts in its clip fraction tokens whose gradient is not cut",
        (86,),
        _planted(wrong.EveryClipCounted, _returns(CLIP_FRACTION), _token_ratios, _off_policy),
    ),
    Mistake(
        "clip-fraction-over-padding",
        "takes its clip fraction over padding",
        (85,),
        _planted(wrong.FractionOverPadding, _returns(CLIP_FRACTION), _token_ratios, _off_policy, _masked),
    ),
    Mistake(
        "kl-clamped",
        "reports the KL of a clamped log-ratio",
        (57,),
        _planted(wrong.ClampedKl, _returns(APPROX_KL), _token_ratios, _off_policy),
    ),
    Mistake(
        "kl-metric-over-padding",
        "averages the KL that it reports over padding",
        (61, 85),
        _planted(wrong.KlMetricOverPadding, _returns(KL), _masked),
    ),
    Mistake("policy-in-place", "changes its inputs in place", (91,), _planted(wrong.InPlace, _of_policy)),
)
MISTAKES: tuple[Mistake, ...] = (
    *_RATIO_MISTAKES,
    *_BATCH_MISTAKES,
    *_KL_MISTAKES,
    *_VALUE_MISTAKES,
    *_METRIC_MISTAKES,
)
