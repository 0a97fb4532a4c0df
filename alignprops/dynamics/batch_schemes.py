"""Ways to draw mini-batches, enumerated: exact expectations over all sequences of batches (LD-16c, d).

- "replaced": independent batches, drawn with replacement within the batch;
- "distinct": independent batches of distinct samples;
- "reshuffled": epochs without replacement, each in a new order; B divides n;
- "stratified": independent batches, half of each class, drawn with replacement within the class; B is even.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement, product
from math import factorial, prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError
from alignprops.dynamics.linear_algebra import as_exact, norm, norm_rounding, square_root
from alignprops.dynamics.minibatch import MiniBatchProblem, largest_curvature
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded

Scheme = Literal["replaced", "distinct", "reshuffled", "stratified"]
#: A batch, and in how many equally likely ways it is drawn.
Drawn = tuple[tuple[int, ...], int]
#: More sequences than this are not enumerated.
MOST_PATHS = 4096


@dataclass(frozen=True, eq=False)
class BatchScheme:
    """A problem of single samples, trained for `problem.steps` steps on batches of `size` drawn by `scheme`."""

    problem: HeadProblem
    size: int
    scheme: Scheme

    @classmethod
    def of(cls, problem: HeadProblem, *, size: int, scheme: Scheme) -> BatchScheme:
        """Build one from user input. Raises InputError where the scheme does not fit, or has too many sequences."""
        made = cls(problem, size, scheme)
        if (problem.counts != 1).any():
            raise InputError("samples have multiplicities; a mini-batch draws samples, so repeat the rows instead")
        if scheme == "stratified" and (size % 2 or not problem.both_classes):
            raise InputError("stratified batches need both classes and an even size")
        if not 1 <= size <= problem.n or (scheme == "reshuffled" and problem.n % size):
            raise InputError(f"batches of {size} of {problem.n} samples cannot be drawn {scheme}")
        paths = len(made._batches) ** problem.steps if scheme != "reshuffled" else len(made.chances)
        if paths > MOST_PATHS:
            raise InputError(f"{paths} sequences of batches are too many; at most {MOST_PATHS} are enumerated")
        return made

    # --- the enumeration ----------------------------------------------------------------------------------------------

    @cached_property
    def _batches(self) -> tuple[Drawn, ...]:
        """The batches of one step, and in how many ways each is drawn."""
        samples = range(self.problem.n)
        if self.scheme == "replaced":
            return tuple(_multisets(samples, self.size))
        if self.scheme == "stratified":
            half = self.size // 2
            sides = [np.flatnonzero(self.problem.signs == sign).tolist() for sign in (1, -1)]
            pairs = product(_multisets(sides[0], half), _multisets(sides[1], half))
            return tuple((first[0] + second[0], first[1] * second[1]) for first, second in pairs)
        return tuple((rows, 1) for rows in combinations(samples, self.size))

    @cached_property
    def _sequences(self) -> tuple[tuple[tuple[Drawn, ...], ...], ...]:
        """All sequences of batches, each given in parts: steps, or epochs."""
        if self.scheme != "reshuffled":
            return tuple(product(tuple((batch,) for batch in self._batches), repeat=self.problem.steps))
        epochs = -(-self.problem.steps // (self.problem.n // self.size))
        orders = tuple(_orders(frozenset(range(self.problem.n)), self.size))
        return tuple(product(orders, repeat=epochs))

    @cached_property
    def runs(self) -> MiniBatchProblem:
        """All sequences as mini-batch runs, (paths, steps, B)."""
        steps = self.problem.steps
        rows = [[batch for part in sequence for batch, _ in part][:steps] for sequence in self._sequences]
        return MiniBatchProblem(self.problem, np.array(rows, dtype=np.int64))

    @cached_property
    def chances(self) -> NDArray[np.int64]:
        """In how many equally likely ways each sequence arises, (paths,)."""
        ways = [prod(many for part in sequence for _, many in part) for sequence in self._sequences]
        return np.array(ways, dtype=np.int64)

    # --- the data -----------------------------------------------------------------------------------------------------

    @property
    def independent(self) -> bool:
        """Whether the batches of different steps are independent."""
        return self.scheme != "reshuffled"

    @cached_property
    def curvature(self) -> Any:
        """λ_B over all possible batches."""
        return largest_curvature(self.problem, np.array([rows for rows, _ in self._batches]))

    @cached_property
    def noise(self) -> Any:
        """v_B = (mean‖z_i‖² − ‖z̄‖²)/B, times (n − B)/(n − 1) if drawn without replacement (0 for n = 1)."""  # LD-16
        problem = self.problem
        n, size = problem.n, self.size
        apart = problem.z - problem.shift
        spread = (apart * apart).sum(axis=-1).sum() / n
        if self.scheme != "replaced":
            spread = spread * (n - size) / (n - 1) if n > 1 else spread * 0
        if problem.exact:
            return spread / size
        # A centre that is off by a moves the root of a mean square by a.
        slip = problem.shift_rounding + EPS * float(problem.row_norms.max())
        error = slip * (2 * float(np.sqrt(spread)) + slip) + (n + problem.d + 8) * EPS * float(spread)
        return bounded(spread / size, error / size)

    # --- expectations over the runs -----------------------------------------------------------------------------------

    def mean_update_norm(self, updates: NDArray[Any]) -> Any:
        """E‖u_t‖ at t = 1 … steps of trajectories (paths, steps+1, d), (steps,)."""
        sizes = norm(updates[:, 1:])
        means = self._expected(sizes)
        if self.problem.exact:
            return means
        errors = self._expected(self.runs.errors(updates)[:, 1:])
        return bounded(means, errors + (norm_rounding(self.problem.d) + (len(self.chances) + 3) * EPS) * means)

    def root_mean_square(self, updates: NDArray[Any]) -> Any:
        """√(E‖u_t‖²), (steps,)."""
        squares = self._expected((updates[:, 1:] * updates[:, 1:]).sum(axis=-1))
        roots = square_root(squares)
        if self.problem.exact:
            return roots
        # √E‖·‖² is a norm: an error e of every path moves it by at most √(E e²) ≤ max e.
        errors = self.runs.errors(updates)[:, 1:].max(axis=0)
        return bounded(roots, errors + (len(self.chances) + self.problem.d + 6) * EPS * roots)

    def drift(self, updates: NDArray[Any]) -> Any:
        """‖E u_t − ηβtz̄‖, (steps,)."""  # LD-16c
        problem = self.problem
        line = problem.eta * problem.beta * problem.t[:, None] * problem.shift  # (steps, d)
        sizes = norm(self._expected(updates[:, 1:]) - line)
        if problem.exact:
            return sizes
        lengths = self._expected(norm(updates[:, 1:])) + norm(line)
        slips = self._expected(self.runs.errors(updates)[:, 1:]) + problem.eta * problem.beta * problem.t * (
            problem.shift_rounding
        )
        return bounded(sizes, slips + (len(self.chances) + 8) * EPS * lengths + norm_rounding(problem.d) * sizes)

    def first_step_noise(self, updates: NDArray[Any]) -> Any:
        """E‖u_1 − E u_1‖², of the first steps."""
        first = updates[:, 1]
        apart = first - self._expected(first)
        spread = self._expected((apart * apart).sum(axis=-1))
        if self.problem.exact:
            return spread
        slip = 2 * float(self.runs.errors(updates)[:, 1].max())
        slip += (len(self.chances) + 4) * EPS * float(norm(first).max())
        error = slip * (2 * float(np.sqrt(spread)) + slip)
        return bounded(spread, error + (len(self.chances) + self.problem.d + 4) * EPS * spread)

    def _expected(self, values: NDArray[Any]) -> Any:
        """The expectation over the sequences, of values (paths, …)."""
        total = int(self.chances.sum())
        if values.dtype == object:
            return np.tensordot(as_exact(self.chances), values, axes=1) / total
        return np.tensordot(self.chances.astype(np.float64), values, axes=1) / total


def _multisets(samples: Any, size: int) -> Iterator[Drawn]:
    """Draws of `size` with replacement, unordered, each with its number of orders."""
    for rows in combinations_with_replacement(samples, size):
        yield rows, factorial(size) // prod(factorial(rows.count(row)) for row in set(rows))


def _orders(left: frozenset[int], size: int) -> Iterator[tuple[Drawn, ...]]:
    """The ways to deal all samples into batches, one after the other."""
    if not left:
        yield ()
    for rows in combinations(sorted(left), size):
        for rest in _orders(left - set(rows), size):
            yield ((rows, 1), *rest)
