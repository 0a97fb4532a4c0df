"""AdamW's first step against torch.optim.AdamW, and the counter-example to prioritisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from alignprops import InputError, Verdict, evaluate, find_theorem
from alignprops._errors import TheoremError
from alignprops.dynamics.adamw import AdamProblem, adamw_step
from alignprops.dynamics.priorities import Pairs
from alignprops.dynamics.problem import HeadProblem
from alignprops.settings import Settings
from alignprops.strategies.optimizers import adam_problems
from alignprops.subjects import kind_named, parse_subject
from alignprops.subjects.adamw import torch_adamw
from property_suites.learning_dynamics.specimens import many_small_preferences

quick = settings(
    max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
CLOUD = np.random.default_rng(0).normal(size=(5, 3))
HEAD = np.random.default_rng(1).normal(size=(4, 3))


def problem(**changes: float) -> AdamProblem:
    """Five samples and a head of four rows."""
    inner = HeadProblem.of(CLOUD, [1, -1, 1, 1, -1], eta=0.25, beta=0.5)
    return AdamProblem.of(inner, head=HEAD, yes=2, no=0, **{"decay": 0.0, "epsilon": 1e-8, **changes})


@pytest.mark.parametrize("decay", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("epsilon", [1e-8, 1e-3, 0.0])
def test_torch_takes_the_same_step(decay: float, epsilon: float) -> None:
    """To a few units in the last place, on all rows; the gradient by autograd on the whole head."""
    made = problem(decay=decay, epsilon=epsilon)

    assert np.abs(adamw_step(made) - torch_adamw(made)).max() <= 8 * np.finfo(float).eps * (np.abs(HEAD).max() + 0.25)


@quick
@given(adam_problems(decay=True))
def test_torch_agrees_within_the_error_bounds(made: AdamProblem) -> None:
    """Also where a coordinate's gradient is rounding or nothing: the bound then covers either sign."""
    ours, torchs = made.entries(adamw_step(made)), made.entries(torch_adamw(made))

    assert (np.abs(ours.value - torchs.value) <= ours.error + torchs.error).all()


@pytest.mark.parametrize("name", ["first-step", "step-size", "margin", "priority", "symmetry"])
def test_the_theorems_hold_of_torchs_adamw(name: str) -> None:
    """A host's optimiser is checked by its path."""
    theorem = find_theorem(f"learning-dynamics.adamw.{name}")
    subject = parse_subject("alignprops.subjects.adamw:torch_adamw", "adamw")

    assert evaluate(theorem, subject, Settings(max_examples=20)).verdict is Verdict.HELD


def test_many_small_preferences_outweigh_a_large_one() -> None:
    """z̄_1 = (2, 0, 0, 0) has the larger mean shift; under Adam behaviour 2 leads 3.3 to 2, in units of 2ηβ."""
    inner = many_small_preferences()
    made = AdamProblem.of(inner, head=np.zeros((3, 4)), yes=0, no=1, epsilon=0.0)
    run = made.run(adamw_step(made))

    margins = run.behaviour_margins.value[0] / (2 * inner.eta * inner.beta)
    sizes = inner.behaviour_mean_shifts.value

    assert margins == pytest.approx([2.0, 3.3], rel=1e-15)
    assert sizes == pytest.approx([2.0, np.sqrt(3) * 1.1], rel=1e-15)
    assert float(made.sign_gaps(Pairs(inner)).value[0]) == pytest.approx(2 - 3.3, rel=1e-15)
    # Gradient descent has the other order: ⟨z̄, z̄_1⟩ = 2 > ⟨z̄, z̄_2⟩ = 1.815.
    assert inner.alignments.value == pytest.approx([2.0, 1.815], rel=1e-15)


def test_a_rotation_changes_the_margins() -> None:
    """Of one sample: (1, 0) gets the margin 2ηβ, turned by 45 degrees √2 times that."""
    turned = np.array([[np.sqrt(0.5), np.sqrt(0.5)]])
    margins = []
    for rows in (np.array([[1.0, 0.0]]), turned):
        made = AdamProblem.of(HeadProblem.of(rows, [1], eta=0.5, beta=1.0), head=np.zeros((2, 2)), yes=0, no=1)
        margins.append(float(made.run(adamw_step(made)).margins.value[0, 0]))

    assert margins == pytest.approx([1.0, np.sqrt(2)], rel=1e-7)


def test_a_gradient_of_rounding_alone_may_have_either_sign() -> None:
    """0.1 + 0.2 − 0.3 is not 0 in floats: without ε the step's direction is open, with ε = 1e-3 it hardly moves."""
    inner = HeadProblem.of([[0.1], [0.2], [-0.3]], [1, 1, 1], eta=0.5, beta=1.0)
    bare, softened = (
        AdamProblem.of(inner, head=np.zeros((2, 1)), yes=0, no=1, epsilon=epsilon) for epsilon in (0.0, 1e-3)
    )

    assert float(bare.entries(adamw_step(bare)).error[0]) >= 4 * inner.eta
    assert float(softened.entries(adamw_step(softened)).error[0]) <= 1e-11
    assert float(bare.moving.value) - float(bare.moving.error) == 0
    assert float(bare.moving.value) + float(bare.moving.error) == 1


def test_no_gradient_and_no_epsilon_moves_nothing() -> None:
    """0/0 := 0; only the decay is left."""
    inner = HeadProblem.of([[1.0, 0.0]], [1], eta=0.5, beta=1.0)
    made = AdamProblem.of(inner, head=np.ones((3, 2)), yes=0, no=1, decay=0.25, epsilon=0.0)
    expected = np.array([[0.875 + 0.5, 0.875], [0.875 - 0.5, 0.875], [0.875, 0.875]])

    assert np.array_equal(adamw_step(made), expected)
    assert np.array_equal(torch_adamw(made), expected)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"head": np.ones((3, 2))}, r"the head has shape \(3, 2\); expected \(tokens, 3\)"),
        ({"yes": 4}, "answer tokens 4 and 0 of 4"),
        ({"no": 2}, "answer tokens 2 and 2 of 4"),
        ({"decay": -1.0}, "decay is -1.0; expected a number of at least 0"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, object], told: str) -> None:
    """With what was given and what was expected."""
    parts = {"head": HEAD, "yes": 2, "no": 0, "decay": 0.0, "epsilon": 0.0, **changes}

    with pytest.raises(InputError, match=told):
        AdamProblem.of(problem().problem, **parts)  # type: ignore[arg-type]


def test_a_foreign_step_is_held_to_its_shape() -> None:
    """And to finite numbers: torch itself divides 0 by 0 where ε = 0."""
    adapt = kind_named("adamw").adapt

    with pytest.raises(TheoremError, match=r"shape \(3,\), expected \(V, d\) = \(4, 3\)"):
        adapt(lambda _: np.zeros(3))(problem())
    with pytest.raises(TheoremError, match="NaN or infinity"):
        adapt(lambda made: np.full_like(made.head, np.nan))(problem())
    assert np.array_equal(adapt(adamw_step)(problem()), adamw_step(replace(problem())))
