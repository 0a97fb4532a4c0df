"""One subject on one problem of sampled responses: what it returned, and what it should have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.comparison import compare
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.policy import MASK, NAMES, PolicyReference, SampledResponses
from alignprops.conformance.precision import coarser, exactly, product, quotient, total, widened, worlds
from alignprops.expressions import Rounded
from alignprops.losses.policy.aggregation import GLOBAL, MEANS, TOKEN_MEAN
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
    problem: SampledResponses
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
        given = (self.inputs, self.mask, self.options, self.dtype)
        return PolicyReference(self.loss, self.variant, *given, on_policy, self.subject.normalised_in)

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

    def as_formula(self, loss: PolicyLoss, variant: str) -> PolicyCase:
        """The same judged as another loss."""
        return replace(self, as_loss=loss, as_variant=variant)

    def without_kl(self) -> PolicyCase:
        """The same with β = 0."""
        return self.with_option("beta", 0)

    def on_policy(self) -> PolicyCase:
        """The same where every policy is the one that sampled."""
        same = dict.fromkeys(("old_logps", "ref_logps", "rollout_logps"), self.problem.logps)
        return self.with_problem(**same, old_values=self.problem.values)

    # --- other batches ----------------------------------------------------------------------------------------------

    def padded(self, poison: tuple[float, ...]) -> PolicyCase:
        """The problem with `poison` under the mask, one after the other, and two more columns of it."""
        extra = [(0, 0), (0, 2)]
        mask = np.pad(self.problem.mask, extra)
        changed: dict[str, Any] = {"mask": mask, "upstream": np.pad(self.problem.upstream, extra)}
        for at, name in enumerate(NAMES):
            filling = np.resize(np.roll(np.array(poison), at), mask.shape)
            changed[name] = np.where(mask != 0, np.pad(getattr(self.problem, name), extra), filling)
        if BY_RESPONSE in self.subject.form:  # the advantage of a response is not under the mask
            changed["advantages"][:, 0] = self.problem.advantages[:, 0]
        return self.with_problem(**changed)

    def cropped(self, value: Floats, to: PolicyCase) -> Floats:
        """The main output without the columns that were added to another case."""
        return value[:, : to.mask.shape[1]] if value.ndim == 2 else value

    # --- on policy --------------------------------------------------------------------------------------------------

    def policy_gradient(self) -> tuple[Rounded, Rounded]:
        """The main output and its gradient where every ratio is 1: from the advantages alone, not from the loss."""
        negated, table = exactly(-self.inputs["advantages"]), self.reference.given("logps")
        if self.subject.normalised_in is not None:  # its ratios are 1 but for the rounding of its log-softmax
            ratio = worlds(self.dtype)[0].exponential(self.reference.log_ratio)
            negated = product(negated, widened(ratio, self.mask.shape), self.dtype)
        of_logps = "of-logps" in self.loss.traits
        terms = product(negated, table, self.dtype) if of_logps else negated
        kept = Rounded(np.where(self.mask, terms.value, 0.0), np.where(self.mask, terms.error, 0.0))
        slope = product(self.weights, negated, self.dtype)
        if self.loss.level == "sequence":
            counts = exactly(np.maximum(self.mask.sum(axis=1), 1))
            mean = quotient(total(slope, self.dtype, where=self.mask), counts, self.dtype)
            slope = Rounded(np.where(self.mask, mean.value[:, None], 0.0), mean.error[:, None])
        if self.subject.reduction == "none":
            return kept, slope
        if self.subject.reduction == "sum":
            return total(kept, self.dtype, where=self.mask, axis=None), slope
        return self.reference.weighted(kept), slope

    def named(self) -> Iterator[tuple[str, str, PolicyCase]]:
        """Every argument that chooses by name, every name that is known for it, and the case that it stands for."""
        from alignprops.conformance.policy_by_name import meanings  # it makes the reference, which needs this module

        for argument in self.subject.extras:
            for name, (loss, variant) in meanings(argument, self.loss).items():
                yield argument, name, replace(self, as_loss=loss, as_variant=variant)

    def rows(self, at: slice) -> PolicyCase:
        """The responses at a slice of the batch."""
        return self.with_problem(
            **{name: np.ascontiguousarray(getattr(self.problem, name)[at]) for name in (*NAMES, "mask", "upstream")}
        )

    def loss_of_parts(self) -> Any:
        """What the subject makes of two micro-batches, put together as documented: by tokens, responses, or added."""
        half = len(self.mask) // 2
        parts = [self.rows(slice(0, half)), self.rows(slice(half, None))]
        values = [part.value(part.found) for part in parts]
        if self.subject.reduction == "none":
            together = np.concatenate(values)
        elif self.adds_up:
            together = np.asarray(sum(values))
        else:
            together = np.asarray(np.average(values, weights=[part.size for part in parts]))
        return compare(together, self.expected_loss).found

    @property
    def adds_up(self) -> bool:
        """Whether the loss of a batch is the sum of those of its micro-batches."""
        return self.subject.reduction == "sum" or self.loss.mode(self.variant) == GLOBAL

    @property
    def size(self) -> int:
        """What a micro-batch counts in the mean over a batch: its tokens or its responses."""
        return int(self.mask.sum()) if self.loss.mode(self.variant) == TOKEN_MEAN else len(self.mask)

    def loss_reversed(self) -> Any:
        """What the subject makes of the responses in reverse, put in order again."""
        turned = self.rows(slice(None, None, -1))
        value = turned.value(turned.found)
        return compare(value[::-1] if value.ndim else value, self.expected_loss).found

    def doubled(self) -> PolicyCase:
        """Every response said twice: each token once more behind them all, so that masks have holes."""
        tables = {name: getattr(self.problem, name) for name in (*NAMES, "mask", "upstream")}
        return self.with_problem(**{name: np.concatenate([table, table], axis=1) for name, table in tables.items()})

    @property
    def length_factor(self) -> int:
        """What that does to the loss by its mode."""
        return 1 if self.subject.reduction == "mean" and self.loss.mode(self.variant) in MEANS else 2
