"""Mistakes of KL estimators and divergences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.kl_case import KL, REPORTED
from alignprops.conformance.kl_torch import TorchEstimator, TorchKl
from alignprops.losses.estimators.estimator import Estimator, log_ratio
from alignprops.losses.estimators.excess import excess
from alignprops.losses.estimators.table import KL_ESTIMATORS
from alignprops.losses.estimators.tokens import CLAMP_RATIO, CLAMPED, CORRECTED, STRAIGHT_THROUGH
from alignprops.subjects.mistakes.kl_planting import averages, in_variant, is_named, masked, planted, reports, takes
from alignprops.subjects.mistakes.mistake import Mistake

# --- the estimate -----------------------------------------------------------------------------------------------


class AlwaysK1(TorchEstimator):
    """Every estimator is k1."""

    def chosen(self, call: Call) -> Estimator:
        k1 = KL_ESTIMATORS["k1"]
        assert isinstance(k1, Estimator)
        return k1


class SignSwapped(TorchEstimator):
    """The log-ratio is log π_ref − log π."""

    def log_ratio(self, policy: Tensor, reference: Tensor) -> Tensor:
        return reference - policy


class ReferenceIgnored(TorchEstimator):
    """The reference does not enter."""

    def log_ratio(self, policy: Tensor, reference: Tensor) -> Tensor:
        return policy + 0 * reference


class Cancelling(TorchEstimator):
    """k3 as exp(L) − 1 − L, which cancels to noise of either sign for small L."""

    def evaluated(self, expression: sp.Expr, ratio: Tensor) -> Tensor:
        naive = expression.replace(excess, lambda L: sp.exp(L) - 1 - L)
        return super().evaluated(sp.Add(*_in_code_order(naive), evaluate=False), ratio)


def _in_code_order(expression: sp.Expr) -> list[sp.Expr]:
    """The exponential first, then −1, then the rest: as code has it."""
    return sorted(sp.Add.make_args(expression), key=lambda term: (not term.has(sp.exp), not term.is_number))


class InBfloat16(TorchEstimator):
    """The log-ratio is taken in bfloat16."""

    def log_ratio(self, policy: Tensor, reference: Tensor) -> Tensor:
        return (policy.bfloat16() - reference.bfloat16()).to(policy.dtype)


class WithoutHalf(TorchEstimator):
    """k2 without its factor ½."""

    def evaluated(self, expression: sp.Expr, ratio: Tensor) -> Tensor:
        return 2 * super().evaluated(expression, ratio)


class RatioClamped(TorchEstimator):
    """The log-ratio is clamped, and nobody is told."""

    def log_ratio(self, policy: Tensor, reference: Tensor) -> Tensor:
        return super().log_ratio(policy, reference).clamp(-CLAMP_RATIO, CLAMP_RATIO)


class OwnGradient(TorchEstimator):
    """The gradient is that of the value where another is due."""

    def slope(self, expression: sp.Expr, ratio: Tensor) -> Tensor:
        return self.evaluated(sp.diff(self.estimator.expression, log_ratio), ratio) + 0 * ratio


class Detached(TorchKl):
    """The right value with a gradient of 0."""

    def inputs(self, call: Call, kept: Tensor) -> tuple[Tensor, Tensor]:
        policy, reference = super().inputs(call, kept)
        return policy.detach(), reference


class FirstUpstream(TorchKl):
    """The gradient of every position is scaled by the upstream gradient of the first."""

    def reduced(self, values: Tensor, kept: Tensor) -> Tensor:
        made: Tensor = _FirstUpstream.apply(super().reduced(values, kept))  # type: ignore[no-untyped-call]
        return made


class _FirstUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        return values.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # noqa: ARG004
        return upstream.flatten()[0].expand_as(upstream).clone()


# --- masks and reductions ---------------------------------------------------------------------------------------


class PaddingAveraged(TorchKl):
    """The sum over the positions that count is divided by the number of all."""

    def reduced(self, values: Tensor, kept: Tensor) -> Tensor:
        return torch.where(kept, values, 0).mean()


class PaddingIncluded(TorchKl):
    """Masked positions enter."""

    def kept(self, call: Call) -> Tensor:
        return torch.ones_like(super().kept(call))


class MaskMultiplied(TorchKl):
    """The mask is a factor: inf and NaN under it survive as NaN."""

    def cleaned(self, given: Tensor, kept: Tensor) -> Tensor:
        return given * (kept if given.ndim == kept.ndim else kept[..., None])


class MaskedAfter(TorchKl):
    """The value is masked and the inputs are not: what stands there comes back in the gradient as NaN."""

    def cleaned(self, given: Tensor, kept: Tensor) -> Tensor:
        return given


class RowsAveraged(TorchKl):
    """The sum is divided by the number of rows."""

    def reduced(self, values: Tensor, kept: Tensor) -> Tensor:
        return torch.where(kept, values, 0).sum() / len(values)


class MeanForSum(TorchKl):
    """The mean where the sum is documented, or the sum for the mean."""

    def reduced(self, values: Tensor, kept: Tensor) -> Tensor:
        sums = torch.where(kept, values, 0).sum()
        return sums if self.reduction == "mean" else sums / kept.sum()


# --- what is logged ---------------------------------------------------------------------------------------------


class ReportedK1(TorchEstimator):
    """The logged KL is k1, whatever is used."""

    def reported(self, policy: Tensor, reference: Tensor, kept: Tensor, call: Call) -> Tensor:
        return self.log_ratio(policy.detach(), reference)[kept].mean()


class ReportedClamped(TorchEstimator):
    """The logged KL is made of clamped log-ratios."""

    def reported(self, policy: Tensor, reference: Tensor, kept: Tensor, call: Call) -> Tensor:
        ratio = self.log_ratio(policy.detach(), reference).clamp(-CLAMP_RATIO, CLAMP_RATIO)
        return self.evaluated(self.chosen(call).expression, ratio)[kept].mean()


class ReportedAttached(TorchKl):
    """The logged KL keeps its graph."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = super().__call__(call)
        return {**made, REPORTED: made[REPORTED] + 0 * made[KL].sum()}


# --- purity and options -----------------------------------------------------------------------------------------


class InPlace(TorchKl):
    """The reference's input is changed in place."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = super().__call__(call)
        call.tensors["ref_logprobs" if "ref_logprobs" in call.tensors else "ref_logits"].mul_(1.5)
        return made


class NameIgnored(TorchEstimator):
    """The name of the estimator is accepted and ignored."""

    def chosen(self, call: Call) -> Estimator:
        return self.estimator


class AnyName(TorchEstimator):
    """A name that means nothing gives k1 without a word."""

    def chosen(self, call: Call) -> Estimator:
        known = any(call.options.get("estimator") in getattr(made, "spellings", ()) for made in KL_ESTIMATORS.values())
        return super().chosen(call if known else call.with_options(estimator="k1"))


def _reporting(make: type[TorchKl]) -> Callable[[Conformer], Conformer | None]:
    return planted(make, reports)


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "always-k1",
        "computes k1 whatever estimator is asked for",
        (88,),
        planted(AlwaysK1, lambda honest: honest.specification.name != "k1"),
    ),
    Mistake(
        "log-ratio-negated",
        "takes log pi_ref - log pi where log pi - log pi_ref belongs",
        (78,),
        planted(SignSwapped, lambda honest: "even" not in honest.specification.traits),
    ),
    Mistake("reference-ignored", "ignores the reference", (61, 77), planted(ReferenceIgnored)),
    Mistake(
        "cancelling",
        "computes exp(L) - 1 - L, which is negative for some small L, where expm1(L) - L is not",
        (58,),
        planted(Cancelling, is_named("k3")),
    ),
    Mistake("bfloat16-difference", "subtracts log-probabilities in bfloat16", (58,), planted(InBfloat16)),
    Mistake("without-half", "lacks the factor 1/2 of k2", (), planted(WithoutHalf, is_named("k2"))),
    Mistake(
        "ratio-clamped",
        "clamps the log-ratio without saying so",
        (57,),
        planted(RatioClamped, lambda honest: honest.variant != CLAMPED),
    ),
    Mistake(
        "own-gradient",
        "has the gradient of the estimate itself where that of the divergence is due",
        (62, 61),
        planted(OwnGradient, in_variant(STRAIGHT_THROUGH, CORRECTED)),
    ),
    Mistake("detached", "gives the right value with a gradient of 0", (61,), planted(Detached)),
    Mistake(
        "first-upstream",
        "scales every position's gradient by the upstream gradient of the first",
        (81,),
        planted(FirstUpstream, lambda honest: honest.reduction == "none"),
    ),
    Mistake("padding-averaged", "divides by the number of all positions", (61,), planted(PaddingAveraged, averages)),
    Mistake("padding-included", "lets masked positions enter", (61, 72), planted(PaddingIncluded, masked)),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        planted(MaskMultiplied, masked),
    ),
    Mistake(
        "masked-after",
        "masks the value and not the inputs, so that inf or NaN under the mask comes back in the gradient",
        (59,),
        planted(MaskedAfter, masked),
    ),
    Mistake("rows-averaged", "divides by the number of rows", (72,), planted(RowsAveraged, averages)),
    Mistake(
        "reduction-swapped",
        "takes the sum for the mean, or the mean for the sum",
        (63, 76),
        planted(MeanForSum, lambda honest: honest.reduction != "none"),
    ),
    Mistake(
        "reported-k1",
        "logs k1 whatever estimator is used",
        (88,),
        planted(ReportedK1, lambda honest: reports(honest) and honest.specification.name != "k1"),
    ),
    Mistake("reported-clamped", "logs a KL of clamped log-ratios", (57,), _reporting(ReportedClamped)),
    Mistake("reported-attached", "logs a KL that is not detached", (), _reporting(ReportedAttached)),
    Mistake(
        "name-ignored", "accepts the estimator's name and ignores it", (88,), planted(NameIgnored, takes("estimator"))
    ),
    Mistake(
        "any-name",
        "takes an unknown estimator for k1 without a word",
        (65,),
        planted(AnyName, takes("estimator")),
    ),
    Mistake("in-place", "changes its inputs in place", (91,), planted(InPlace)),
)
