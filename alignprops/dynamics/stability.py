"""Exact expectations over all training sets of n independent draws from finitely many atoms (LD-22).

A training set is told by how often each atom occurs; it has a multinomial probability, and every one is trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import softplus
from alignprops.dynamics.linear_algebra import as_exact, norm, norm_rounding
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun, certain_wins
from alignprops.measured import EPS, bounded


@dataclass(frozen=True, eq=False)
class StabilityProblem:
    """Atoms z_k (K, d) with probabilities proportional to `weights` (K,), n draws, η, β, steps."""

    atoms: NDArray[Any]
    weights: NDArray[np.int64]
    draws: int
    eta: Any
    beta: Any
    steps: int

    @cached_property
    def population(self) -> HeadProblem:
        """The atoms themselves as the samples."""
        return self._problem(self.weights)

    @cached_property
    def radius(self) -> Any:
        """R = max‖z_k‖, measured."""
        sizes = norm(self.atoms)
        if self.population.exact:
            top = sizes[0]
            for size in sizes[1:]:
                top = top.max(size)
            return top
        return bounded(sizes.max(), norm_rounding(self.population.d) * sizes.max())

    def _problem(self, counts: NDArray[np.int64]) -> HeadProblem:
        drawn = counts > 0
        ones, labels = np.ones(int(drawn.sum()), np.int64), np.zeros(int(drawn.sum()), np.int64)
        return HeadProblem(self.atoms[drawn], ones, counts[drawn], labels, self.eta, self.beta, self.steps)

    def training_sets(self) -> Iterator[tuple[NDArray[np.int64], int]]:
        """How often each atom is drawn (K,), and the set's probability times (Σ weights)ⁿ."""
        for counts in _compositions(self.draws, len(self.weights)):
            chance, left = 1, self.draws
            for many, weight in zip(counts, self.weights, strict=True):
                chance *= comb(left, many) * int(weight) ** many
                left -= many
            yield np.array(counts, dtype=np.int64), chance


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        for rest in _compositions(total - first, parts - 1):
            yield first, *rest


@dataclass(frozen=True, slots=True)
class Expectations:
    """Measured, (steps,) each: E[L_pop(u_t) − L(u_t)], E[log 2 − L_pop(u_t)], and E[share of fresh errors]."""

    gap: Any
    drop: Any
    fresh_error: Any


def expectations(problem: StabilityProblem, train: Callable[[HeadProblem], HeadRun]) -> Expectations:
    """Train on every set and take the means."""
    every = int(problem.weights.sum()) ** problem.draws
    sums: list[list[Any]] = []
    for counts, chance in problem.training_sets():
        found = _of_set(problem, counts, train(problem._problem(counts)))
        sums.append([chance * part for part in found])
    values = [sum(parts[1:], parts[0]) / every for parts in zip(*sums, strict=True)]
    if problem.population.exact:
        return Expectations(*values[::2])
    pairs = zip(values[::2], values[1::2], strict=True)
    return Expectations(*(bounded(value, error + len(sums) * EPS * (np.abs(value) + error)) for value, error in pairs))


def _of_set(problem: StabilityProblem, counts: NDArray[np.int64], run: HeadRun) -> list[Any]:
    """Gap, drop and fresh error of one training set, each with the bound on its error, (steps,)."""
    population = problem.population
    heights = run.updates[1:] @ problem.atoms.T  # (steps, K)
    margins = problem.beta * heights
    losses = softplus.numeric(-margins)
    shares = as_exact(counts) if population.exact else counts
    gap = losses @ population.weights - losses @ shares / problem.draws
    drop = -(losses - _log_2(population)) @ population.weights
    if run.rounding is None:
        nothing = drop * 0
        return [gap, nothing, drop, nothing, 1 - certain_wins(heights) @ population.weights, nothing]
    slack = np.outer(
        run.rounding.updates_error[1:] + (population.d + 2) * EPS * run.rounding.sizes[1:], norm(problem.atoms)
    )
    own = problem.beta * slack + 8 * EPS * np.abs(margins) + (len(counts) + 12) * EPS * (losses + 1)
    missed = (heights <= -slack) @ population.weights
    open_ = (np.abs(heights) <= slack) @ population.weights
    certain = (slack == 0).all(axis=1)
    missed, open_ = np.where(certain, (heights <= 0) @ population.weights, missed), np.where(certain, 0.0, open_)
    error = 2 * own.max(axis=1)
    return [gap, error, drop, error, missed + open_ / 2, open_ / 2 + (len(counts) + 2) * EPS]


def _log_2(problem: HeadProblem) -> Any:
    return softplus.numeric(problem.features[0, 0] * 0)
