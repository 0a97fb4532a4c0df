"""A loss of a policy in torch, step by step and stable at every ratio: the honest reference subject.

Its steps are methods, so that a mistake can be planted in exactly one of them. None is taken from the expressions in
`alignprops.losses.policy`: the theorems compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.policy import MASK
from alignprops.conformance.policy_case import APPROX_KL, BY_RESPONSE, CLIP_FRACTION, DUAL_FRACTION, KL, ON_POLICY
from alignprops.losses.policy.aggregation import CONSTANT, GLOBAL, SEQUENCE_MEAN, SEQUENCE_SUM
from alignprops.losses.policy.policy_loss import PolicyLoss


@dataclass(frozen=True, eq=False)
class TorchPolicyLoss:
    """Called with the kind's inputs, returns {"loss", "clip_fraction", "approx_kl", "kl" …} as the loss has them.

    Attributes:
        loss, variant: what is computed, in which convention.
        form: see `alignprops.conformance.policy_case`.
        reduction: "none": the loss is (B, T); "mean": aggregated as the convention says; "sum": over all tokens.
    """

    loss: PolicyLoss
    variant: str = ""
    form: str = "tokens"
    reduction: str = "mean"

    def __call__(self, call: Call) -> Mapping[str, Any]:
        if self.loss.of_values:
            return {"loss": self.reduced(self.value_losses(call), call)}
        log_ratio = self.log_ratio(call)
        losses = self.policy_losses(log_ratio, call)
        made: dict[str, Any] = {}
        if self.loss.has_kl:
            kl = self.kl(call)
            losses = losses + call.options["beta"] * kl
            made[KL] = self.masked_mean(kl, call).detach()
        return {"loss": self.reduced(losses, call), **made, **self.metrics(log_ratio, call)}

    # --- inputs -----------------------------------------------------------------------------------------------------

    def mask(self, call: Call) -> Tensor:
        """(B, T) bool: which tokens count."""
        return call.tensors[MASK] != 0

    def given(self, name: str, call: Call) -> Tensor:
        """(B, T) of an input, 0 where masked."""
        return torch.where(self.mask(call), call.tensors[name], 0)

    def old_logps(self, call: Call) -> Tensor:
        """(B, T) under the policy that sampled."""
        return self.given("logps", call).detach() if ON_POLICY in self.form else self.given("old_logps", call)

    def advantages(self, call: Call) -> Tensor:
        """(B, T), 0 where masked."""
        given = call.tensors["advantages"]
        table = given[:, None].expand(self.mask(call).shape) if BY_RESPONSE in self.form else given
        return torch.where(self.mask(call), table, 0)

    # --- the ratio --------------------------------------------------------------------------------------------------

    def token_log_ratio(self, call: Call) -> Tensor:
        """(B, T) log π_t − log π_old,t."""
        return self.given("logps", call) - self.old_logps(call)

    def log_ratio(self, call: Call) -> Tensor:
        """(B, T): of the token, or of the response with one of two gradients."""
        by_token = self.token_log_ratio(call)
        if self.loss.level == "token":
            return by_token
        mean = self.response_log_ratio(by_token, call)[:, None].expand(by_token.shape)
        if self.loss.level == "sequence":
            return mean
        logps = self.given("logps", call)
        return mean.detach() + (logps - logps.detach())

    def response_log_ratio(self, by_token: Tensor, call: Call) -> Tensor:
        """(B,) the mean over the tokens of the response."""
        return by_token.sum(dim=1) / self.counts(call)

    def counts(self, call: Call) -> Tensor:
        """(B,) unmasked tokens, at least 1."""
        return self.mask(call).sum(dim=1).clamp(min=1)

    # --- the loss of a token ----------------------------------------------------------------------------------------

    def ranges(self, call: Call) -> tuple[float, float]:
        """ε_low and ε_high."""
        return call.options["eps_low"], call.options["eps_high"]

    def policy_losses(self, log_ratio: Tensor, call: Call) -> Tensor:
        """(B, T) without KL."""
        if self.loss.name == "reinforce":
            return -self.advantages(call) * self.given("logps", call)
        if self.loss.name.startswith("cispo"):
            return -self.cispo_weight(log_ratio, call).detach() * self.advantages(call) * self.given("logps", call)
        losses = -self.advantages(call) * self.counted_ratio(log_ratio, call)
        return self.rollout_weight(call) * losses if self.loss.name == "tis" else losses

    def counted_ratio(self, log_ratio: Tensor, call: Call) -> Tensor:
        """(B, T) the ratio as far as it counts, by the sign of the advantage; never an overflow where it is cut."""
        low, high = self.ranges(call)
        cap = math.log(call.options["dual_clip"]) if self.loss.name == "dual-clip" else None
        gain = log_ratio.clamp(max=math.log1p(high))
        cost = log_ratio.clamp(min=math.log1p(-low), max=cap)
        return torch.where(self.advantages(call) >= 0, gain, cost).exp()

    def cispo_weight(self, log_ratio: Tensor, call: Call) -> Tensor:
        """(B, T) the clipped ratio."""
        if self.loss.name == "cispo-bound":
            return log_ratio.clamp(max=math.log(call.options["eps_high"])).exp()
        low, high = self.ranges(call)
        return log_ratio.clamp(math.log1p(-low), math.log1p(high)).exp()

    def rollout_weight(self, call: Call) -> Tensor:
        """(B, T) min(π_old/π_rollout, C), without a gradient."""
        log_weight = self.old_logps(call) - self.given("rollout_logps", call)
        return log_weight.clamp(max=math.log(call.options["weight_bound"])).exp().detach()

    def kl(self, call: Call) -> Tensor:
        """(B, T) k3 of each token."""
        gap = self.given("ref_logps", call) - self.given("logps", call)
        return torch.expm1(gap) - gap

    def value_losses(self, call: Call) -> Tensor:
        """(B, T) of a value function."""
        values, returns = self.given("values", call), self.given("returns", call)
        errors = (values - returns) ** 2
        if self.loss.name == "value":
            errors = self.worse(errors, (self.clipped_values(values, call) - returns) ** 2)
        return errors if self.variant == "whole" else errors / 2

    def clipped_values(self, values: Tensor, call: Call) -> Tensor:
        """(B, T) kept within the range around the old values."""
        old, reach = self.given("old_values", call), call.options["value_clip"]
        return torch.minimum(torch.maximum(values, old - reach), old + reach)

    def worse(self, plain: Tensor, clipped: Tensor) -> Tensor:
        """(B, T) the larger error."""
        return torch.maximum(plain, clipped)

    # --- aggregation ------------------------------------------------------------------------------------------------

    def mode(self, call: Call) -> str:  # code that is given the mode looks at the call
        """How tokens are aggregated."""
        return self.loss.mode(self.variant)

    def reduced(self, losses: Tensor, call: Call) -> Tensor:
        """(B, T) or ()."""
        if self.reduction == "none":
            return losses
        kept = torch.where(self.mask(call), losses, 0)
        return kept.sum() if self.reduction == "sum" else self.aggregate(kept, call, self.mode(call))

    def aggregate(self, losses: Tensor, call: Call, mode: str) -> Tensor:
        """() of losses that are 0 where masked."""
        if mode == SEQUENCE_MEAN:
            return (losses.sum(dim=1) / self.counts(call)).mean()
        if mode == SEQUENCE_SUM:
            return losses.sum(dim=1).mean()
        if mode == CONSTANT:
            return losses.sum() / float(len(losses) * call.options["max_length"])
        if mode == GLOBAL:
            return losses.sum() / float(call.options["global_tokens"])
        return losses.sum() / self.mask(call).sum().clamp(min=1)

    def masked_mean(self, terms: Tensor, call: Call) -> Tensor:
        """() over the tokens that count."""
        mask = self.mask(call)
        return torch.where(mask, terms, 0).sum() / mask.sum().clamp(min=1)

    # --- metrics ----------------------------------------------------------------------------------------------------

    def metrics(self, log_ratio: Tensor, call: Call) -> dict[str, Tensor]:
        """Without gradients."""
        if "old_logps" not in self.loss.inputs:
            return {}
        ratio, by_token = log_ratio.detach(), self.token_log_ratio(call).detach()
        made = {APPROX_KL: self.masked_mean(-by_token, call)}
        if "clipped" in self.loss.traits:
            made[CLIP_FRACTION] = self.masked_mean(self.is_clipped(ratio, call).to(ratio.dtype), call)
        if "dual" in self.loss.traits:
            capped = (ratio > math.log(call.options["dual_clip"])) & (self.advantages(call) < 0)
            made[DUAL_FRACTION] = self.masked_mean(capped.to(ratio.dtype), call)
        return made

    def is_clipped(self, log_ratio: Tensor, call: Call) -> Tensor:
        """(B, T) bool: where the clip cuts the gradient."""
        low, high = self.ranges(call)
        advantages = self.advantages(call)
        return ((log_ratio > math.log1p(high)) & (advantages > 0)) | ((log_ratio < math.log1p(-low)) & (advantages < 0))
