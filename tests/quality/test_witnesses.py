"""What refutes a wrong subject is shrunk to something that can be checked by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from alignprops.dynamics.full_head import FullHeadProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.engine import evaluate
from alignprops.registry import find_theorem
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import kind_named


@dataclass(frozen=True)
class Size:
    """Samples and dimensions, and how many steps at most."""

    n: int
    d: int = 1
    steps: int = 2

    def admits(self, other: Size) -> bool:
        """Whether the other is of this size."""
        return (self.n, self.d) == (other.n, other.d) and other.steps <= self.steps


#: The fewest samples and dimensions there can be, in a step or two. A lost 1/n shows from two samples on (or one
#: duplicated), a lost multiplicity likewise; one dimension cannot be rotated; three behaviours are three samples; a
#: layer needs both classes.
SMALLEST = {
    ("reduction", "wrong-sign"): Size(1),
    ("reduction", "moved-third-row"): Size(1),
    ("secant-form", "stale-margin"): Size(1),
    ("secant-form", "unit-beta-margin"): Size(1),
    ("secant-form", "ignores-multiplicity"): Size(2),
    ("initial-rate", "missing-mean"): Size(2),
    ("symmetry.step-strength", "squared-beta"): Size(1),
    ("symmetry.step-strength", "unit-beta-margin"): Size(1),
    ("symmetry.label-flip", "half-of-the-negatives"): Size(1),
    ("symmetry.rotation", "sign-descent"): Size(1, d=2),
    ("symmetry.duplication", "missing-mean"): Size(1),
    ("symmetry.feature-scale", "sign-descent"): Size(1),
    ("update-rate.straight-line", "unit-beta-margin"): Size(1),
    ("loss.first-step", "single-rate"): Size(1),
    ("priority.many-behaviours", "squared-beta"): Size(3),
    ("distinguishability-rises", "doubled-step"): Size(2),
    ("misalignment-rate", "climbing-step"): Size(2),
}


@pytest.mark.parametrize(("aspect", "counterfeit"), SMALLEST)
def test_the_simplest_witness_is_as_small_as_can_be(aspect: str, counterfeit: str) -> None:
    """Features, samples and steps, whichever instance refuted first."""
    theorem = find_theorem(f"learning-dynamics.{aspect}")

    settings = Settings(max_examples=50, shrink_seconds=60)  # a busy machine must not cut the search short
    result = evaluate(theorem, kind_named(theorem.kind).counterfeits[counterfeit], settings)

    assert result.verdict is Verdict.REFUTED
    assert result.witness is not None
    assert SMALLEST[aspect, counterfeit].admits(size(result.witness["simplest"].instance))


def size(instance: Any) -> Size:
    """How large an instance is, whatever its type."""
    if isinstance(instance, FullHeadProblem):
        instance = instance.problem
    assert isinstance(instance, HeadProblem | TwoLayerProblem)
    return Size(*instance.features.shape, steps=getattr(instance, "steps", 1))
