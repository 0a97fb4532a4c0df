"""Transformations of a last-layer problem that keep its margins, and some that look as if they did (LD-12).

All are exact in floats up to rounding and exact on balls: integers and quotients of integers only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from alignprops.dynamics.problem import HeadProblem


def rescaled_strength(problem: HeadProblem, beta_factor: int, eta_divisor: int) -> HeadProblem:
    """β times an integer, η divided by one."""
    return replace(problem, beta=problem.beta * beta_factor, eta=problem.eta / eta_divisor)


def with_eta(problem: HeadProblem, eta: Any) -> HeadProblem:
    """The same problem with another step size."""
    return replace(problem, eta=eta)


def flipped(problem: HeadProblem) -> HeadProblem:
    """Every label flipped."""
    return replace(problem, signs=-problem.signs)


def resigned(problem: HeadProblem) -> HeadProblem:
    """Every second sample's sign moved into its features: z stays."""
    turn = np.where(np.arange(problem.n) % 2 == 0, 1, -1)
    return replace(problem, features=problem.features * turn[:, None], signs=problem.signs * turn)


def reflected(problem: HeadProblem) -> HeadProblem:
    """Features mirrored at the hyperplane orthogonal to (1, 2, …, d): an orthogonal map in any dimension."""
    mirror = np.arange(1, problem.d + 1)
    along = (problem.features * mirror).sum(axis=1) * 2 / int(mirror @ mirror)
    return replace(problem, features=problem.features - along[:, None] * mirror)


def on_other_axes(problem: HeadProblem) -> HeadProblem:
    """The axes in reverse order, every second one mirrored: the orthogonal maps that Adam does not notice."""
    turn = 1 - 2 * (np.arange(problem.d) % 2)
    return replace(problem, features=(problem.features * turn)[:, ::-1].copy())


def sheared(problem: HeadProblem) -> HeadProblem:
    """The sum of the other coordinates added to the first (doubled if there is one only): not orthogonal."""
    first = problem.features.sum(axis=1) if problem.d > 1 else problem.features[:, 0] * 2
    return replace(problem, features=np.concatenate([first[:, None], problem.features[:, 1:]], axis=1))


def reversed_rows(problem: HeadProblem) -> HeadProblem:
    """The samples in reverse order."""
    order = np.arange(problem.n)[::-1]
    return replace(
        problem,
        features=np.ascontiguousarray(problem.features[order]),
        signs=problem.signs[order],
        counts=problem.counts[order],
        behaviours=problem.behaviours[order],
    )


def duplicated(problem: HeadProblem, copies: int) -> HeadProblem:
    """Every row repeated equally often, as rows of their own."""
    return replace(
        problem,
        features=np.tile(problem.features, (copies, 1)),
        signs=np.tile(problem.signs, copies),
        counts=np.tile(problem.counts, copies),
        behaviours=np.tile(problem.behaviours, copies),
    )


def duplicated_first(problem: HeadProblem) -> HeadProblem:
    """The first row counted once more."""
    extra = (np.arange(problem.n) == 0).astype(np.int64)
    return replace(problem, counts=problem.counts + extra)


def rescaled_features(problem: HeadProblem, factor: int) -> HeadProblem:
    """Features times an integer."""
    return replace(problem, features=problem.features * factor)
