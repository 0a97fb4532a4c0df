"""The kind `weight-decay`: something that trains a last layer by gradient descent with decoupled weight decay.

It is called with a `DecayProblem` and returns u_t, shape (steps + 1, d). The counterfeits have one mistake each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import TheoremError
from alignprops.dynamics.last_layer import descend
from alignprops.dynamics.weight_decay import DecayProblem, train
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Train = Callable[[DecayProblem], Any]


def _adapt(trainer: Callable[[DecayProblem], Any]) -> Train:
    """Hold a foreign trainer to its shape."""

    def train_and_check(problem: DecayProblem) -> Any:
        made = trainer(problem)
        updates = np.asarray(getattr(made, "updates", made), dtype=np.float64)
        expected = (problem.head.problem.steps + 1, problem.head.problem.d)
        if updates.shape != expected:
            raise TheoremError(f"the trainer returned shape {updates.shape}, expected (steps + 1, d) = {expected}")
        if not np.isfinite(updates).all():
            raise TheoremError("the trainer returned NaN or infinity")
        return updates

    return train_and_check


def no_decay(problem: DecayProblem) -> Any:
    """Forgets the decay."""
    return train(replace(problem, decay=problem.decay * 0))


def decay_without_the_rate(problem: DecayProblem) -> Any:
    """Takes ω of every weight, not ηω."""
    return train(replace(problem, decay=problem.decay / problem.head.problem.eta))


def decays_the_change_only(problem: DecayProblem) -> Any:
    """Always decays towards the start: w0 stays."""
    return train(problem.to_the_start)


def decay_after_the_step(problem: DecayProblem) -> Any:
    """Decays what the step has moved already."""
    head = problem.head.problem
    kept = 1 - head.eta * problem.decay
    target = problem.head.start * 0 if problem.towards_start else problem.head.start
    updates = [head.z[0] * 0]
    for _ in range(head.steps):
        stepped = descend(updates[-1], head.z, head.weights, eta=head.eta, beta=head.beta)
        updates.append(kept * (target + stepped) - target)
    return np.stack(updates)


COUNTERFEITS: dict[str, Train] = {
    "no-decay": no_decay,
    "decay-without-the-rate": decay_without_the_rate,
    "decays-the-change-only": decays_the_change_only,
    "decay-after-the-step": decay_after_the_step,
}


def _subject(subject_id: str, trainer: Train) -> Subject:
    return Subject(subject_id, "weight-decay", lambda: trainer, exact=True)


register_kind(
    Kind(
        name="weight-decay",
        protocol="called with a DecayProblem; returns the trajectory u_t of shape (steps + 1, d)",
        references=(_subject("toy", train),),
        counterfeits={name: _subject(f"counterfeit/{name}", trainer) for name, trainer in COUNTERFEITS.items()},
        adapt=_adapt,
    )
)
