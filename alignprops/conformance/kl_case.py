"""One subject on one problem of KL estimation: what it returned, and what it should have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.distributions import log_softmax
from alignprops.conformance.kl import (
    Expected,
    KlProblem,
    expected_of_tables,
    expected_of_tokens,
    through_softmax,
)
from alignprops.conformance.precision import averaged, coarser, exactly, product, quotient, rounded_to, total
from alignprops.expressions import Rounded
from alignprops.losses.estimators.estimator import Divergence, Estimator

Floats = NDArray[np.float64]
#: The names of the forms: token log-probabilities, logits, or log-probabilities of the vocabulary; with a mask or not.
TOKENS, LOGITS, LOG_PROBS = "tokens", "logits", "log-probs"
MASKED = "masked-"
FORMS = tuple(prefix + form for form in (TOKENS, LOGITS, LOG_PROBS) for prefix in ("", MASKED))
#: What labels have where nothing counts.
IGNORED_LABEL = -100
KL = "kl"
REPORTED = "mean_kl"


def input_names(form: str) -> tuple[str, str]:
    """What policy and reference are called in a form."""
    return ("logprobs", "ref_logprobs") if form.endswith(TOKENS) else ("logits", "ref_logits")


@dataclass(frozen=True, eq=False)
class KlCase:
    """A subject of kind `kl-estimator` on a problem."""

    subject: Conformer
    problem: KlProblem

    @property
    def masked(self) -> bool:
        """Whether the subject takes a mask."""
        return self.subject.form.startswith(MASKED)

    @property
    def form(self) -> str:
        """What the subject takes beside the mask."""
        return self.subject.form.removeprefix(MASKED)

    @property
    def policy_name(self) -> str:
        """The input that the policy's gradient is taken in."""
        return input_names(self.form)[0]

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """(B, T), which positions count for this subject."""
        return self.problem.kept if self.masked else np.ones(self.problem.mask.shape, bool)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem."""
        subject = self.subject
        return subject.specification.chosen(self.problem.choices, subject.options, subject.constants)

    @cached_property
    def dtype(self) -> str:
        """Whose rounding counts."""
        return coarser(self.problem.dtype, self.subject.precision)

    @property
    def upstream(self) -> Floats:
        """(B, T), 0 where masked, or (): what the subject's output is multiplied by in the gradient."""
        if self.subject.reduction == "none":
            return np.where(self.kept, self.problem.upstream, 0.0)
        return np.asarray(self.problem.upstream[0, 0])

    # --- the subject ------------------------------------------------------------------------------------------------

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The inputs of the subject, in the form that it takes."""
        problem = self.problem
        read = {TOKENS: problem.tokens, LOGITS: problem.logits, LOG_PROBS: problem.log_probs}[self.form]
        policy, reference = input_names(self.form)
        given = {policy: read(problem.policy), reference: read(problem.reference)}
        # Numbers that the code's own precision has, where that is coarser: what it casts away is no error of its.
        made: dict[str, NDArray[Any]] = {name: rounded_to(table, self.dtype) for name, table in given.items()}
        if not self.masked:
            return made
        labels = {} if self.form == TOKENS else {"labels": np.where(problem.kept, 0, IGNORED_LABEL)}
        return made | {"mask": problem.kept} | labels

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        arrays = {**self.arrays, **changed}
        return make_call(arrays, self.options, dtype=self.problem.dtype, differentiable=(self.policy_name,))

    def run(self, call: Call) -> Found:
        """What the subject makes of a call, with the gradient."""
        return self.subject(call, main=KL, upstream=self.upstream)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def gradient(self, found: Found) -> Floats:
        """The gradient in the policy's input."""
        return found.gradients[self.policy_name]

    # --- the reference ----------------------------------------------------------------------------------------------

    @cached_property
    def expected(self) -> Expected:
        """Values and slopes position by position."""
        made, variant = self.subject.specification, self.subject.variant
        policy, reference = (self.arrays[name] for name in input_names(self.form))
        if isinstance(made, Estimator):
            return expected_of_tokens(made, variant, policy, reference, self.dtype)
        assert isinstance(made, Divergence)
        if self.form == LOG_PROBS:
            return expected_of_tables(made, variant, exactly(policy), exactly(reference), self.options, self.dtype)
        temperature = float(self.options["temperature"])
        logs = [
            log_softmax(quotient(exactly(table), exactly(temperature), self.dtype), self.dtype)
            for table in (policy, reference)
        ]
        found = expected_of_tables(made, variant, logs[0], logs[1], self.options, self.dtype)
        return replace(found, slopes=through_softmax(found.slopes, logs[0], temperature, self.dtype))

    @cached_property
    def expected_value(self) -> Rounded:
        """The main output: (B, T), NaN where masked, or () if the subject reduces."""
        values = self.expected.values
        if self.subject.reduction == "none":
            return Rounded(np.where(self.kept, values.value, np.nan), values.error)
        return self._reduced(values, self.subject.reduction)

    @cached_property
    def expected_reported(self) -> Rounded:
        """(): the mean of the estimate over the positions that count, as it is logged."""
        return self._reduced(self.expected.unclamped, "mean")

    def _reduced(self, values: Rounded, reduction: str) -> Rounded:
        summed = total(values, self.dtype, where=self.kept, axis=None)
        return summed if reduction == "sum" else averaged(summed, self.kept.sum(), self.dtype)

    @cached_property
    def expected_gradient(self) -> Rounded:
        """The gradient of Σ upstream · output in the policy's input; exactly 0 where masked."""
        upstream = exactly(np.broadcast_to(self.upstream, self.kept.shape))
        if self.subject.reduction == "mean":
            upstream = averaged(upstream, self.kept.sum(), self.dtype)
        slopes, kept = self.expected.slopes, self.kept
        if self.form != TOKENS:
            upstream, kept = Rounded(upstream.value[..., None], upstream.error[..., None]), kept[..., None]
        made = product(upstream, slopes, self.dtype)
        return Rounded(np.where(kept, made.value, 0.0), np.where(kept, made.error, 0.0))
