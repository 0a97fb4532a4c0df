"""The kind `last-layer`: something that trains an unembedding on a preference problem with frozen features.

It is called with a `HeadProblem` and returns a `HeadRun`, or the trajectory u_t alone, shape (steps + 1, d).
The counterfeits are the reference engine with one mistake each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alignprops._errors import TheoremError
from alignprops.atoms import sigmoid
from alignprops.dynamics.last_layer import descend, gradient, train
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Train = Callable[[HeadProblem], HeadRun]


def _adapt(trainer: Callable[[HeadProblem], Any]) -> Train:
    """Accept a trainer that returns the bare trajectory (steps + 1, d)."""

    def train_and_check(problem: HeadProblem) -> HeadRun:
        made = trainer(problem)
        run = made if isinstance(made, HeadRun) and made.problem is problem else None
        updates = run.updates if run else np.asarray(getattr(made, "updates", made), dtype=np.float64)
        expected = (problem.steps + 1, problem.d)
        if updates.shape != expected:
            raise TheoremError(f"the trainer returned shape {updates.shape}, expected (steps + 1, d) = {expected}")
        lost = ~np.isfinite(updates).all(axis=1) if updates.dtype != object else np.zeros(1, dtype=bool)
        if lost.any():
            raise TheoremError(f"the trainer returned NaN or infinity at step {int(lost.argmax())}")
        return run or HeadRun(problem, updates)

    return train_and_check


def _iterate(problem: HeadProblem, step: Callable[[list[Any]], Any]) -> HeadRun:
    updates = [problem.z[0] * 0]
    for _ in range(problem.steps):
        updates.append(step(updates))
    return HeadRun(problem, np.stack(updates))


def wrong_sign(problem: HeadProblem) -> HeadRun:
    """Climbs the loss: prefers what was rejected."""

    def step(updates: list[Any]) -> Any:
        return updates[-1] + 2 * problem.eta * gradient(updates[-1], problem.z, problem.weights, beta=problem.beta)

    return _iterate(problem, step)


def missing_mean(problem: HeadProblem) -> HeadRun:
    """Sums over the samples instead of averaging: the 1/n is lost."""

    def step(updates: list[Any]) -> Any:
        weights = problem.weights * problem.total
        return descend(updates[-1], problem.z, weights, eta=problem.eta, beta=problem.beta)

    return _iterate(problem, step)


def stale_margin(problem: HeadProblem) -> HeadRun:
    """Takes the margins from the step before."""

    def step(updates: list[Any]) -> Any:
        stale = updates[-2] if len(updates) > 1 else updates[-1]
        return updates[-1] - 2 * problem.eta * gradient(stale, problem.z, problem.weights, beta=problem.beta)

    return _iterate(problem, step)


def single_rate(problem: HeadProblem) -> HeadRun:
    """Forgets that both rows move: η where the difference of the rows moves by 2η."""
    return _iterate(
        problem,
        lambda updates: descend(updates[-1], problem.z, problem.weights, eta=problem.eta / 2, beta=problem.beta),
    )


def squared_beta(problem: HeadProblem) -> HeadRun:
    """Applies β a second time to the step."""

    def step(updates: list[Any]) -> Any:
        eta = problem.eta * problem.beta
        return descend(updates[-1], problem.z, problem.weights, eta=eta, beta=problem.beta)

    return _iterate(problem, step)


def unit_beta_margin(problem: HeadProblem) -> HeadRun:
    """Forgets β inside the sigmoid."""

    def step(updates: list[Any]) -> Any:
        pull = problem.weights * sigmoid.numeric(-(problem.z @ updates[-1]))
        return updates[-1] + 2 * problem.eta * problem.beta * (pull @ problem.z)

    return _iterate(problem, step)


def ignores_multiplicity(problem: HeadProblem) -> HeadRun:
    """Weighs every row alike, however often it occurs."""

    def step(updates: list[Any]) -> Any:
        weights = problem.weights * 0 + 1
        return descend(updates[-1], problem.z, weights / problem.n, eta=problem.eta, beta=problem.beta)

    return _iterate(problem, step)


def half_of_the_negatives(problem: HeadProblem) -> HeadRun:
    """Gives samples that prefer y− half their weight."""

    def step(updates: list[Any]) -> Any:
        weights = problem.weights * (3 + problem.signs) / 4
        return descend(updates[-1], problem.z, weights, eta=problem.eta, beta=problem.beta)

    return _iterate(problem, step)


def sign_descent(problem: HeadProblem) -> HeadRun:
    """Steps by the sign of the gradient, as Adam does at first."""

    def step(updates: list[Any]) -> Any:
        return updates[-1] - 2 * problem.eta * np.sign(
            gradient(updates[-1], problem.z, problem.weights, beta=problem.beta)
        )

    return _iterate(problem, step)


class ThirdRowRun(HeadRun):
    """A run whose head also moves a row that no preference speaks of."""

    def heads(self, vocabulary: int, yes: int, no: int) -> Any:
        changes = super().heads(vocabulary, yes, no)
        third = next((row for row in range(vocabulary) if row not in (yes, no)), None)
        if third is not None:
            changes[:, third] = changes[:, yes] / 8
        return changes


def moved_third_row(problem: HeadProblem) -> HeadRun:
    """Moves a third row of the head."""
    run = train(problem)
    return ThirdRowRun(run.problem, run.updates)


COUNTERFEITS: dict[str, Train] = {
    "wrong-sign": wrong_sign,
    "missing-mean": missing_mean,
    "stale-margin": stale_margin,
    "single-rate": single_rate,
    "squared-beta": squared_beta,
    "unit-beta-margin": unit_beta_margin,
    "ignores-multiplicity": ignores_multiplicity,
    "half-of-the-negatives": half_of_the_negatives,
    "sign-descent": sign_descent,
    "moved-third-row": moved_third_row,
}


def _subject(subject_id: str, trainer: Train) -> Subject:
    exact = trainer is not sign_descent  # a ball that contains 0 has no sign
    return Subject(subject_id, "last-layer", lambda: trainer, exact=exact)


register_kind(
    Kind(
        name="last-layer",
        protocol="called with a HeadProblem; returns a HeadRun, or the trajectory u_t of shape (steps + 1, d)",
        references=(_subject("toy", train),),
        counterfeits={name: _subject(f"counterfeit/{name}", trainer) for name, trainer in COUNTERFEITS.items()},
        adapt=_adapt,
    )
)
