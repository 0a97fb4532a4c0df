"""At the edges the honest subjects are not refuted either, and every tolerance covers the rounding there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from extremes import ABSURD, EXTREMES

from alignprops.dynamics.full_head import FullHeadProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.engine import replay
from alignprops.registry import find_theorems
from alignprops.results import Result, Verdict
from alignprops.subjects import references_for
from alignprops.theorems import Theorem

#: What an extreme problem can be made an instance of.
THEOREMS = {
    theorem.id: theorem
    for theorem in find_theorems()
    if theorem.instance_type in (HeadProblem, FullHeadProblem, TwoLayerProblem)
}


def instance_of(theorem: Theorem, problem: HeadProblem) -> Any:
    """The problem as the theorem takes it; None if it has too few samples for its behaviours, or lacks a class."""
    if theorem.instance_type is TwoLayerProblem:
        return _below_a_layer(problem) if problem.both_classes else None
    if theorem.instance_type is FullHeadProblem:
        head = np.outer([1.0, -2.0, 3.0, 0.5], np.linspace(-1, 1, problem.d))
        return FullHeadProblem(problem, head, 2, 0)
    behaviours = theorem.behaviours[0]
    return replace(problem, behaviours=np.arange(problem.n) % behaviours) if problem.n >= behaviours else None


def _below_a_layer(problem: HeadProblem) -> TwoLayerProblem:
    layer = np.vander(np.linspace(-1, 1, problem.d), 2).T.copy()
    head = np.array([1.0, -0.5])
    return TwoLayerProblem(problem.features, problem.signs, problem.counts, layer, head, problem.eta, problem.beta)


Results = dict[tuple[str, str], Result]


@pytest.fixture(scope="module")
def results() -> Results:
    """Every theorem on every extreme problem that it takes, by (problem, theorem)."""
    return {
        (name, theorem.id): replay(theorem, references_for(theorem)[0], instance)
        for name, problem in EXTREMES.items()
        for theorem in THEOREMS.values()
        if (instance := instance_of(theorem, problem)) is not None
    }


@pytest.mark.parametrize("name", EXTREMES)
def test_no_theorem_is_refuted_at_the_edges(results: Results, name: str) -> None:
    """Nor is a tolerance too small; only premises may fail."""
    told = {theorem_id: result.verdict for (problem, theorem_id), result in results.items() if problem == name}

    assert told
    assert [key for key, verdict in told.items() if verdict not in (Verdict.HELD, Verdict.NOT_APPLICABLE)] == []


@pytest.mark.parametrize("theorem_id", THEOREMS)
def test_every_theorem_speaks_of_the_edges(results: Results, theorem_id: str) -> None:
    """Lest the test above be empty: its premises hold in five cases at least."""
    told = [result.verdict for (_, key), result in results.items() if key == theorem_id]

    assert told.count(Verdict.HELD) >= 5


@pytest.mark.parametrize("name", ABSURD)
def test_underflow_and_overflow_refute_nothing(name: str) -> None:
    """Where floats give up a claim may be an error, but it is not refuted."""
    for theorem in THEOREMS.values():
        verdict = replay(theorem, references_for(theorem)[0], instance_of(theorem, ABSURD[name])).verdict
        assert verdict is not Verdict.REFUTED, theorem.id
