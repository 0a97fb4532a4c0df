"""Problems of single answers with a label, and what a loss should make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.normalised import normalised
from alignprops.conformance.precision import exactly, product, quotient, rounded_to, summed, total, widened, worlds
from alignprops.expressions import Rounded, follow_in, symbols_of
from alignprops.losses.unpaired.symbols import point, policy, ratio, reference, shift
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss, as_differentiated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: The tables of a problem: of the labelled answers, and of the mismatched ones that the reference point is read off.
POLICY, REFERENCE, POLICY_KL, REFERENCE_KL = "policy_logps", "reference_logps", "policy_KL_logps", "reference_KL_logps"


@dataclass(frozen=True, eq=False)
class UnpairedProblem:
    """A batch of labelled answers, token by token, with as many mismatched answers for the reference point.

    Attributes:
        policy_logps, reference_logps: (B, T) float64, log-probabilities of tokens (≤ 0), arbitrary where masked.
        mask: (B, T) int64, 1 where a token counts.
        policy_kl_logps, reference_kl_logps, kl_mask: the same of answers to other prompts.
        desirable: (B,) int64, 1 where the answer was wanted; one of the classes may be empty.
        weights: (B,) float64, density ratios for code that takes such; they count for undesirable answers.
        delta: the reward shift for code that is given it.
        choices: (8,) int64, which of its values every option of the loss takes, in the loss's order.
        upstream: (B,) float64, what the loss of each example is multiplied by in the gradient.
        dtype: what the code is called in: "float64", "float32" or "bfloat16".
    """

    policy_logps: Floats
    reference_logps: Floats
    mask: Ints
    policy_kl_logps: Floats
    reference_kl_logps: Floats
    kl_mask: Ints
    desirable: Ints
    weights: Floats
    delta: float
    choices: Ints
    upstream: Floats
    dtype: str

    @property
    def labels(self) -> Flags:
        """(B,), which answers were wanted."""
        wanted: Flags = self.desirable != 0
        return wanted

    def table(self, name: str) -> Floats:
        """(B, T) of that input, in numbers that the dtype has."""
        return rounded_to(getattr(self, name.lower()), self.dtype)

    def masked(self, name: str) -> Flags:
        """(B, T), which tokens of that input count."""
        kept: Flags = (self.kl_mask if "KL" in name else self.mask) != 0
        return kept

    def sequence(self, name: str) -> Floats:
        """(B,) that input summed over its tokens, in numbers that the dtype has."""
        return rounded_to(np.where(self.masked(name), self.table(name), 0.0).sum(axis=1), self.dtype)

    @property
    def point(self) -> float:
        """The reference point for code that is given it: a number that the dtype has."""
        mean = (self.sequence(POLICY_KL) - self.sequence(REFERENCE_KL)).mean()
        return float(rounded_to(max(0.0, float(mean)), self.dtype))


@dataclass(frozen=True, eq=False)
class Expected:
    """What a loss should return on a problem; every number with the error that honest code may have.

    Attributes:
        losses, slopes, rewards: (B,); slopes are ∂loss_i/∂log π(y_i|x_i).
        point: (), z₀.
    """

    losses: Rounded
    slopes: Rounded
    rewards: Rounded
    point: Rounded


@dataclass(frozen=True, eq=False)
class UnpairedReference:
    """A loss evaluated on what a subject is given.

    Attributes:
        loss: what is to be computed.
        labels: (B,), which answers were wanted.
        inputs: the log-probabilities of `POLICY`, `REFERENCE`, and, unless `point` is given, those of the mismatched
            answers, (B,) each.
        options: hyper-parameters by name.
        weights: (B,) density ratios; 1 where the subject takes none.
        point, shift: where they are given to the subject; None: found from the inputs.
        dtype: whose rounding honest code may show.
    """

    loss: UnpairedLoss
    labels: Flags
    inputs: Mapping[str, Rounded]
    options: Mapping[str, Any]
    weights: Floats
    point: float | None
    shift: float | None
    dtype: str

    @cached_property
    def expected(self) -> Expected:
        """Losses, slopes and rewards, from the loss's expressions."""
        with np.errstate(all="ignore"):
            found_point = self._point()
            values = self._values(found_point)
            losses = [self._follow(part, values) for part in self.loss.by_class]
            slopes = [self._follow(as_differentiated(part), values) for part in self.loss.gradients]
            rewards = self._follow(self.loss.reward, values)
        return Expected(self._by_label(losses), self._by_label(slopes), rewards, found_point)

    def _values(self, found_point: Rounded) -> dict[Any, Rounded]:
        values = {policy: self.inputs[POLICY], reference: self.inputs[REFERENCE], ratio: exactly(self.weights)}
        symbols = frozenset[Any]().union(*map(symbols_of, (*self.loss.by_class, self.loss.reward)))
        values |= {s: Rounded(float(self.options[s.name]), 0.0) for s in symbols if s.name in self.options}
        return values | {point: found_point, shift: self._shift(values)}

    def _point(self) -> Rounded:
        if self.point is not None:
            return exactly(self.point)
        if POLICY_KL not in self.inputs:
            return exactly(0.0)
        mean = _mean_difference(self.inputs[POLICY_KL], self.inputs[REFERENCE_KL], self.dtype)
        return Rounded(np.maximum(mean.value, 0.0), mean.error)  # clamping moves no two numbers apart

    def _shift(self, values: Mapping[Any, Rounded]) -> Rounded:
        if not self.loss.uses_shift:
            return exactly(0.0)
        if self.shift is not None:
            return exactly(self.shift)
        mean = _mean_difference(self.inputs[POLICY], self.inputs[REFERENCE], self.dtype)
        return product(exactly(self.options["beta"]), mean, self.dtype)

    def _follow(self, expression: Any, values: Mapping[Any, Rounded]) -> Rounded:
        found = follow_in(expression, values, worlds(self.dtype))
        return widened(found, self.labels.shape)

    def _by_label(self, parts: list[Rounded]) -> Rounded:
        undesirable, desirable = parts
        return Rounded(
            np.where(self.labels, desirable.value, undesirable.value),
            np.where(self.labels, desirable.error, undesirable.error),
        )


def _mean_difference(a: Rounded, b: Rounded, dtype: str) -> Rounded:
    """Mean of a − b for a, b ≤ 0, whether the differences are averaged or the averages subtracted."""
    less = total(b, dtype)
    difference = summed([total(a, dtype), Rounded(-less.value, less.error)], dtype)
    return quotient(difference, exactly(float(np.size(a.value))), dtype)


def sequence_inputs(problem: UnpairedProblem, names: tuple[str, ...]) -> dict[str, Rounded]:
    """The inputs of a loss that is given one log-probability an answer: exactly what it is given."""
    return {name: exactly(problem.sequence(name)) for name in names}


def token_inputs(
    problem: UnpairedProblem, names: tuple[str, ...], dtype: str, normalised_in: str | None = None
) -> dict[str, Rounded]:
    """The inputs of a loss that sums token log-probabilities itself, with the rounding of that.

    With `normalised_in` it also finds those of the tokens itself, by a log-softmax in that dtype.
    """
    made: dict[str, Rounded] = {}
    for name in names:
        table = problem.table(name)
        terms = exactly(table) if normalised_in is None else normalised(table, normalised_in).logps
        made[name] = total(terms, dtype, where=problem.masked(name))
    return made
