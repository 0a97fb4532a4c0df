"""The kind `two-layer`: something that takes one DPO step on a layer below a frozen head.

It is called with a `TwoLayerProblem` and returns the layer after the step, shape (k, D).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.subject import Subject

Step = Callable[[TwoLayerProblem], Any]


def gradient_step(problem: TwoLayerProblem) -> Any:
    """B_1 = B_0 − η∇_B L(B_0)."""
    return problem.stepped


def climbing_step(problem: TwoLayerProblem) -> Any:
    """Climbs the loss."""
    return problem.layer - (problem.stepped - problem.layer)


def doubled_step(problem: TwoLayerProblem) -> Any:
    """Takes the step of the head's two rows, 2η, for the layer."""
    return problem.layer + 2 * (problem.stepped - problem.layer)


def summed_step(problem: TwoLayerProblem) -> Any:
    """Sums over the samples instead of averaging."""
    return problem.layer + problem.inputs.total * (problem.stepped - problem.layer)


def _subject(subject_id: str, step: Step) -> Subject:
    return Subject(subject_id, "two-layer", lambda: step, exact=True)


COUNTERFEITS: dict[str, Step] = {
    "climbing-step": climbing_step,
    "doubled-step": doubled_step,
    "summed-step": summed_step,
}

register_kind(
    Kind(
        name="two-layer",
        protocol="called with a TwoLayerProblem; returns the layer after one step, shape (k, D)",
        references=(_subject("toy", gradient_step),),
        counterfeits={name: _subject(f"counterfeit/{name}", step) for name, step in COUNTERFEITS.items()},
    )
)
