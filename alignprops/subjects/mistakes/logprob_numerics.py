"""Mistakes of log-probabilities of sequences that show in extreme numbers, in gradients, or in what was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.logprob import LOGPS, Form
from alignprops.conformance.logprob_torch import TorchLogps


class MaskMultiplied(TorchLogps):
    """The mask is a factor of log-probabilities, of infinite ones too."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        scored = self.scored(call)
        logps = self.token_logps(call, torch.ones_like(scored)) * scored
        return {LOGPS: self.reduced(logps, scored, call)}


class LogOfSoftmax(TorchLogps):
    """The logarithm of a softmax, in two steps."""

    def picked(self, logits: Tensor, targets: Tensor) -> Tensor:
        return torch.softmax(logits, dim=-1).gather(-1, targets[..., None])[..., 0].log()


class LogSumExpNaive(TorchLogps):
    """Exponentials of the logits as they are."""

    def picked(self, logits: Tensor, targets: Tensor) -> Tensor:
        return logits.gather(-1, targets[..., None])[..., 0] - logits.exp().sum(dim=-1).log()


class RoundedLogits(TorchLogps):
    """Logits pass through bfloat16."""

    def scaled(self, logits: Tensor, call: Call) -> Tensor:
        return super().scaled(logits.bfloat16().to(logits.dtype), call)


class RoundedSlope(TorchLogps):
    """The probability of the target is rounded to bfloat16 before 1 is subtracted from it."""

    def picked(self, logits: Tensor, targets: Tensor) -> Tensor:
        made: Tensor = _RoundedSlope.apply(logits, targets)  # type: ignore[no-untyped-call]
        return made


class _RoundedSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        logps = torch.log_softmax(logits, dim=-1)
        ctx.save_for_backward(logps, targets)
        return logps.gather(-1, targets[..., None])[..., 0]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        logps, targets = ctx.saved_tensors
        p = logps.exp()
        at = targets[..., None]
        p = p.scatter(-1, at, p.gather(-1, at).bfloat16().to(p.dtype) - 1)
        return -p * upstream[..., None], None


class FirstUpstream(TorchLogps):
    """The first upstream gradient serves for all."""

    def reduced(self, logps: Tensor, scored: Tensor, call: Call) -> Tensor:
        made: Tensor = _FirstUpstream.apply(super().reduced(logps, scored, call))  # type: ignore[no-untyped-call]
        return made


class _FirstUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logps: Tensor) -> Tensor:  # noqa: ARG004
        return logps.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # noqa: ARG004
        return upstream[:1].expand_as(upstream).clone()


class NoNormaliserGradient(TorchLogps):
    """The logarithm of the sum is held fixed."""

    def picked(self, logits: Tensor, targets: Tensor) -> Tensor:
        target = logits.gather(-1, targets[..., None])[..., 0]
        return target - (target - super().picked(logits, targets)).detach()


class ZeroGradient(TorchLogps):
    """The forward pass lies outside what is differentiated."""

    def reduced(self, logps: Tensor, scored: Tensor, call: Call) -> Tensor:
        return super().reduced(logps.detach(), scored, call)


class InPlace(TorchLogps):
    """The given logits are divided by the temperature, and stay so."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        assert not Form.named(self.form).fused
        made = super().__call__(call)
        with torch.no_grad():
            call.tensors["logits"].div_(call.options["temperature"])
        return made
