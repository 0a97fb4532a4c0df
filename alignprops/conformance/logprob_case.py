"""One subject on one problem of sequences: what it returned, and what it should have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.logprob import INDEX, LABELS, LOGPS, MASK, Form, LogpProblem
from alignprops.conformance.logprob_expected import Precision, TokenLogps, linear, token_logps
from alignprops.conformance.precision import EPS, SLACK, TINY, averaged, exactly, product, rounded_to, total
from alignprops.expressions import Rounded
from alignprops.losses.logprobs.formula import SHIFTING

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LogpCase:
    """A subject of kind `sequence-logprob` on a problem.

    `logps` are (B,), or (B, T − s) where the subject returns those of tokens, with s = 1 if it shifts and 0 if not.
    """

    subject: Conformer
    problem: LogpProblem

    # --- what the subject is asked ----------------------------------------------------------------------------------

    @cached_property
    def form(self) -> Form:
        """How the subject takes its inputs."""
        return Form.named(self.subject.form)

    @property
    def shift(self) -> int:
        """How far behind a token the logits that predict it stand: 1, or 0 if the caller has shifted."""
        return int(self.subject.variant == SHIFTING)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The options' values on this problem."""
        specification = self.subject.specification
        return specification.chosen(self.problem.choices, self.subject.options, self.subject.constants)

    @property
    def by_token(self) -> bool:
        """Whether the subject returns log-probabilities of tokens."""
        return self.subject.reduction == "none"

    @property
    def averaged(self) -> bool:
        """Whether the subject returns the mean over the scored tokens."""
        if "average_log_prob" in self.subject.options:
            return bool(self.options["average_log_prob"]) and not self.by_token
        return self.subject.reduction == "mean"

    @cached_property
    def precision(self) -> Precision:
        """Whose rounding counts."""
        return Precision.of(self.problem.dtype, self.subject.precision)

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """(B, T − s): which tokens are scored."""
        asked = self.problem.mask[:, self.shift :] != 0
        return np.ones_like(asked) if self.form.targets == INDEX else asked

    @cached_property
    def predicting(self) -> NDArray[np.bool_]:
        """(B, T): at which positions stand logits that predict a scored token."""
        return np.pad(self.scored, [(0, 0), (0, self.shift)])

    @property
    def counts(self) -> NDArray[np.int64]:
        """(B,): scored tokens."""
        counted: NDArray[np.int64] = self.scored.sum(axis=1)
        return counted

    # --- the subject ------------------------------------------------------------------------------------------------

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The inputs of the subject, in the form that it takes."""
        made = self.problem.as_given(self.form.source)
        return made | self.targets(self.problem.tokens, self.problem.mask)

    def targets(self, tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Labels, or ids with or without a mask."""
        if self.form.targets == LABELS:
            return {"labels": np.where(mask != 0, tokens, self.options["ignore_index"])}
        return {"labels": tokens} | ({"mask": mask != 0} if self.form.targets == MASK else {})

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        arrays = {**self.arrays, **changed}
        return make_call(arrays, self.options, dtype=self.problem.dtype, differentiable=self.form.leaves)

    def run(self, call: Call) -> Found:
        """What the subject makes of a call, with gradients."""
        return self.subject(call, main=LOGPS, upstream=self.upstream_for(call))

    def upstream_for(self, call: Call) -> Floats:
        """(B,), or (B, T − s) with zeros where nothing is scored and for columns that the problem does not have."""
        if not self.by_token:
            return self.problem.upstream[:, 0]
        upstream = np.where(self.scored, self.problem.upstream[:, self.shift :], 0.0)
        missing = call.tensors["labels"].shape[1] - self.problem.tokens.shape[1]
        return np.pad(upstream, [(0, 0), (0, missing)])

    def poisoned_call(self, poison: tuple[float, ...]) -> Call:
        """The problem with `poison` where nothing scored is predicted, and other ids where nothing is scored."""
        given = self.arrays[self.first].copy()
        idle = ~self.predicting
        given[idle] = np.resize(poison, given[idle].shape)
        tokens = np.where(self.problem.mask != 0, self.problem.tokens, (self.problem.tokens + 1) % self.vocabulary)
        return self.call(**{self.first: given}, **self.targets(tokens, self.problem.mask))

    def widened_call(self, columns: int) -> Call:
        """The problem with more columns behind it, of which nothing is scored."""
        given = self.arrays[self.first]
        wide = np.concatenate([given, np.resize((1e4, -3.0, 0.5), (len(given), columns, given.shape[2]))], axis=1)
        beyond = [(0, 0), (0, columns)]
        targets = self.targets(
            np.pad(self.problem.tokens, beyond, constant_values=1), np.pad(self.problem.mask, beyond)
        )
        return self.call(**{self.first: wide}, **targets)

    @property
    def vocabulary(self) -> int:
        """V."""
        return len(self.problem.weight)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def values(self, found: Found) -> Floats:
        """The log-probabilities, (B,) or (B, T − s); 0 for tokens that are not scored, whatever was returned there."""
        made = np.asarray(found.outputs[LOGPS])
        if not self.by_token:
            return made
        width = self.scored.shape[1]
        if made.ndim != 2 and made.size == self.scored.size:
            made = made.reshape(self.scored.shape)
        return np.where(self.scored, made[:, :width], 0.0) if made.ndim == 2 and made.shape[1] >= width else made

    def gradients(self, found: Found) -> Floats:
        """(N,) the gradients in all differentiable inputs, end to end."""
        return np.concatenate([found.gradients[name].ravel() for name in self.form.leaves])

    @property
    def first(self) -> str:
        """The input that is laid out by position: logits or states."""
        return self.form.leaves[0]

    # --- the formula ------------------------------------------------------------------------------------------------

    @cached_property
    def _tokens(self) -> TokenLogps:
        """Of the scored tokens, in the order of `scored`."""
        factor = self.options["scale"] / self.options["temperature"]
        at = self.predicting
        if self.form.fused:
            problem = self.problem
            bias = problem.rounded("bias") if "bias" in self.form.leaves else np.zeros(len(problem.weight))
            logits = linear(problem.rounded("states")[at], problem.rounded("weight"), bias, self.precision)
        else:
            logits = exactly(rounded_to(self.problem.logits(), self.problem.dtype)[at])
        scaled = Rounded(factor * logits.value, abs(factor) * logits.error)  # z = c·l/T, exact
        with np.errstate(all="ignore"):
            return token_logps(scaled, self.problem.tokens[:, self.shift :][self.scored], self.precision)

    @cached_property
    def expected_tokens(self) -> Rounded:
        """(B, T − s); 0 where nothing is scored."""
        return self._placed(self._tokens.values, self.scored)

    @cached_property
    def expected(self) -> Rounded:
        """As `values`; NaN where the formula has no value: the mean of nothing."""
        if self.by_token:
            return self.expected_tokens
        sums = total(self.expected_tokens, self.precision.dtype, where=self.scored)
        if not self.averaged:
            return sums
        with np.errstate(all="ignore"):
            return averaged(sums, self.counts, self.precision.dtype)

    @cached_property
    def _coefficients(self) -> Rounded:
        """(B, T, V) of Σ upstream · logps in l, W x + b."""
        factor = self.options["scale"] / self.options["temperature"]
        weights = self._weights
        slopes = self._tokens.slopes
        scaled = Rounded(factor * slopes.value, abs(factor) * slopes.error)
        rows = Rounded(weights.value[self.scored][:, None], weights.error[self.scored][:, None])
        return self._placed(product(rows, scaled, self.precision.dtype), self.predicting)

    @property
    def _weights(self) -> Rounded:
        """(B, T − s) what the log-probability of each token is multiplied by."""
        if self.by_token:
            return exactly(self.problem.upstream[:, self.shift :])
        upstream = exactly(np.repeat(self.problem.upstream[:, :1], self.scored.shape[1], axis=1))
        if not self.averaged:
            return upstream
        counts = np.broadcast_to(np.maximum(self.counts, 1)[:, None], self.scored.shape)
        return averaged(upstream, counts, self.precision.dtype)

    @cached_property
    def expected_gradients(self) -> Rounded:
        """As `gradients`; where a mean of nothing enters there is none (NaN)."""
        parts = self._fused_gradients() if self.form.fused else [self._coefficients]
        if self.averaged and (self.counts == 0).any():
            parts = [self._without_empty_rows(part, at) for at, part in enumerate(parts)]
        value = np.concatenate([part.value.ravel() for part in parts])
        return Rounded(value, np.concatenate([part.error.ravel() for part in parts]))

    def _fused_gradients(self) -> list[Rounded]:
        """∂/∂x = Wᵀa, ∂/∂W = Σ a xᵀ, ∂/∂b = Σ a with the coefficients a; sums and products rounded to the dtype."""
        a, w, x = self._coefficients, self.problem.rounded("weight"), self.problem.rounded("states")
        eps, tiny = SLACK * EPS[self.precision.dtype], SLACK * TINY[self.precision.dtype]
        size = np.abs(a.value)
        tokens, vocabulary = max(int(self.scored.sum()), 1), len(w)

        def made(einsum: str, other: Floats, terms: int, among: Any = True) -> Rounded:
            value = np.einsum(einsum, a.value, other)
            spread = np.einsum(einsum, a.error + (terms + 2) * eps * size, np.abs(other))
            return Rounded(value, np.where(among, spread + terms * tiny, 0.0))

        found = [
            made("btv,vd->btd", w, vocabulary, self.predicting[:, :, None]),
            made("btv,btd->vd", x, tokens),
            made("btv,bt->v", np.ones(x.shape[:2]), tokens),
        ]
        return found[: len(self.form.leaves)]

    def _without_empty_rows(self, part: Rounded, at: int) -> Rounded:
        undefined = self.counts == 0 if at == 0 else np.array(True)
        shape = undefined.reshape((-1,) + (1,) * (part.value.ndim - 1)) if at == 0 else undefined
        return Rounded(np.where(shape, np.nan, part.value), part.error)

    def _placed(self, given: Rounded, where: NDArray[np.bool_]) -> Rounded:
        shape = (*where.shape, *given.value.shape[1:])
        value, error = np.zeros(shape), np.zeros(shape)
        value[where], error[where] = given.value, given.error
        return Rounded(value, error)

    # --- rows by themselves -----------------------------------------------------------------------------------------

    def with_rows(self, rows: Iterable[int]) -> LogpCase:
        """The same subject on some rows, in that order."""
        at = list(rows)
        problem = self.problem
        changed = {name: getattr(problem, name)[at] for name in ("states", "tokens", "mask", "upstream")}
        return self.with_problem(**changed)

    def row_values(self, parts: Iterable[LogpCase]) -> Floats:
        """What is returned for the rows of parts, one below the other."""
        return np.concatenate([part.values(part.found) for part in parts])

    def row_gradients(self, parts: Iterable[LogpCase]) -> Floats:
        """The gradients in what is laid out by rows, logits or states, of parts, one below the other."""
        return np.concatenate([part.found.gradients[self.first] for part in parts])

    @property
    def expected_row_gradients(self) -> Rounded:
        """As `row_gradients` of the whole."""
        whole, shape = self.expected_gradients, self.arrays[self.first].shape
        count = int(np.prod(shape))
        return Rounded(whole.value[:count].reshape(shape), whole.error[:count].reshape(shape))

    def with_problem(self, **changed: Any) -> LogpCase:
        """The same subject on a changed problem."""
        return LogpCase(self.subject, replace(self.problem, **changed))
