"""Predictions from the data: by hand, and obeyed by the runs they are about."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from alignprops.dynamics.last_layer import train
from alignprops.dynamics.predictions import (
    first_step_accuracy,
    first_step_accuracy_bound,
    normalised_priority_gaps,
    predict,
    priority_horizons,
    priority_level,
)
from alignprops.dynamics.problem import HeadProblem
from alignprops.strategies.heads import head_problems


def test_one_sample_by_hand():
    """n = d = 1, x = 1, η = ½, β = 1: every prediction equals its hand-computed value."""
    predicted = predict(HeadProblem.of([[1.0]], [1], eta=0.5, beta=1.0, steps=2))
    assert predicted.small_step
    assert predicted.stable_step
    assert predicted.initial_update_rate == pytest.approx(1 / 2**0.5)
    assert predicted.head_change_high == pytest.approx([0.5 / 2**0.5, 1 / 2**0.5])
    # κ_2(1) = ηβ²/4 = 1/8.
    assert predicted.head_change_low == pytest.approx([0.5 / 2**0.5, 7 / 8 / 2**0.5])
    assert predicted.loss_low == pytest.approx([np.log(2) - 1 / 4, np.log(2) - 1 / 2])
    assert predicted.first_step_accuracy == 1
    assert predicted.first_step_accuracy_bound == pytest.approx(1)
    # κ_2(√(λρ)) = 1/8 is below √(2κ/3): cos ≥ √(1 − 1/64), which exceeds 1 − 1/8.
    assert predicted.cosine_low == pytest.approx([1, (1 - 1 / 64) ** 0.5])
    # T' = 1: min over a of log(1 + e^{−a}) + a²/2.
    grid = np.linspace(0, 2, 200_001)
    best = (np.logaddexp(0, -grid) + grid**2 / 2).min()
    assert predicted.accuracy_certificate[0] == pytest.approx(1 - best / np.log(2), abs=1e-9)


def test_bounds_whose_premise_fails_are_nan():
    """Beyond (S4) nothing is promised but the first step."""
    predicted = predict(HeadProblem.of([[1.0]], [1], eta=5.0, beta=1.0, steps=1))
    assert not predicted.stable_step
    for bound in (predicted.head_change_low, predicted.head_change_high, predicted.loss_low, predicted.loss_high):
        assert np.isnan(bound).all()
    assert np.isnan(predicted.accuracy_certificate).all()
    assert predicted.first_step_accuracy == 1


def test_accuracy_bound_is_attained_by_two_heights():
    """h ∈ {0, a}: three of four samples along z̄, one orthogonal to it."""
    problem = HeadProblem.of([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]], [1, 1, 1, 1], eta=1.0, beta=1.0)
    assert first_step_accuracy(problem) == pytest.approx(3 / 4)
    assert first_step_accuracy_bound(problem) == pytest.approx(3 / 4)


def test_priorities_by_hand():
    """Two orthogonal behaviours with mean shifts 3 and 1: levels, horizon and normalised gap."""
    rows = [[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    problem = HeadProblem.of(rows, [1, -1, 1, -1], eta=0.125, beta=1.0, behaviours=[0, 0, 1, 1])
    # z̄ = (1.5, 0.5), M = diag(4.5, 0.5); Δ_1 = (6, 0), Δ_2 = (0, 2).
    assert priority_level(problem) == pytest.approx(np.array([4.5, 0.5]) / 2.5**0.5)
    gaps = normalised_priority_gaps(problem)
    middle = np.array([3.0, 1.0])
    assert gaps[0, 1] == pytest.approx((18 - 2) / (np.linalg.norm(middle) * 6))
    assert gaps[1, 0] == -gaps[0, 1]
    assert np.isnan(gaps[0, 0])
    horizons = priority_horizons(problem)
    bend = 0.125 / 4 * (4.5 * 2.25 + 0.5 * 0.25) ** 0.5 * (4.5 * 9 + 0.5 * 1) ** 0.5
    assert horizons[0, 1] == np.ceil(4 / bend)
    assert horizons[1, 0] == 0
    assert (horizons[0, 1] - 1) * bend < 4 <= horizons[0, 1] * bend


def test_gaps_need_both_classes():
    """A behaviour with one class has no normalised gap, but a level."""
    problem = HeadProblem.of([[3.0], [-3.0], [1.0]], [1, -1, 1], eta=1.0, beta=1.0, behaviours=[0, 0, 1])
    assert np.isnan(normalised_priority_gaps(problem)).all()
    assert np.isfinite(priority_level(problem)).all()


@settings(max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems(step_size="S", behaviours=(1, 3)))
def test_runs_obey_the_predictions(problem):
    """Update, loss, direction, accuracy and order of behaviours are as predicted, at every step."""
    predicted, run = predict(problem), train(problem)
    if not predicted.small_step:  # η at the limit itself: λ may round up
        return
    slack = 1e-12
    assert (predicted.head_change_low <= run.head_change.value * (1 + slack) + run.head_change.error).all()
    assert (run.head_change.value <= predicted.head_change_high * (1 + slack) + run.head_change.error).all()
    assert (predicted.loss_low <= run.loss.value + run.loss.error + slack).all()
    assert (run.loss.value <= predicted.loss_high + run.loss.error + slack).all()
    assert (predicted.accuracy_certificate <= run.accuracy.value + run.accuracy.error + slack).all()
    assert predicted.first_step_accuracy_bound <= predicted.first_step_accuracy + 1e-6
    turned = run.cosine
    defined = np.isfinite(turned.value)
    assert (predicted.cosine_low <= turned.value + turned.error + slack)[defined].all()
    horizons, margins = priority_horizons(problem), run.behaviour_margins
    for j, k in np.argwhere(horizons > 0):
        last = int(min(horizons[j, k], problem.steps))
        allowed = (margins.error[:last, j] + margins.error[:last, k]) * 2
        assert (margins.value[:last, j] - margins.value[:last, k] >= -allowed).all()
