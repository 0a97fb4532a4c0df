"""Wrong losses of a policy: the honest one with one step done as real code did it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.policy import MASK
from alignprops.conformance.policy_by_name import ByName
from alignprops.conformance.policy_case import APPROX_KL, BY_RESPONSE, CLIP_FRACTION
from alignprops.conformance.policy_torch import TorchPolicyLoss

# --- the ratio and the clip -------------------------------------------------------------------------------------


class NegatedLoss(TorchPolicyLoss):
    """The sign of the policy's loss is wrong."""

    def policy_losses(self, log_ratio: Tensor, call: Call) -> Tensor:
        return -super().policy_losses(log_ratio, call)


class MaxForMin(TorchPolicyLoss):
    """The better of the two surrogates counts: the clip is no pessimism any more."""

    def counted_ratio(self, log_ratio: Tensor, call: Call) -> Tensor:
        low, high = self.ranges(call)
        ratio, advantages = log_ratio.exp(), self.advantages(call)
        clipped = ratio.clamp(1 - low, 1 + high)
        return torch.where(ratio * advantages >= clipped * advantages, ratio, clipped)


class ClipAlone(TorchPolicyLoss):
    """The ratio is clipped on both sides whatever the advantage: no minimum is taken."""

    def counted_ratio(self, log_ratio: Tensor, call: Call) -> Tensor:
        low, high = self.ranges(call)
        return log_ratio.clamp(math.log1p(-low), math.log1p(high)).exp()


class NoClip(TorchPolicyLoss):
    """The ratio is not clipped from above."""

    def counted_ratio(self, log_ratio: Tensor, call: Call) -> Tensor:
        cost = log_ratio.clamp(min=math.log1p(-self.ranges(call)[0]))
        return torch.where(self.advantages(call) >= 0, log_ratio, cost).exp()


class LowerForUpper(TorchPolicyLoss):
    """The upper range is ignored: the lower stands on both sides."""

    def ranges(self, call: Call) -> tuple[float, float]:
        low, _ = super().ranges(call)
        return low, low


class RatioInverted(TorchPolicyLoss):
    """The ratio is π_old/π."""

    def token_log_ratio(self, call: Call) -> Tensor:
        return -super().token_log_ratio(call)


class RatioOverflows(TorchPolicyLoss):
    """The ratio is exponentiated before it is clipped: where it overflows, the gradient is NaN."""

    def counted_ratio(self, log_ratio: Tensor, call: Call) -> Tensor:
        low, high = self.ranges(call)
        ratio = log_ratio.exp()
        cap = call.options["dual_clip"] if self.loss.name == "dual-clip" else None
        return torch.where(self.advantages(call) >= 0, ratio.clamp(max=1 + high), ratio.clamp(min=1 - low, max=cap))


class DualClipIgnored(TorchPolicyLoss):
    """The dual clip is accepted and never used."""

    def counted_ratio(self, log_ratio: Tensor, call: Call) -> Tensor:
        low, high = self.ranges(call)
        gain, cost = log_ratio.clamp(max=math.log1p(high)), log_ratio.clamp(min=math.log1p(-low))
        return torch.where(self.advantages(call) >= 0, gain, cost).exp()


class DualClipEverywhere(TorchPolicyLoss):
    """The dual clip's bound stands where the advantage is positive as well: max(·, cA) there replaces the surrogate."""

    def policy_losses(self, log_ratio: Tensor, call: Call) -> Tensor:
        bound = -call.options["dual_clip"] * self.advantages(call)
        return torch.minimum(super().policy_losses(log_ratio, call), bound)


class TokenRatio(TorchPolicyLoss):
    """The ratio is that of each token where that of the response belongs."""

    def log_ratio(self, call: Call) -> Tensor:
        return self.token_log_ratio(call)


class ResponseRatio(TorchPolicyLoss):
    """The ratio is that of the response where that of each token belongs."""

    def log_ratio(self, call: Call) -> Tensor:
        by_token = self.token_log_ratio(call)
        return self.response_log_ratio(by_token, call)[:, None].expand(by_token.shape)


class SummedLogRatio(TorchPolicyLoss):
    """The log-ratio of a response is summed over its tokens, not averaged."""

    def response_log_ratio(self, by_token: Tensor, call: Call) -> Tensor:
        return by_token.sum(dim=1)


class CispoAttached(TorchPolicyLoss):
    """CISPO's weight carries a gradient."""

    def policy_losses(self, log_ratio: Tensor, call: Call) -> Tensor:
        return -self.cispo_weight(log_ratio, call) * self.advantages(call) * self.given("logps", call)


class WeightUntruncated(TorchPolicyLoss):
    """The importance weight is not truncated."""

    def rollout_weight(self, call: Call) -> Tensor:
        return (self.old_logps(call) - self.given("rollout_logps", call)).exp().detach()


class OldAttached(TorchPolicyLoss):
    """On policy the old log-probabilities are the new ones with their graph: the ratio is 1 with a gradient of 0."""

    def old_logps(self, call: Call) -> Tensor:
        return self.given("logps", call)


class HotterPolicy(TorchPolicyLoss):
    """The policy's log-probabilities are at another temperature than the old ones."""

    def token_log_ratio(self, call: Call) -> Tensor:
        return self.given("logps", call) / 2 - self.old_logps(call)


# --- masks, advantages, aggregation -----------------------------------------------------------------------------


class AdvantagesAsMask(TorchPolicyLoss):
    """The advantages are passed in the place of the mask."""

    def mask(self, call: Call) -> Tensor:
        given = call.tensors["advantages"]
        return (given if given.ndim == 2 else given[:, None].expand(call.tensors[MASK].shape)) != 0


class PaddingIncluded(TorchPolicyLoss):
    """Masked tokens enter."""

    def mask(self, call: Call) -> Tensor:
        return torch.ones_like(super().mask(call))


class MaskMultiplied(TorchPolicyLoss):
    """The mask is a factor: what overflows or is NaN under it becomes NaN."""

    def given(self, name: str, call: Call) -> Tensor:
        return call.tensors[name]

    def advantages(self, call: Call) -> Tensor:
        return call.tensors["advantages"]

    def reduced(self, losses: Tensor, call: Call) -> Tensor:
        return self.aggregate(losses * self.mask(call), call, self.mode(call))


class MaskShifted(TorchPolicyLoss):
    """The mask is one position late: the first token is lost, one of padding enters."""

    def mask(self, call: Call) -> Tensor:
        return super().mask(call).roll(1, dims=1)


class WrongBroadcast(TorchPolicyLoss):
    """One advantage a response is spread over the wrong axis: each token gets that of another response."""

    def advantages(self, call: Call) -> Tensor:
        given, shape = call.tensors["advantages"], self.mask(call).shape
        turned = given.repeat(shape[1])[: shape[0] * shape[1]].reshape(shape)
        return torch.where(self.mask(call), turned, 0)


class TokenMeanAlways(ByName):
    """The mode of aggregation is accepted and never passed on."""

    def chosen(self, call: Call) -> ByName:
        super().chosen(call)
        return self


class MeanOfMeans(TorchPolicyLoss):
    """The mean over tokens is taken response by response, and then over the responses."""

    def aggregate(self, losses: Tensor, call: Call, mode: str) -> Tensor:
        return (losses.sum(dim=1) / self.counts(call)).mean()


class MaskedCounted(TorchPolicyLoss):
    """The normaliser counts masked tokens."""

    def aggregate(self, losses: Tensor, call: Call, mode: str) -> Tensor:
        return losses.mean()


class SummedBatch(TorchPolicyLoss):
    """The losses of the responses are summed where they should be averaged."""

    def aggregate(self, losses: Tensor, call: Call, mode: str) -> Tensor:
        return super().aggregate(losses, call, mode) * len(losses)


class LongestForMaximum(TorchPolicyLoss):
    """Dr. GRPO's constant is the longest response of the batch."""

    def aggregate(self, losses: Tensor, call: Call, mode: str) -> Tensor:
        return losses.sum() / float(len(losses) * int(self.counts(call).max()))


class CispoAsDapo(ByName):
    """The branch of CISPO is never reached: the clipped surrogate is computed under its name."""

    def chosen(self, call: Call) -> ByName:
        made = super().chosen(call)
        if made.loss.name == "cispo":
            return super().chosen(call.with_options(loss_type="dapo"))
        return made


class UnknownAccepted(ByName):
    """A mode that does not exist is taken for the usual one."""

    def chosen(self, call: Call) -> ByName:
        try:
            return super().chosen(call)
        except ValueError:
            return self


# --- KL ---------------------------------------------------------------------------------------------------------


class KlOfLogps(TorchPolicyLoss):
    """k1 stands in the loss: its gradient does not depend on the reference."""

    def kl(self, call: Call) -> Tensor:
        return self.given("logps", call) - self.given("ref_logps", call)


class KlOverPadding(TorchPolicyLoss):
    """The KL term is averaged over all positions."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = dict(super().__call__(call.with_options(beta=0.0)))
        gap = call.tensors["ref_logps"] - call.tensors["logps"]
        return made | {"loss": made["loss"] + call.options["beta"] * (torch.expm1(gap) - gap).mean()}


class ReferenceFromPolicy(TorchPolicyLoss):
    """The policy stands in for its reference."""

    def kl(self, call: Call) -> Tensor:
        gap = (self.given("logps", call) - self.given("logps", call)).detach()
        return torch.expm1(gap) - gap


class KlReversed(TorchPolicyLoss):
    """k3 with policy and reference exchanged."""

    def kl(self, call: Call) -> Tensor:
        gap = self.given("logps", call) - self.given("ref_logps", call)
        return torch.expm1(gap) - gap


# --- values -----------------------------------------------------------------------------------------------------


class BetterError(TorchPolicyLoss):
    """The smaller of the two errors counts."""

    def worse(self, plain: Tensor, clipped: Tensor) -> Tensor:
        return torch.minimum(plain, clipped)


class ClippedAroundReturns(TorchPolicyLoss):
    """The value is kept near the returns, not near the old values."""

    def clipped_values(self, values: Tensor, call: Call) -> Tensor:
        centre, reach = self.given("returns", call), call.options["value_clip"]
        return torch.minimum(torch.maximum(values, centre - reach), centre + reach)


class HalfForgotten(TorchPolicyLoss):
    """The factor ½ is missing, or is there where it should not be."""

    def value_losses(self, call: Call) -> Tensor:
        return super().value_losses(call) * (0.5 if self.variant == "whole" else 2.0)


# --- metrics and purity -----------------------------------------------------------------------------------------


class EveryClipCounted(TorchPolicyLoss):
    """The clip fraction counts ratios outside the range whose gradient is not cut."""

    def is_clipped(self, log_ratio: Tensor, call: Call) -> Tensor:
        low, high = self.ranges(call)
        return (log_ratio > math.log1p(high)) | (log_ratio < math.log1p(-low))


class ClampedKl(TorchPolicyLoss):
    """The KL that is reported is that of a clamped log-ratio."""

    def metrics(self, log_ratio: Tensor, call: Call) -> dict[str, Tensor]:
        by_token = self.token_log_ratio(call).detach()
        return super().metrics(log_ratio, call) | {APPROX_KL: self.masked_mean(-by_token.clamp(-20.0, 20.0), call)}


class FractionOverPadding(TorchPolicyLoss):
    """The clip fraction is taken over all positions."""

    def metrics(self, log_ratio: Tensor, call: Call) -> dict[str, Tensor]:
        made = super().metrics(log_ratio, call)
        clipped = self.is_clipped(log_ratio.detach(), call) & self.mask(call)
        return made | {CLIP_FRACTION: clipped.to(log_ratio.dtype).mean()}


class KlMetricOverPadding(TorchPolicyLoss):
    """The KL that is reported is averaged over all positions."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = dict(super().__call__(call))
        return made | {"kl": self.kl(call).detach().mean()}


class InPlace(TorchPolicyLoss):
    """The advantages are scaled in place."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = super().__call__(call)
        call.tensors["advantages"].data.mul_(2)
        return made


class ZeroAdvantagesSkipped(TorchPolicyLoss):
    """Tokens whose advantage is 0 are treated as missing: they do not count in the mean."""

    def mask(self, call: Call) -> Tensor:
        given = call.tensors["advantages"]
        table = given[:, None].expand(super().mask(call).shape) if BY_RESPONSE in self.form else given
        return super().mask(call) & (table != 0)
