"""What experiments compute from runs: intervals with known ends, curves of a trace, a plane for two clouds."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alignprops.dynamics.projection import plane
from alignprops.experiments import intervals, series_of

# --- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        (0, 10, (0.0, 0.30849710781876083)),  # 1 − 0.025^(1/10)
        (10, 10, (0.6915028921812392, 1.0)),
        (5, 10, (0.18708602844739855, 0.8129139715526015)),  # tables of Clopper and Pearson
        (1, 1, (0.025, 1.0)),
    ],
)
def test_the_interval_of_a_share_is_the_exact_one(successes: int, trials: int, expected: tuple[float, float]) -> None:
    """Clopper–Pearson at 95 %, also where all or none succeed."""
    assert intervals.share(successes, trials) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_no_trials_have_no_interval() -> None:
    """And no share."""
    assert intervals.share(0, 0) is None


def test_a_rank_correlation_is_spearmans() -> None:
    """1 − 6Σd²/(n(n²−1)), with an interval around it; the same again for the same seed."""
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 1.0, 4.0, 3.0, 6.0, 5.0]

    value, interval = intervals.rank_correlation(x, y, seed=3)

    assert value == pytest.approx(1 - 6 * 6 / (6 * 35))
    assert interval is not None
    assert -1 <= interval[0] < value < interval[1] <= 1
    assert intervals.rank_correlation(x, y, seed=3) == (value, interval)
    assert intervals.rank_correlation(x, [math.exp(v) for v in y], seed=3) == (value, interval)
    opposite, mirrored = intervals.rank_correlation(x, [-v for v in y], seed=3)
    assert mirrored == pytest.approx((-interval[1], -interval[0]))
    assert opposite == pytest.approx(-value)


def test_a_perfect_order_has_a_p_value_and_no_interval() -> None:
    """Every resample is perfect too, which is no interval; of 4! orders one is as good."""
    x = [1.0, 2.0, 3.0, 4.0]

    value, interval = intervals.rank_correlation(x, x)

    assert value == pytest.approx(1)
    assert interval is None
    assert intervals.permutation_p_value(x, x) == pytest.approx(1 / 24)
    assert intervals.permutation_p_value(x, x[::-1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("x", "y"),
    [([], []), ([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, 3.0, 4.0], [5.0] * 4), ([5.0] * 4, [1.0, 2.0, 3.0, 4.0])],
)
def test_what_has_no_rank_correlation_is_told(x: list[float], y: list[float]) -> None:
    """Too few, or one side constant: not a number, no interval, no warning."""
    value, interval = intervals.rank_correlation(x, y)

    assert math.isnan(value)
    assert interval is None
    assert math.isnan(intervals.permutation_p_value(x, y))


def test_three_pairs_have_a_value_and_no_interval() -> None:
    """Resampling three says nothing."""
    assert intervals.rank_correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]) == (pytest.approx(0.5), None)


def test_the_interval_of_a_mean_covers_it() -> None:
    """Within two standard errors or so; seeded."""
    sample = np.random.default_rng(0).normal(3, 1, 50)

    value, interval = intervals.mean(sample)

    assert value == sample.mean()
    assert interval is not None
    error = sample.std() / math.sqrt(50)
    assert interval == pytest.approx((value - 1.96 * error, value + 1.96 * error), abs=0.1 * error)
    assert intervals.mean(sample) == (value, interval)


@pytest.mark.parametrize(("sample", "expected"), [([2.0], 2.0), ([1.0, 3.0], 2.0), ([2.0, 2.0, 2.0, 2.0], 2.0)])
def test_a_mean_of_hardly_anything_has_no_interval(sample: list[float], expected: float) -> None:
    """Nor has one of equal values, which a bootstrap would give a width of 0."""
    assert intervals.mean(sample) == (expected, None)


def test_the_mean_of_nothing_is_told() -> None:
    """Not a number."""
    value, interval = intervals.mean([])
    assert math.isnan(value)
    assert interval is None


# --- curves of a trace ------------------------------------------------------------------------------------------------


def trace_like(accuracy: list[float], steps: tuple[int, ...] = (0, 2, 6)) -> Any:
    """The columns that curves are read from, for two behaviours."""
    values = np.array(accuracy)
    return SimpleNamespace(
        evaluations={
            "step": np.array(steps),
            "train.accuracy": np.stack([values, 1 - values], axis=1),
            "evaluation.accuracy": np.stack([values / 2, values], axis=1),
        },
        steps={"step": np.array([1, 2, 3]), "head_change": np.array([0.5, 1.0, 1.25])},
    )


TRACE = trace_like([0.0, 0.5, 1.0])


def test_figures_are_those_of_a_split_and_a_behaviour() -> None:
    """At the evaluated steps."""
    steps, values = series_of.of(TRACE, "accuracy", behaviour=1)
    assert (steps.tolist(), values.tolist()) == ([0, 2, 6], [1.0, 0.5, 0.0])
    assert series_of.of(TRACE, "accuracy", split="evaluation")[1].tolist() == [0.0, 0.25, 0.5]
    assert series_of.at_last(TRACE, "accuracy") == 1.0
    assert series_of.at_last(TRACE, "accuracy", split="evaluation", behaviour=1) == 1.0


def test_a_figure_of_every_step_begins_at_nothing() -> None:
    """Before the first step nothing has moved."""
    steps, values = series_of.of_steps(TRACE, "head_change")
    assert (steps.tolist(), values.tolist()) == ([0, 1, 2, 3], [0.0, 0.5, 1.0, 1.25])


def test_the_average_weighs_steps_and_not_evaluations() -> None:
    """Trapezia: (0.25·2 + 0.75·4)/6."""
    assert series_of.average(TRACE, "accuracy") == pytest.approx(3.5 / 6)


@pytest.mark.parametrize(("accuracy", "expected"), [(0.5, 2), (0.51, 6), (0.0, 0), (1.01, None)])
def test_the_first_step_that_reaches_an_accuracy(accuracy: float, expected: int | None) -> None:
    """None where it is never reached."""
    assert series_of.steps_to(TRACE, accuracy) == expected


def test_a_mean_curve_has_the_quartiles_of_its_runs() -> None:
    """Of five runs the second and the fourth."""
    traces = [trace_like([0.0, level, level]) for level in (0.1, 0.2, 0.3, 0.4, 1.0)]

    made = series_of.mean_curve(traces, "accuracy", "mean")

    assert list(made["x"]) == [2, 6]
    assert list(made["y"]) == pytest.approx([0.4, 0.4])
    assert list(made["spread"]["low"]) == pytest.approx([0.2, 0.2])
    assert list(made["spread"]["high"]) == pytest.approx([0.4, 0.4])


# --- a plane for two clouds -------------------------------------------------------------------------------------------


def clouds(seed: int = 1) -> tuple[Any, Any]:
    """Two clouds in five dimensions, of clearly different spread along their axes."""
    rng = np.random.default_rng(seed)
    spread = np.array([8.0, 4.0, 0.5, 0.25, 0.1])
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    return rng.normal(size=(30, 5)) * spread @ turn, (rng.normal(size=(20, 5)) * spread + 1) @ turn


def test_both_clouds_lie_on_the_same_axes() -> None:
    """One linear map for both: distances between the clouds are kept, up to what is projected away."""
    before, after = clouds()

    flat, moved = plane(before, after)

    assert flat.shape == (30, 2)
    assert moved.shape == (20, 2)
    together, projected = np.concatenate([before, after]), np.concatenate([flat, moved])
    assert projected.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    centred = together - together.mean(axis=0)
    design, residual, *_ = np.linalg.lstsq(centred, projected, rcond=None)
    assert residual == pytest.approx([0, 0], abs=1e-15)
    assert design.T @ design == pytest.approx(np.eye(2), abs=1e-12)
    values = np.linalg.svd(centred, compute_uv=False)
    assert np.linalg.norm(projected, axis=0) == pytest.approx(values[:2])


@pytest.mark.parametrize("seed", range(8))
def test_the_sign_of_an_axis_is_not_lapacks(seed: int) -> None:
    """The largest entry of each axis is positive, so that the same data give the same picture on every machine."""
    before, after = clouds(seed)
    flat, moved = plane(before, after)
    together = np.concatenate([before, after])
    axes = np.linalg.lstsq(together - together.mean(axis=0), np.concatenate([flat, moved]), rcond=None)[0].T

    assert (axes[np.arange(2), np.abs(axes).argmax(axis=1)] > 0).all()
    shuffled = np.random.default_rng(2).permutation(30)
    assert plane(before[shuffled], after)[0] == pytest.approx(flat[shuffled], abs=1e-9)


def test_one_dimension_is_padded() -> None:
    """A cloud on a line has no second axis."""
    flat, moved = plane(np.array([[1.0], [3.0]]), np.array([[5.0]]))

    assert flat.tolist() == [[-2.0, 0.0], [0.0, 0.0]]
    assert moved.tolist() == [[2.0, 0.0]]
