"""Problems of numbers of tokens under ragged masks, and what an aggregate should make of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.precision import (
    GUARD,
    exactly,
    product,
    quotient,
    rounded_to,
    summed,
    total,
    widened,
    worlds,
)
from alignprops.expressions import Rounded, follow_in
from alignprops.losses.aggregation.aggregate import (
    Aggregate,
    all_tokens,
    columns,
    count,
    row_tokens,
    rows,
    rows_with_tokens,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: The main output of the kind.
AGGREGATE = "aggregate"


@dataclass(frozen=True, eq=False)
class AggregationProblem:
    """Numbers of tokens.

    Attributes:
        values: (B, T) float64 x, arbitrary where masked.
        mask: (B, T) int64 m, 1 where a token counts; rows may be fully masked.
        choices: (8,) int64, which of its values every option takes.
        upstream: (B, T) float64, what outputs are multiplied by in the gradient (its first column, or first number).
        dtype: what the code is called in.
    """

    values: Floats
    mask: Ints
    choices: Ints
    upstream: Floats
    dtype: str

    @property
    def given(self) -> Floats:
        """(B, T) x, in numbers that the dtype has."""
        return rounded_to(self.values, self.dtype)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(B, T): which tokens count."""
        return np.asarray(self.mask != 0)


@dataclass(frozen=True, eq=False)
class AggregationReference:
    """An aggregate in one convention on a problem, with the errors that honest code may have.

    Attributes:
        aggregate, variant: what is to be computed, and in which convention.
        problem: on what.
        options: the values of its options.
        upstream: what the output is multiplied by in the gradient, of the shape of the output.
        dtype: whose rounding honest code may show.
    """

    aggregate: Aggregate
    variant: str
    problem: AggregationProblem
    options: dict[str, float | bool]
    upstream: Floats
    dtype: str

    @cached_property
    def value(self) -> Rounded:
        """(), (B,) or (B, T); 0 where a sum over nothing is divided by nothing."""
        with np.errstate(all="ignore"):
            if self.aggregate.linear:
                return self._linear()
            return self._variance if self.aggregate.statistic == "variance" else self._whitened()

    @cached_property
    def gradient(self) -> Rounded:
        """(B, T) of Σ upstream · output."""
        with np.errstate(all="ignore"):
            if self.aggregate.linear:
                return self._of_linear()
            return self._of_variance() if self.aggregate.statistic == "variance" else self._of_whitening()

    # --- weighted sums ----------------------------------------------------------------------------------------------

    def sizes(self) -> dict[object, Rounded]:
        """The symbols of weights, broadcast against (B, T)."""
        scored = self.problem.scored
        per_row = scored.sum(axis=1)
        known = {
            row_tokens: per_row[:, None],
            all_tokens: scored.sum(),
            rows: scored.shape[0],
            rows_with_tokens: (per_row > 0).sum(),
            columns: scored.shape[1],
            count: self.options.get("count", 1.0),
        }
        return {symbol: exactly(size) for symbol, size in known.items()}

    @property
    def weights(self) -> Rounded:
        """(B, T) w; anything where the mask is 0."""
        expression = self.aggregate.weights[self.variant]
        found = follow_in(expression, self.sizes(), worlds(self.dtype))
        counted = expression.has(all_tokens) or expression.has(row_tokens) or expression.has(rows_with_tokens)
        error = found.error + GUARD * np.abs(found.value) * 2 if counted else found.error
        return widened(Rounded(found.value, error), self.problem.values.shape)

    def _linear(self) -> Rounded:
        terms = product(exactly(self.problem.given), self.weights, self.dtype)
        axis = -1 if self.aggregate.shape == "row" else None
        return total(terms, self.dtype, where=self.problem.scored, axis=axis)

    def _of_linear(self) -> Rounded:
        upstream = self.upstream[:, None] if self.aggregate.shape == "row" else self.upstream
        found = product(exactly(np.broadcast_to(upstream, self.problem.values.shape)), self.weights, self.dtype)
        return self._masked(found)

    # --- statistics -------------------------------------------------------------------------------------------------

    @cached_property
    def _tokens(self) -> Rounded:
        return exactly(self.problem.scored.sum())

    @cached_property
    def _mean(self) -> Rounded:
        sums = total(exactly(self.problem.given), self.dtype, where=self.problem.scored, axis=None)
        return self._guarded(quotient(sums, self._tokens, self.dtype))

    @cached_property
    def _centred(self) -> Rounded:
        """x − masked mean, everywhere."""
        return summed([exactly(self.problem.given), Rounded(-self._mean.value, self._mean.error)], self.dtype)

    @cached_property
    def _freedom(self) -> Rounded:
        return exactly(self.problem.scored.sum() - self.aggregate.ddof[self.variant])

    @cached_property
    def _variance(self) -> Rounded:
        squares = product(self._centred, self._centred, self.dtype)
        sums = total(squares, self.dtype, where=self.problem.scored, axis=None)
        return self._guarded(quotient(sums, self._freedom, self.dtype))

    def _of_variance(self) -> Rounded:
        """2 m (x − mean)/(N − ddof); what flows through the mean cancels up to the rounding of Σ (x − mean)."""
        each = quotient(product(exactly(2 * self.upstream), self._centred, self.dtype), self._freedom, self.dtype)
        left = total(self._centred, self.dtype, where=self.problem.scored, axis=None)
        leak = 2 * np.abs(self.upstream) * (np.abs(left.value) + left.error)
        leak = leak / (np.abs(self._freedom.value) * self._tokens.value)
        return self._masked(self._guarded(Rounded(each.value, each.error + leak)))

    @cached_property
    def _inverse_root(self) -> tuple[Rounded, Rounded]:
        """r = 1/√(var + ε) or 1/(√var + ε), and −2 dr/dvar = r³ or r²/√var."""
        world, epsilon = worlds(self.dtype)[0], exactly(self.options["eps"])
        if self.aggregate.floored[self.variant] == "variance":
            r = world.reciprocal(world.root(summed([self._variance, epsilon], self.dtype)))
            return r, product(r, product(r, r, self.dtype), self.dtype)
        root = world.root(self._variance)
        r = world.reciprocal(summed([root, epsilon], self.dtype))
        return r, quotient(product(r, r, self.dtype), root, self.dtype)

    @property
    def _looked_at(self) -> NDArray[np.bool_]:
        """(B, T): where the whitened values are those of the formula."""
        computed = self.aggregate.outside[self.variant] == "computed"
        return np.ones_like(self.problem.scored) if computed else self.problem.scored

    def _whitened(self) -> Rounded:
        found = product(self._centred, self._inverse_root[0], self.dtype)
        if not self.options["shift_mean"]:
            found = summed([found, self._mean], self.dtype)
        return _where(self._looked_at, found)

    def _of_whitening(self) -> Rounded:
        """r (g − m Σg/N) − r′ m (x − mean) Σ g(x − mean)/(N − ddof), and m Σg/N where the mean is kept."""
        (r, steep), dtype = self._inverse_root, self.dtype
        g = exactly(np.where(self._looked_at, self.upstream, 0.0))
        sums = quotient(total(g, dtype, axis=None), self._tokens, dtype)
        along = quotient(total(product(g, self._centred, dtype), dtype, axis=None), self._freedom, dtype)
        through_mean = self._masked(_everywhere(sums, g))
        through_root = self._masked(product(product(steep, along, dtype), self._centred, dtype))
        parts = [product(r, g, dtype), _negative(product(r, through_mean, dtype)), _negative(through_root)]
        if not self.options["shift_mean"]:
            parts.append(through_mean)
        leak = self._masked(_everywhere(self._leak(steep, along), g))
        found = summed(parts, dtype)
        return self._guarded(Rounded(found.value, found.error + leak.value))

    def _leak(self, steep: Rounded, along: Rounded) -> Rounded:
        """What flows through the mean inside the variance, which is 0 up to the rounding of Σ (x − mean)."""
        left = total(self._centred, self.dtype, where=self.problem.scored, axis=None)
        size = (np.abs(steep.value) + steep.error) * (np.abs(along.value) + along.error)
        return Rounded(size * (np.abs(left.value) + left.error) / self._tokens.value, 0.0)

    def _guarded(self, found: Rounded) -> Rounded:
        return Rounded(found.value, found.error + 4 * GUARD * np.abs(found.value))

    def _masked(self, found: Rounded) -> Rounded:
        return _where(self.problem.scored, found)


def _where(where: NDArray[np.bool_], found: Rounded) -> Rounded:
    return Rounded(np.where(where, found.value, 0.0), np.where(where, found.error, 0.0))


def _everywhere(found: Rounded, like: Rounded) -> Rounded:
    return widened(found, np.shape(like.value))


def _negative(found: Rounded) -> Rounded:
    return Rounded(-found.value, found.error)
