"""Log-probabilities of sequences in torch, plainly: the honest reference subject.

Its steps are methods, so that a mistake can be planted in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.call import Call
from alignprops.conformance.logprob import INDEX, LABELS, LOGPS, Form
from alignprops.losses.logprobs.formula import SHIFTING


@dataclass(frozen=True, eq=False)
class TorchLogps:
    """Called with the kind's inputs, returns {"logps": (B,) or (B, T − s)}.

    Attributes:
        form: how it takes its inputs, `alignprops.conformance.logprob.FORMS`.
        variant: "shifting" or "shifted".
        reduction: over tokens: "none", "sum" or "mean"; the option `average_log_prob` makes a mean of a sum.
    """

    form: str
    variant: str = SHIFTING
    reduction: str = "sum"

    def __call__(self, call: Call) -> Mapping[str, Any]:
        scored = self.scored(call)
        logps = torch.where(scored, self.token_logps(call, scored), 0)
        return {LOGPS: self.reduced(logps, scored, call)}

    @property
    def shift(self) -> int:
        """How far before a token its logits stand."""
        return int(self.variant == SHIFTING)

    def labels(self, call: Call) -> Tensor:
        """(B, T − s) what is predicted, ignored labels included."""
        return call.tensors["labels"][:, self.shift :]

    def mask(self, call: Call) -> Tensor:
        """(B, T) bool, in the places of the labels that were given."""
        targets, labels = Form.named(self.form).targets, call.tensors["labels"]
        if targets == LABELS:
            return torch.as_tensor(labels != call.options["ignore_index"])
        return torch.ones_like(labels, dtype=torch.bool) if targets == INDEX else call.tensors["mask"] != 0

    def scored(self, call: Call) -> Tensor:
        """(B, T − s) bool: which tokens are scored."""
        return self.mask(call)[:, self.shift :]

    def rows(self, table: Tensor) -> Tensor:
        """(B, T − s, …): the positions that predict."""
        return table[:, : table.shape[1] - self.shift]

    def token_logps(self, call: Call, scored: Tensor) -> Tensor:
        """(B, T − s): log-probabilities; anything finite where nothing is scored."""
        targets = torch.where(scored, self.labels(call), 0).clamp(min=0)  # an ignored label is no id
        return self.picked(self.scaled(self.logits(call, scored), call), targets)

    def logits(self, call: Call, scored: Tensor) -> Tensor:
        """(B, T − s, V) in float32 or wider; zeros where nothing is scored, so that NaN there does not survive."""
        if not Form.named(self.form).fused:
            return torch.where(scored[..., None], self.wide(self.rows(call.tensors["logits"])), 0)
        states = torch.where(scored[..., None], self.wide(self.rows(call.tensors["states"])), 0)
        logits = states @ self.wide(call.tensors["weight"]).T
        return logits + self.wide(call.tensors["bias"]) if "bias" in call.tensors else logits

    def wide(self, tensor: Tensor) -> Tensor:
        """The same in float32 at least."""
        return tensor.to(torch.promote_types(tensor.dtype, torch.float32))

    def scaled(self, logits: Tensor, call: Call) -> Tensor:
        """c·l/T."""
        return torch.as_tensor(logits * call.options["scale"] / call.options["temperature"])

    def picked(self, logits: Tensor, targets: Tensor) -> Tensor:
        """log-softmax at the targets."""
        return torch.log_softmax(logits, dim=-1).gather(-1, targets[..., None])[..., 0]

    def reduced(self, logps: Tensor, scored: Tensor, call: Call) -> Tensor:
        """(B, T − s), or the sum or mean over the scored tokens; 0 where there are none."""
        if self.reduction == "none":
            return logps
        return logps.sum(dim=1) / self.divisor(scored) if self.averaged(call) else logps.sum(dim=1)

    def averaged(self, call: Call) -> bool:
        """Whether the mean is asked for."""
        return self.reduction == "mean" or bool(call.options["average_log_prob"])

    def divisor(self, scored: Tensor) -> Tensor:
        """(B,) how many tokens a mean is over, at least 1."""
        return scored.sum(dim=1).clamp(min=1)
