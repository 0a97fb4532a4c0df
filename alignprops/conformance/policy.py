"""Problems of sampled responses, and what the loss of a policy or of a value function should make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from alignprops.conformance.normalised import normalised
from alignprops.conformance.precision import GUARD, averaged, exactly, rounded_to, summed, total, widened, worlds
from alignprops.expressions import Rounded, follow_in, symbols_of
from alignprops.losses.policy.aggregation import (
    TOKEN_WEIGHTS,
    batch_tokens,
    response_tokens,
    responses,
)
from alignprops.losses.policy.policy_loss import PolicyLoss, k3, k3_slope
from alignprops.losses.policy.symbols import INPUTS, log_ratio

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NAMES = tuple(symbol.name for symbol in INPUTS)
MASK = "mask"
#: What code that normalises is given as hidden states; the policy that sampled comes in numbers.
NORMALISED = ("logps", "ref_logps")


@dataclass(frozen=True, eq=False)
class SampledResponses:
    """A batch of sampled responses, token by token.

    Attributes:
        logps, old_logps, ref_logps, rollout_logps: (B, T) float64, log-probabilities of the tokens (≤ 0) under the
            policy, that which sampled, the reference, and the sampling engine; arbitrary where masked.
        advantages: (B, T) float64; where the code takes one a response, that of its first column.
        values, old_values, returns: (B, T) float64, for losses of a value function.
        mask: (B, T) int64, 1 where a token counts; at least one a response, unless a theorem says otherwise.
        choices: (8,) int64, which of its values every option of the loss takes, in the loss's order.
        upstream: (B, T) float64, what the loss of each token is multiplied by in the gradient; that of a reduced loss
            is the first.
        dtype: what the code is called in: "float64", "float32" or "bfloat16".
    """

    logps: Floats
    old_logps: Floats
    ref_logps: Floats
    rollout_logps: Floats
    advantages: Floats
    values: Floats
    old_values: Floats
    returns: Floats
    mask: Ints
    choices: Ints
    upstream: Floats
    dtype: str

    def table(self, name: str) -> Floats:
        """(B, T) of that input, in numbers that the dtype has."""
        return rounded_to(getattr(self, name), self.dtype)


@dataclass(frozen=True, eq=False)
class PolicyProblem(SampledResponses):
    """One of ordinary size: what mistakes are recognised by."""


@dataclass(frozen=True, eq=False)
class ExtremeProblem(SampledResponses):
    """One where ratios over- or underflow: code with some other mistake differs from it there in that as well."""


@dataclass(frozen=True, eq=False)
class PolicyReference:
    """A loss in one convention, evaluated on the inputs that a subject is given, with the error of honest code.

    Attributes:
        loss, variant: what is to be computed, and in which convention.
        inputs: (B, T) by name.
        mask: (B, T) bool.
        options: hyper-parameters by name.
        dtype: whose rounding honest code may show.
        on_policy: whether the sampling policy is the current one, held fixed.
        normalised_in: of the subject; then also the reference's log-probabilities are found by a log-softmax.
    """

    loss: PolicyLoss
    variant: str
    inputs: Mapping[str, Floats]
    mask: NDArray[np.bool_]
    options: Mapping[str, Any]
    dtype: str
    on_policy: bool = False
    normalised_in: str | None = None

    @cached_property
    def token_losses(self) -> Rounded:
        """(B, T), 0 where masked."""
        made = self._follow(self.loss.expression(self.variant))
        if self._beta:
            made = summed([made, self._times_beta(k3)], self.dtype)
        return _where(self.mask, made)

    @cached_property
    def token_weights(self) -> Rounded:
        """(B, T), what each token's loss enters the aggregate with; 0 where masked."""
        counts = self.mask.sum(axis=1, keepdims=True)
        sizes: dict[Any, Any] = {
            response_tokens: np.maximum(counts, 1),
            batch_tokens: max(int(counts.sum()), 1),
            responses: len(counts),
        }
        expression = TOKEN_WEIGHTS[self.loss.mode(self.variant)]
        for symbol in symbols_of(expression) - set(sizes):
            sizes[symbol] = self.options[symbol.name]
        values = {symbol: exactly(size) for symbol, size in sizes.items()}
        found = follow_in(expression, values, worlds(self.dtype))
        counted = expression.has(response_tokens) or expression.has(batch_tokens)
        guard = 2 * GUARD * np.abs(found.value) if counted else 0.0
        return _where(self.mask, Rounded(found.value, found.error + guard))

    def weighted(self, terms: Rounded) -> Rounded:
        """() the aggregate of what each token has."""
        world = worlds(self.dtype)[0]
        return total(world.multiply(terms, self.token_weights), self.dtype, where=self.mask, axis=None)

    @cached_property
    def aggregate(self) -> Rounded:
        """() the loss of the batch."""
        return self.weighted(self.token_losses)

    def gradient(self, weights: Rounded) -> Rounded:
        """(B, T) of Σ weights · (loss of the token) in what is trained."""
        world = worlds(self.dtype)[0]
        through_ratio, beside = (self._follow(part) for part in self.loss.slopes(self.variant))
        if self._beta:
            beside = summed([beside, self._times_beta(k3_slope)], self.dtype)
        first = _where(self.mask, world.multiply(weights, through_ratio))
        if self.loss.level == "sequence":
            sums = total(first, self.dtype, where=self.mask)
            shared = averaged(sums, np.maximum(self.mask.sum(axis=1), 1), self.dtype)
            first = _where(self.mask, Rounded(shared.value[:, None], shared.error[:, None]))
        slopes = summed([first, world.multiply(weights, beside)], self.dtype)
        if self.normalised_in is not None:
            slopes = world.multiply(slopes, normalised(self.inputs["logps"], self.normalised_in).factor)
        return _where(self.mask, slopes)

    @cached_property
    def token_log_ratio(self) -> Rounded:
        """(B, T) log π_t − log π_old,t."""
        old = self.inputs["logps"] if self.on_policy else self.inputs["old_logps"]
        if np.array_equal(old, self.inputs["logps"]) and self.normalised_in is None:
            return exactly(np.zeros(old.shape))  # the same number twice: no rounding
        return summed([self.given("logps"), exactly(-old)], self.dtype)

    @cached_property
    def log_ratio(self) -> Rounded:
        """(B, T) or (B, 1): of the token, or the mean over the response."""
        by_token = self.token_log_ratio
        if self.loss.level == "token" or not np.any((by_token.value != 0) | (by_token.error > 0)):
            return by_token
        sums = total(by_token, self.dtype, where=self.mask)
        mean = averaged(sums, np.maximum(self.mask.sum(axis=1), 1), self.dtype)
        return Rounded(mean.value[:, None], mean.error[:, None])

    def given(self, name: str) -> Rounded:
        """(B, T) an input, as the subject has it."""
        table = self.inputs[name]
        if self.normalised_in is None or name not in NORMALISED:
            return exactly(table)
        return normalised(table, self.normalised_in).logps

    @property
    def _beta(self) -> bool:
        return self.loss.has_kl and self.options["beta"] != 0

    def _times_beta(self, expression: sp.Expr) -> Rounded:
        made: Rounded = worlds(self.dtype)[0].multiply(exactly(self.options["beta"]), self._follow(expression))
        return made

    @cached_property
    def _values(self) -> dict[Any, Rounded]:
        values = {symbol: self.given(symbol.name) for symbol in INPUTS if symbol.name in self.inputs}
        if not self.loss.of_values:
            values[log_ratio] = self.log_ratio
        for expression in (*self.loss.stopped.values(), self.loss.expression(self.variant)):
            for symbol in symbols_of(expression):
                if symbol.name in self.options:
                    values[symbol] = exactly(float(self.options[symbol.name]))
        for symbol, definition in self.loss.stopped.items():
            values[symbol] = self._at(definition, values)
        return values

    def _follow(self, expression: sp.Expr) -> Rounded:
        return self._at(expression, self._values)

    def _at(self, expression: sp.Expr, values: Mapping[Any, Rounded]) -> Rounded:
        with np.errstate(all="ignore"):
            found = follow_in(expression, values, worlds(self.dtype))
        return widened(found, self.mask.shape)


def _where(mask: NDArray[np.bool_], terms: Rounded) -> Rounded:
    """The terms where the mask is, and 0 elsewhere."""
    return Rounded(np.where(mask, terms.value, 0.0), np.where(mask, terms.error, 0.0))
