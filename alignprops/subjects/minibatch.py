"""The kind `mini-batch`: something that trains a last layer on mini-batches in a given order.

It is called with a `MiniBatchProblem` whose batches are (steps, B) and returns u_t, shape (steps + 1, d). The reference
takes many orders at once, (paths, steps, B), and returns (paths, steps + 1, d). The counterfeits have one mistake each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import TheoremError
from alignprops.dynamics.last_layer import train as train_in_full
from alignprops.dynamics.minibatch import MiniBatchProblem, train
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Train = Callable[[MiniBatchProblem], Any]


def _adapt(trainer: Callable[[MiniBatchProblem], Any]) -> Train:
    """Accept a trainer of one order at a time."""

    def train_each(problem: MiniBatchProblem) -> Any:
        if problem.batches.ndim == 2:
            return _checked(trainer(problem), problem)
        paths = [replace(problem, batches=np.ascontiguousarray(rows)) for rows in problem.batches]
        return np.stack([_checked(trainer(path), path) for path in paths])

    return train_each


def _checked(made: Any, problem: MiniBatchProblem) -> Any:
    updates = np.asarray(getattr(made, "updates", made), dtype=np.float64)
    expected = (problem.steps + 1, problem.problem.d)
    if updates.shape != expected:
        raise TheoremError(f"the trainer returned shape {updates.shape}, expected (steps + 1, d) = {expected}")
    if not np.isfinite(updates).all():
        raise TheoremError("the trainer returned NaN or infinity")
    return updates


def _at_rate(problem: MiniBatchProblem, factor: int, divisor: int) -> Any:
    head = problem.problem
    return train(replace(problem, problem=replace(head, eta=head.eta * factor / divisor)))


def summed_batch(problem: MiniBatchProblem) -> Any:
    """Sums over the batch: the 1/B is lost."""
    return _at_rate(problem, problem.size, 1)


def averaged_over_the_data(problem: MiniBatchProblem) -> Any:
    """Divides a batch's sum by n instead of B."""
    return _at_rate(problem, problem.size, problem.problem.n)


def single_rate(problem: MiniBatchProblem) -> Any:
    """Forgets that both rows move."""
    return _at_rate(problem, 1, 2)


def first_batch_again(problem: MiniBatchProblem) -> Any:
    """Does not advance: takes the first batch at every step."""
    return train(replace(problem, batches=problem.batches[..., :1, :] + problem.batches * 0))


def next_batch(problem: MiniBatchProblem) -> Any:
    """Is off by one: takes the samples after those of the batch."""
    return train(replace(problem, batches=(problem.batches + 1) % problem.problem.n))


def full_batch(problem: MiniBatchProblem) -> Any:
    """Ignores the batches: the gradient of all samples."""
    updates = train_in_full(problem.problem.with_steps(problem.steps)).updates
    return updates if problem.batches.ndim == 2 else np.stack([updates] * len(problem.batches))


COUNTERFEITS: dict[str, Train] = {
    "summed-batch": summed_batch,
    "averaged-over-the-data": averaged_over_the_data,
    "single-rate": single_rate,
    "first-batch-again": first_batch_again,
    "next-batch": next_batch,
    "full-batch": full_batch,
}


def _subject(subject_id: str, trainer: Train) -> Subject:
    return Subject(subject_id, "mini-batch", lambda: trainer, exact=True)


register_kind(
    Kind(
        name="mini-batch",
        protocol="called with a MiniBatchProblem of batches (steps, B); returns u_t, shape (steps + 1, d)",
        references=(_subject("toy", train),),
        counterfeits={name: _subject(f"counterfeit/{name}", trainer) for name, trainer in COUNTERFEITS.items()},
        adapt=_adapt,
    )
)
