"""Problems of preference pairs, and what a loss should make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.normalised import normalised
from alignprops.conformance.precision import averaged, exactly, product, rounded_to, total, widened, worlds
from alignprops.expressions import Rounded, follow_in, symbols_of
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import LENGTHS, POLICY, REFERENCE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOGPS = tuple(symbol.name for symbol in (*POLICY, *REFERENCE))
POLICY_LOGPS = tuple(symbol.name for symbol in POLICY)
#: The mask that belongs to each table of token log-probabilities.
MASK_OF = {name: "chosen_mask" if "chosen" in name else "rejected_mask" for name in LOGPS}


@dataclass(frozen=True, eq=False)
class PairwiseProblem:
    """A batch of preference pairs, token by token.

    Attributes:
        policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps: (B, T) float64,
            log-probabilities of the tokens (≤ 0), arbitrary where masked.
        chosen_mask, rejected_mask: (B, T) int64, 1 where a token counts.
        choices: (8,) int64, which of its values every option of the loss takes, in the loss's order.
        upstream: (B,) float64, what the loss of each pair is multiplied by in the gradient.
        dtype: what the code is called in: "float64", "float32" or "bfloat16".
    """

    policy_chosen_logps: Floats
    policy_rejected_logps: Floats
    reference_chosen_logps: Floats
    reference_rejected_logps: Floats
    chosen_mask: Ints
    rejected_mask: Ints
    choices: Ints
    upstream: Floats
    dtype: str

    def table(self, name: str) -> Floats:
        """(B, T) of that input, in numbers that the dtype has."""
        return rounded_to(getattr(self, name), self.dtype)

    def mask(self, name: str) -> NDArray[np.bool_]:
        """(B, T), which tokens of that input count."""
        masked: NDArray[np.bool_] = getattr(self, MASK_OF[name]) != 0
        return masked

    @property
    def lengths(self) -> dict[str, Ints]:
        """(B,) tokens of the chosen and of the rejected responses."""
        return {"chosen_lengths": self.chosen_mask.sum(axis=1), "rejected_lengths": self.rejected_mask.sum(axis=1)}

    def token_weights(self, name: str, ld_alpha: float) -> Floats:
        """(B, T): 1 for tokens of the response up to the shorter one's length, `ld_alpha` beyond; 0 where masked."""
        mask, shorter = self.mask(name), np.minimum(*self.lengths.values())
        shared = np.cumsum(mask, axis=1) <= shorter[:, None]
        return np.where(mask, np.where(shared, 1.0, ld_alpha), 0.0)

    def sequence(self, name: str, tokens: str) -> Floats:
        """(B,) that input summed or averaged over its tokens, in numbers that the dtype has."""
        sums = np.where(self.mask(name), self.table(name), 0.0).sum(axis=1)
        counts = self.mask(name).sum(axis=1)
        return rounded_to(sums / np.maximum(counts, 1) if tokens == "mean" else sums, self.dtype)


@dataclass(frozen=True, eq=False)
class Expected:
    """What a loss should return on a problem; every number with the error that honest code may have.

    Attributes:
        losses: (B,).
        slopes: ∂loss_i/∂(the log-probability of the i-th pair's response), (B,), by input of the policy.
        rewards: implicit rewards, (B,), of the chosen and of the rejected responses.
        rows: for losses that sort the batch, which row of each input makes up the i-th pair; else None.
        ties: for losses that sort the batch, places of an input that honest code may exchange have one number.
    """

    losses: Rounded
    slopes: Mapping[str, Rounded]
    rewards: tuple[Rounded, Rounded]
    rows: Mapping[str, Ints] | None
    ties: Mapping[str, Ints] | None = None


@dataclass(frozen=True, eq=False)
class PairwiseReference:
    """A loss in one convention, evaluated on the inputs that a subject is given.

    Attributes:
        loss, variant: what is to be computed, and in which convention.
        inputs: the four log-probabilities and two lengths by name, (B,), with their errors.
        options: hyper-parameters by name.
        dtype: whose rounding honest code may show.
    """

    loss: PairLoss
    variant: str
    inputs: Mapping[str, Rounded]
    options: Mapping[str, Any]
    dtype: str

    @cached_property
    def expected(self) -> Expected:
        """Losses, slopes and rewards, from the loss's expression."""
        with np.errstate(all="ignore"):
            sorting = self.loss.arrangement
            rows = None if sorting is None else sorting(self._plain)
            values = self._values(rows)
            slopes = {name: self._follow(part, values) for name, part in self.loss.gradient(self.variant).items()}
            losses = self._follow(self.loss.expression(self.variant), values)
            unsorted = values if rows is None else self._values(None)
            chosen, rejected = (self._follow(part, unsorted) for part in self.loss.rewards)
            ties = None if sorting is None else sorting.ties(lambda key: self._follow(key, unsorted))
        return Expected(losses, slopes, (chosen, rejected), rows, ties)

    @property
    def _plain(self) -> dict[str, Floats]:
        return {name: given.value for name, given in self.inputs.items()}

    def _values(self, rows: Mapping[str, Ints] | None) -> dict[Any, Rounded]:
        values: dict[Any, Rounded] = {}
        for symbol in (*POLICY, *REFERENCE, *LENGTHS):
            given = self.inputs[symbol.name]
            if rows is None or symbol.name not in rows:
                values[symbol] = given
            else:  # sorting is as far off as the worst of what is sorted
                value = given.value[rows[symbol.name]]
                values[symbol] = Rounded(value, np.full(value.shape, np.max(given.error)))
        parts = (self.loss.expression(self.variant), *self.loss.rewards, *self.loss.stopped.values())
        for symbol in frozenset[Any]().union(*map(symbols_of, parts)):
            if symbol.name in self.options:
                values[symbol] = Rounded(float(self.options[symbol.name]), 0.0)
        for symbol, definition in self.loss.stopped.items():
            values[symbol] = self._follow(definition, values)
        return values

    def _follow(self, expression: Any, values: Mapping[Any, Rounded]) -> Rounded:
        found = follow_in(expression, values, worlds(self.dtype))
        return widened(found, self.inputs[POLICY_LOGPS[0]].value.shape)


def sequence_inputs(problem: PairwiseProblem, tokens: str) -> dict[str, Rounded]:
    """The inputs of a loss that is given one log-probability a response: exactly what it is given."""
    made = {name: exactly(problem.sequence(name, tokens)) for name in LOGPS}
    return made | {name: exactly(count) for name, count in problem.lengths.items()}


def token_inputs(
    problem: PairwiseProblem, tokens: str, dtype: str, ld_alpha: float = 1.0, *, normalised_in: str | None = None
) -> dict[str, Rounded]:
    """The inputs of a loss that sums or averages token log-probabilities itself, with the rounding of that.

    With `normalised_in` it also finds those of the tokens itself, by a log-softmax in that dtype.
    """
    made: dict[str, Rounded] = {}
    for name in LOGPS:
        table = problem.table(name)
        terms = exactly(table) if normalised_in is None else normalised(table, normalised_in).logps
        if tokens == "shared":
            terms = product(terms, exactly(problem.token_weights(name, ld_alpha)), dtype)
        sums = total(terms, dtype, where=problem.mask(name))
        counts = problem.mask(name).sum(axis=1)
        made[name] = averaged(sums, counts, dtype) if tokens == "mean" else sums
    return made | {name: exactly(count) for name, count in problem.lengths.items()}
