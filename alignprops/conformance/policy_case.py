"""One subject on one problem of sampled responses: what it returned, and what it should have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.comparison import compare
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.policy import MASK, NAMES, PolicyProblem, PolicyReference
from alignprops.conformance.precision import coarser, exactly, product, total
from alignprops.expressions import Rounded
from alignprops.losses.policy.policy_loss import PolicyLoss

Floats = NDArray[np.float64]
LOSS = "loss"
#: Forms: how the advantages come, and what the code does without.
BY_TOKEN, BY_RESPONSE, ON_POLICY, UNMASKED = "tokens", "responses", "on-policy", "unmasked"
#: What code may return beside the loss.
CLIP_FRACTION, DUAL_FRACTION, APPROX_KL, KL = "clip_fraction", "dual_clip_fraction", "approx_kl", "kl"


def form_of(*, by_response: bool = False, on_policy: bool = False, unmasked: bool = False) -> str:
    """The name of a form."""
    parts = [BY_RESPONSE if by_response else BY_TOKEN, *([ON_POLICY] if on_policy else [])]
    return ", ".join([*parts, *([UNMASKED] if unmasked else [])])


@dataclass(frozen=True, eq=False)
class PolicyCase:
    """A subject of kind `policy-loss` on a problem; `variant` and `loss` may be others than the subject's own."""

    subject: Conformer
    problem: PolicyProblem
    as_loss: PolicyLoss | None = None
    as_variant: str | None = None

    @property
    def loss(self) -> PolicyLoss:
        """The loss that the subject claims to compute."""
        return self.as_loss or cast(PolicyLoss, self.subject.specification)

    @property
    def variant(self) -> str:
        """The convention that it is judged by."""
        return self.subject.variant if self.as_variant is None else self.as_variant

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem; where the upper range is not taken, it is the lower."""
        subject = self.subject
        own = cast(PolicyLoss, subject.specification)
        made = own.chosen(self.problem.choices, subject.options, subject.constants)
        if "eps_low" in made and "eps_high" not in (*subject.options, *subject.constants):
            made["eps_high"] = made["eps_low"]
        return made

    @cached_property
    def dtype(self) -> str:
        """Whose rounding counts."""
        return coarser(self.problem.dtype, self.subject.precision)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(B, T), which tokens count."""
        given: NDArray[np.bool_] = self.problem.mask != 0
        return np.ones_like(given) if UNMASKED in self.subject.form else given

    @property
    def trained(self) -> str:
        """The input that it is differentiated in."""
        return str(self.loss.trained.name)

    @property
    def upstream(self) -> Any:
        """(B, T), 0 where masked, or (): what the subject's output is multiplied by in the gradient."""
        reduced = self.subject.reduction != "none"
        return self.problem.upstream[0, 0] if reduced else np.where(self.mask, self.problem.upstream, 0.0)

    # --- the subject ------------------------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> dict[str, Floats]:
        """(B, T) by name, as they count: an advantage of a response is that of each of its tokens."""
        made = {name: self.problem.table(name) for name in NAMES}
        if BY_RESPONSE in self.subject.form:
            made["advantages"] = np.broadcast_to(made["advantages"][:, :1], self.mask.shape).copy()
        return made

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The inputs of the subject, in the form that it takes."""
        made: dict[str, NDArray[Any]] = {**self.inputs, MASK: self.mask}
        if BY_RESPONSE in self.subject.form:
            made["advantages"] = made["advantages"][:, 0]
        return made

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        arrays = {**self.arrays, **changed}
        return make_call(arrays, self.options, dtype=self.problem.dtype, differentiable=(self.trained,))

    def run(self, call: Call) -> Found:
        """What the subject makes of a call, with gradients."""
        return self.subject(call, main=LOSS, upstream=self.upstream)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def value(self, found: Found) -> Floats:
        """The main output; of a matrix what is not masked."""
        made = found.outputs[LOSS]
        return np.where(self.mask, made, 0.0) if made.shape == self.mask.shape else made.reshape(())

    def slope(self, found: Found) -> Floats:
        """(B, T) the gradient in what is trained."""
        return found.gradients[self.trained]

    # --- the reference ----------------------------------------------------------------------------------------------

    @cached_property
    def reference(self) -> PolicyReference:
        """The formula on the same inputs."""
        on_policy = ON_POLICY in self.subject.form
        return PolicyReference(self.loss, self.variant, self.inputs, self.mask, self.options, self.dtype, on_policy)

    @cached_property
    def expected_loss(self) -> Rounded:
        """The main output: (B, T), 0 where masked, or ()."""
        losses, reduction = self.reference.token_losses, self.subject.reduction
        if reduction == "none":
            return losses
        if reduction == "mean":
            return self.reference.aggregate
        return total(losses, self.dtype, where=self.mask, axis=None)

    @cached_property
    def weights(self) -> Rounded:
        """(B, T): what the loss of each token is multiplied by in Σ upstream · output."""
        upstream = exactly(np.where(self.mask, np.broadcast_to(self.upstream, self.mask.shape), 0.0))
        if self.subject.reduction != "mean":
            return upstream
        return product(upstream, self.reference.token_weights, self.dtype)

    @cached_property
    def expected_gradient(self) -> Rounded:
        """(B, T) of Σ upstream · output in what is trained."""
        return self.reference.gradient(self.weights)

    # --- readings ---------------------------------------------------------------------------------------------------

    def value_read(self, found: Found | None = None) -> Any:
        """The main output beside the expected one."""
        return compare(self.value(found or self.found), self.expected_loss)

    def slope_read(self, found: Found | None = None) -> Any:
        """The gradient beside the expected one."""
        return compare(self.slope(found or self.found), self.expected_gradient)

    def with_problem(self, **changed: Any) -> PolicyCase:
        """The same subject on a changed problem."""
        return replace(self, problem=replace(self.problem, **changed))

    def with_option(self, name: str, index: int) -> PolicyCase:
        """The same with an option at that value of its list, if the loss has it."""
        choices = self.problem.choices.copy()
        for at, option in enumerate(self.subject.specification.options):
            if option.name == name:
                choices[at] = index
        return self.with_problem(choices=choices)

    def without_kl(self) -> PolicyCase:
        """The same with β = 0."""
        return self.with_option("beta", 0)

    def on_policy(self) -> PolicyCase:
        """The same where every policy is the one that sampled."""
        same = dict.fromkeys(("old_logps", "ref_logps", "rollout_logps"), self.problem.logps)
        return self.with_problem(**same, old_values=self.problem.values)
