"""What the strategies promise, they generate; and they shrink to something readable."""

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from alignprops.strategies.clouds import ALPHAS, clouds
from alignprops.strategies.heads import head_problems
from alignprops.strategies.policies import policy_problems
from alignprops.strategies.step_sizes import step_size_within
from alignprops.strategies.two_layers import two_layer_problems

QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def examples(strategy, count=300):
    """So many generated examples."""
    seen = []

    @settings(max_examples=count, phases=[Phase.generate], derandomize=True, **QUIET)
    @given(strategy)
    def collect(example):
        seen.append(example)

    collect()
    return seen


@pytest.fixture(scope="module")
def problems():
    """Three hundred generated problems under (S)."""
    return examples(head_problems(step_size="S"))


def strength(problem):
    """ηβ²λ."""
    return problem.eta * problem.beta**2 * problem.curvature.value


def offset_ratio(problem):
    """The common offset over the spread around it."""
    centre = problem.features.mean(axis=0)
    spread = np.linalg.norm(problem.features - centre, axis=1).max()
    return np.linalg.norm(centre) / spread if spread > 0 else 0


def row_spread(problem):
    """Largest row over the smallest that is not 0."""
    sizes = problem.row_norms[problem.row_norms > 0]
    return sizes.max() / sizes.min() if len(sizes) else 1


ADVERTISED = {
    "one sample": lambda p: p.n == 1,
    "one class only": lambda p: p.n > 1 and not p.both_classes,
    "both classes": lambda p: p.both_classes,
    "exactly balanced": lambda p: p.balanced,
    "heavy tails": lambda p: row_spread(p) > 500,
    "offset a thousand times the signal": lambda p: p.n > 2 and offset_ratio(p) > 300,
    "collinear": lambda p: p.n > 2 and p.d > 1 and np.linalg.matrix_rank(p.features) == 1,
    "duplicates": lambda p: len(np.unique(p.features, axis=0)) < p.n,
    "weighted": lambda p: p.counts.max() > 1,
    "multiplicity 1e8": lambda p: p.n > 1 and p.counts.max() == 10**8,
    "n > d": lambda p: p.n > p.d,
    "d > n": lambda p: p.d > p.n,
    "scale 1e-3": lambda p: 0 < p.row_norms.max() < 0.01,
    "scale 1e3": lambda p: p.row_norms.max() > 1000,
    "three unequal behaviours": lambda p: p.behaviour_count == 3 and len(set(np.bincount(p.behaviours))) > 1,
    "zero mean shift": lambda p: p.mean_shift.value == 0,
    "zero features": lambda p: not p.features.any(),
    "at the limit": lambda p: abs(strength(p) - 2) < 1e-12,
    "exactly at the limit": lambda p: p.n == 1 and strength(p) == 2,
    "small steps": lambda p: 0 < strength(p) < 0.01,
    "larger": lambda p: p.n > 8,
    "many steps": lambda p: p.steps > 20,
}


@pytest.mark.parametrize("name", ADVERTISED)
def test_advertised_features_occur(problems, name):
    """Each advertised feature is generated within 300 examples."""
    assert any(ADVERTISED[name](problem) for problem in problems)


def test_step_sizes_stay_within_their_premise(problems):
    """Under "S" the exact ηβ²λ never exceeds 2 but by the rounding of λ, under "S4" 4; "any" and `beyond` do."""
    assert all(strength(p) <= 2 * (1 + 1e-12) for p in problems)
    stable = examples(head_problems(step_size="S4"), 100)
    assert all(strength(p) <= 4 * (1 + 1e-12) for p in stable)
    assert any(strength(p) > 2.5 for p in stable)
    assert any(strength(p) > 4.5 for p in examples(head_problems(step_size="any"), 100))
    beyond = [strength(p) for p in examples(head_problems(step_size="S4", beyond=1.3), 200)]
    assert max(beyond) <= 5.2 * (1 + 1e-12)
    assert sum(s > 4.01 for s in beyond) > 10


def test_the_limit_is_not_exceeded_by_rounding():
    """η = 2/(β²λ) for λ = 0.7² + 1 lies at most one float below the exact limit, and never above it."""
    row, counts, beta = np.array([[0.7, 1.0]]), np.array([1]), 0.375
    eta = step_size_within(row, counts, beta=beta, limit=2)
    exact = 2 / (Fraction(beta) ** 2 * (Fraction(0.7) ** 2 + 1))
    assert Fraction(eta) <= exact < Fraction(float(np.nextafter(eta, np.inf)))


@pytest.mark.parametrize("behaviours", [1, 2, 3])
def test_balance_and_equal_shares_are_exact(behaviours):
    """Balanced problems are balanced within every behaviour; equal shares are equal."""
    for problem in examples(head_problems(balanced=True, behaviours=behaviours, equal_shares=True), 60):
        assert problem.behaviour_count == behaviours
        signed = problem.signs * problem.counts
        assert [signed[problem.behaviours == k].sum() for k in range(behaviours)] == [0] * behaviours
        assert len(set(problem.shares.value.tolist())) == 1
    for problem in examples(head_problems(behaviours=behaviours, equal_shares=True), 60):
        assert len(set(problem.shares.value.tolist())) == 1


def test_classes_as_asked():
    """`classes` guarantees both signs, or exactly one."""
    assert all(p.both_classes for p in examples(head_problems(classes="both"), 60))
    assert not any(p.both_classes for p in examples(head_problems(classes="one"), 60))


def test_arrays_are_contiguous_and_on_a_grid(problems):
    """Features are C-contiguous float64 multiples of 2^−23, integers are int64, labels have no gap."""
    for problem in problems:
        assert problem.features.flags.c_contiguous
        assert problem.features.dtype == np.float64
        assert np.array_equal(problem.features * 2**23, np.round(problem.features * 2**23))
        assert {a.dtype for a in (problem.signs, problem.counts, problem.behaviours)} == {np.dtype(np.int64)}
        assert set(problem.behaviours) == set(range(problem.behaviour_count))


def test_the_simplest_problem_is_one_sample():
    """Shrinking ends at n = d = 1, feature 1, sign +1, one step."""
    simplest = find(head_problems(), lambda _: True, settings=settings(max_examples=100, **QUIET))
    assert (simplest.features.tolist(), simplest.signs.tolist(), simplest.counts.tolist()) == ([[1.0]], [1], [1])
    assert (simplest.steps, simplest.beta, simplest.eta) == (1, 1.0, 2.0)


def test_witnesses_shrink_small():
    """A problem whose second coordinate shifts downwards shrinks to one sample, one step, two dimensions."""
    quiet = settings(max_examples=2000, **QUIET)
    found = find(head_problems(), lambda p: p.d > 1 and p.shift[1] < 0, settings=quiet, random=Random(0))  # noqa: S311
    assert (found.n, found.d, found.steps) == (1, 2, 1)


def test_clouds_cover_every_tail():
    """α from 0.5 to 2, positive margins, one and several dimensions."""
    drawn = examples(clouds(trials=10), 100)
    assert {cloud.alpha for cloud in drawn} == set(ALPHAS)
    assert all(cloud.margin > 0 for cloud in drawn)
    assert {len(cloud.mean) == 1 for cloud in drawn} == {True, False}


def test_two_layers_are_balanced_or_not_as_asked():
    """Both classes always occur; balance holds when asked; heads along and against BΔ occur."""
    balanced = examples(two_layer_problems(), 100)
    assert all(problem.inputs.balanced for problem in balanced)
    drawn = examples(two_layer_problems(balanced=False), 100)
    assert all(problem.inputs.both_classes for problem in drawn)
    assert any(not problem.inputs.balanced for problem in drawn)
    projections = [float(p.projection(p.layer).value) for p in balanced]
    assert min(projections) < 0 < max(projections)


def test_policy_problems_cover_every_kind():
    """All three policies; responses that differ; tokens below the vocabulary."""
    drawn = examples(policy_problems(), 60)
    assert {problem.kind for problem in drawn} == {"table", "network", "transformer"}
    for problem in drawn:
        assert (problem.chosen != problem.rejected).any(axis=1).all()
        assert max(part.max() for part in (problem.prompts, problem.chosen, problem.rejected)) < problem.vocabulary
    assert any(problem.chosen.shape[1] > 1 for problem in drawn)
