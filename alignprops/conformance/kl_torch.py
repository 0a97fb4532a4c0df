"""Estimators and divergences in torch, evaluated from their expressions: the honest reference subjects.

Their steps are methods, so that a mistake can be planted in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops._errors import UnknownNameError
from alignprops.conformance.call import Call
from alignprops.conformance.kl_case import KL, LOGITS, MASKED, REPORTED, input_names
from alignprops.expressions import symbols_of
from alignprops.losses.estimators.estimator import Divergence, Estimator, log_ratio, policy_log, reference_log
from alignprops.losses.estimators.table import KL_ESTIMATORS
from alignprops.losses.evaluation import evaluate


@dataclass(frozen=True, eq=False)
class TorchKl:
    """Called with the kind's inputs, returns {"kl", "mean_kl"}.

    Attributes:
        made, variant: what is computed, in which convention.
        form: how it wants its inputs (`alignprops.conformance.kl_case.FORMS`).
        reduction: "none": one number a position, 0 where masked; "mean" or "sum" over the positions that count: ().
    """

    made: Estimator | Divergence
    variant: str
    form: str
    reduction: str = "none"

    def __call__(self, call: Call) -> Mapping[str, Any]:
        kept = self.kept(call)
        inputs = self.inputs(call, kept)
        values = self.values(*inputs, call)
        return {KL: self.reduced(values, kept), REPORTED: self.reported(*inputs, kept, call)}

    def kept(self, call: Call) -> Tensor:
        """(B, T) bool: which positions count."""
        if self.form.startswith(MASKED):
            return call.tensors["mask"] != 0
        given = call.tensors[input_names(self.form)[0]]
        return torch.ones(given.shape[:2], dtype=torch.bool)

    def inputs(self, call: Call, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Policy and reference, 0 where masked: what stands there must not meet any arithmetic."""
        policy, reference = (self.cleaned(call.tensors[name], kept) for name in input_names(self.form))
        return policy, reference

    def cleaned(self, given: Tensor, kept: Tensor) -> Tensor:
        """An input without what stands at masked positions."""
        return torch.where(kept if given.ndim == kept.ndim else kept[..., None], given, 0)

    def values(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        """(B, T), with the gradient of the convention."""
        raise NotImplementedError

    def reported(self, policy: Tensor, reference: Tensor, kept: Tensor, call: Call) -> Tensor:
        """(): the mean of the estimate, without a gradient: what is logged."""
        return self.values(policy.detach(), reference, call)[kept].mean()

    def reduced(self, values: Tensor, kept: Tensor) -> Tensor:
        """(B, T) or (), by the reduction."""
        if self.reduction == "none":
            return torch.where(kept, values, 0)
        sums = torch.where(kept, values, 0).sum()
        return sums if self.reduction == "sum" else sums / kept.sum()


@dataclass(frozen=True, eq=False)
class TorchEstimator(TorchKl):
    """An estimator from log-probabilities of tokens."""

    @property
    def estimator(self) -> Estimator:
        """What is computed where the code is not told a name."""
        assert isinstance(self.made, Estimator)
        return self.made

    def values(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        made = self.chosen(call)
        variant = self.variant if made is self.made else next(iter(made.variants))
        ratio = self.log_ratio(policy, reference)
        value = self.evaluated(made.value(variant), ratio)
        if variant not in made.slopes:
            return value
        return value.detach() + self.slope(made.slope(variant), ratio).detach() * (ratio - ratio.detach())

    def chosen(self, call: Call) -> Estimator:
        """The estimator that the code is told by name, or its only one."""
        spelled = call.options.get("estimator")
        return self.estimator if spelled is None else by_spelling(spelled)

    def log_ratio(self, policy: Tensor, reference: Tensor) -> Tensor:
        """log π − log π_ref."""
        return policy - reference

    def slope(self, expression: sp.Expr, ratio: Tensor) -> Tensor:
        """The gradient of a convention that has one of its own."""
        return self.evaluated(expression, ratio)

    def evaluated(self, expression: sp.Expr, ratio: Tensor) -> Tensor:
        """The value of an expression of the log-ratio."""
        made: Tensor = evaluate(expression, {log_ratio: ratio})
        return made

    def reported(self, policy: Tensor, reference: Tensor, kept: Tensor, call: Call) -> Tensor:
        ratio = self.log_ratio(policy.detach(), reference)
        return self.evaluated(self.chosen(call).expression, ratio)[kept].mean()


def by_spelling(name: str) -> Estimator:
    """The estimator that code means by a name.

    Raises:
        UnknownNameError: none is called so.
    """
    for made in KL_ESTIMATORS.values():
        if isinstance(made, Estimator) and name in made.spellings:
            return made
    spellings = [name for made in KL_ESTIMATORS.values() if isinstance(made, Estimator) for name in made.spellings]
    raise UnknownNameError("KL estimator", name, spellings)


@dataclass(frozen=True, eq=False)
class TorchDivergence(TorchKl):
    """A divergence from logits or log-probabilities of the vocabulary."""

    def values(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        logs = [self.log_probs(table, call) for table in (policy, reference)]
        return self.entries(logs[0], logs[1], call).sum(dim=-1)

    def log_probs(self, table: Tensor, call: Call) -> Tensor:
        """(B, T, V) log-probabilities."""
        if not self.form.endswith(LOGITS):
            return table
        return torch.log_softmax(table / self.temperature(call), dim=-1)

    def temperature(self, call: Call) -> float:
        """What logits are divided by."""
        return float(call.options["temperature"])

    def entries(self, policy: Tensor, reference: Tensor, call: Call) -> Tensor:
        """(B, T, V): the summands."""
        known: dict[Any, Any] = {policy_log: policy, reference_log: reference}
        beta = call.options.get("beta")
        entry = self.entry(beta)
        known |= dict.fromkeys(symbols_of(entry) - set(known), beta)
        made: Tensor = evaluate(entry, known) + torch.zeros_like(policy)  # it may be constant
        return made

    def entry(self, beta: float | None) -> sp.Expr:
        """The summand of a vocabulary entry."""
        assert isinstance(self.made, Divergence)
        return self.made.entry(self.variant, beta)
