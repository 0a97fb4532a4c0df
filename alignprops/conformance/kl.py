"""Problems of KL estimation, and what estimators and divergences should make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.comparison import LARGEST
from alignprops.conformance.distributions import log_softmax
from alignprops.conformance.precision import (
    EPS,
    SLACK,
    exactly,
    product,
    quotient,
    rounded_to,
    summed,
    total,
    widened,
    worlds,
)
from alignprops.expressions import Rounded, follow_in, symbols_of
from alignprops.losses.estimators.estimator import (
    Divergence,
    Estimator,
    entry_slope,
    log_ratio,
    plain,
    policy_log,
    reference_log,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KlProblem:
    """A batch of positions, with what policy and reference say there.

    Attributes:
        policy, reference: (B, T, V) float64, ≤ 0: logits of the vocabulary; to an estimator the first entry of the last
            axis is the log-probability of the sampled token. Arbitrary where masked.
        mask: (B, T) int64, 1 where a position counts; at least one does.
        choices: (4,) int64, which of its values every option takes, in the order of the specification.
        upstream: (B, T) float64, what the estimate at each position is multiplied by in the gradient.
        dtype: what the code is called in: "float64", "float32" or "bfloat16".
    """

    policy: Floats
    reference: Floats
    mask: Ints
    choices: Ints
    upstream: Floats
    dtype: str

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(B, T), which positions count."""
        kept: NDArray[np.bool_] = self.mask != 0
        return kept

    def tokens(self, table: Floats) -> Floats:
        """(B, T) log-probabilities of the sampled tokens, in numbers that the dtype has."""
        return rounded_to(table[..., 0], self.dtype)

    def logits(self, table: Floats) -> Floats:
        """(B, T, V) logits, in numbers that the dtype has."""
        return rounded_to(table, self.dtype)

    def log_probs(self, table: Floats) -> Floats:
        """(B, T, V) log-probabilities of the whole vocabulary, in numbers that the dtype has."""
        return rounded_to(log_softmax(exactly(table), "float64").value, self.dtype)


@dataclass(frozen=True, eq=False)
class Expected:
    """What an estimator makes of every position, with the error that honest code may have.

    Attributes:
        values: (B, T).
        slopes: ∂value/∂(input of the policy): (B, T) of token log-probabilities, (B, T, V) of tables.
        unclamped: (B, T), the estimate as it is reported.
    """

    values: Rounded
    slopes: Rounded
    unclamped: Rounded


def expected_of_tokens(
    made: Estimator, variant: str, policy: Floats, reference: Floats, dtype: str, *, error: Any = 0.0
) -> Expected:
    """Estimates from log-probabilities of tokens, all (B, T); their difference is rounded once.

    The inputs are exact, unless an `error` of their difference is given.
    """
    difference = policy - reference
    ratio = Rounded(difference, SLACK * EPS[dtype] * np.abs(difference) + error)

    def follow(expression: Any) -> Rounded:
        found = follow_in(expression, {log_ratio: ratio}, worlds(dtype))
        value, bound = (np.broadcast_to(part, difference.shape) for part in found)
        return Rounded(np.where(bound < LARGEST, value, np.nan), bound)  # an intermediate may overflow

    value, estimate = plain(made.value(variant)), plain(made.expression)
    with np.errstate(all="ignore"):
        return Expected(follow(value), follow(made.slope(variant)), follow(estimate))


def expected_of_tables(
    made: Divergence, variant: str, policy: Rounded, reference: Rounded, options: Mapping[str, Any], dtype: str
) -> Expected:
    """Divergences from log-probabilities of the vocabulary, (B, T, V); slopes take them as free."""
    entry = made.entry(variant, options.get("beta"))
    known: dict[Any, Rounded] = {policy_log: policy, reference_log: reference}
    for symbol in symbols_of(entry) - {policy_log, reference_log}:
        known[symbol] = Rounded(float(options[symbol.name]), 0.0)

    def follow(expression: Any) -> Rounded:
        found = follow_in(expression, known, worlds(dtype))
        return widened(found, policy.value.shape)

    with np.errstate(all="ignore"):
        values = total(follow(entry), dtype)
        return Expected(values, follow(entry_slope(entry)), values)


def through_softmax(slopes: Rounded, logs: Rounded, temperature: float, dtype: str) -> Rounded:
    """∂/∂logits from ∂/∂(log-probabilities) h: (h_v − π_v Σ h)/temperature."""
    with np.errstate(all="ignore"):
        probabilities: Rounded = worlds(dtype)[0].exponential(logs)
        sums = total(slopes, dtype)
        mean = product(probabilities, Rounded(-sums.value[..., None], sums.error[..., None]), dtype)
        return quotient(summed([slopes, mean], dtype), exactly(temperature), dtype)
