"""The kind `convex-head`: something that trains the last layer with a given convex loss of the margin.

It is called with a `ConvexProblem` and returns a `ConvexRun`, or the trajectory u_t alone, shape (steps + 1, d).
The counterfeits are the reference with one mistake each in the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import TheoremError
from alignprops.dynamics.convex import ConvexProblem, ConvexRun, train_convex
from alignprops.dynamics.last_layer import descend, logistic_pull
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Train = Callable[[ConvexProblem], ConvexRun]


def _adapt(trainer: Callable[[ConvexProblem], Any]) -> Train:
    """Accept a trainer that returns the bare trajectory (steps + 1, d)."""

    def train_and_check(problem: ConvexProblem) -> ConvexRun:
        made = trainer(problem)
        updates = np.asarray(getattr(made, "updates", made), dtype=np.float64)
        expected = (problem.steps + 1, problem.d)
        if updates.shape != expected:
            raise TheoremError(f"the trainer returned shape {updates.shape}, expected (steps + 1, d) = {expected}")
        return ConvexRun(problem, updates)

    return train_and_check


def _with_pull(pull: Callable[[ConvexProblem, Any], Any]) -> Train:
    """The reference engine, its slopes −f'(m) replaced."""

    def trained(problem: ConvexProblem) -> ConvexRun:
        updates = [problem.z[0] * 0]
        for _ in range(problem.steps):
            updates.append(
                descend(
                    updates[-1],
                    problem.z,
                    problem.weights,
                    eta=problem.eta,
                    beta=problem.beta,
                    pull=lambda margins: pull(problem, margins),
                )
            )
        return ConvexRun(problem, np.stack(updates))

    return trained


def unmixed_labels(problem: ConvexProblem, margins: Any) -> Any:
    """Forgets the hyper-parameter: cDPO and robust DPO at DPO's rate, IPO at τ = 1."""
    if problem.loss_name in ("label-smoothed", "robust"):
        return logistic_pull(margins)
    return replace(problem, parameter=problem.parameter * 0 + 1).pull(margins)


def target_doubled(problem: ConvexProblem, margins: Any) -> Any:
    """Takes IPO's margin to 1/τ instead of 1/(2τ); the other losses pull at half their margins."""
    if problem.loss_name == "ipo":
        return 2 * (1 / problem.parameter - margins)
    return problem.pull(margins / 2) / 2


COUNTERFEITS: dict[str, Train] = {
    "climbs": _with_pull(lambda problem, margins: -problem.pull(margins)),
    "always-logistic": _with_pull(lambda _, margins: logistic_pull(margins)),
    "unmixed-labels": _with_pull(unmixed_labels),
    "target-doubled": _with_pull(target_doubled),
    "summed-loss": _with_pull(lambda problem, margins: problem.total * problem.pull(margins)),
}


def _subject(subject_id: str, trainer: Train) -> Subject:
    return Subject(subject_id, "convex-head", lambda: trainer, exact=True)


register_kind(
    Kind(
        name="convex-head",
        protocol=(
            "called with a ConvexProblem, whose `loss` is the loss of a margin; returns a ConvexRun, or the "
            "trajectory u_t of shape (steps + 1, d)"
        ),
        references=(_subject("toy", train_convex),),
        counterfeits={name: _subject(f"counterfeit/{name}", trainer) for name, trainer in COUNTERFEITS.items()},
        adapt=_adapt,
    )
)
