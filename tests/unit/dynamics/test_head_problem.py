"""Statistics of a head problem: hand-computed values, error bounds against balls, refusals."""

import numpy as np
import pytest
from flint import ctx
from hypothesis import HealthCheck, given, settings
from measured_in_balls import PRECISION, distances

from alignprops._errors import InputError
from alignprops.dynamics.problem import HeadProblem
from alignprops.evidence.exact import to_balls
from alignprops.strategies.heads import head_problems

STATISTICS = (
    "mean_shift_vector",
    "mean_shift",
    "curvature",
    "curvature_along_shift",
    "mean_shift_curvature_norm",
    "drift_ratio",
    "common_offset_share",
    "shares",
    "behaviour_mean_shifts",
    "alignments",
)
TWO_CLASS_STATISTICS = ("distinguishability", "concentration", "covariance_trace")


def small_problem(**changes):
    """Four samples in the plane, exactly balanced."""
    settings_ = {"eta": 0.5, "beta": 0.25, "steps": 3, **changes}
    return HeadProblem.of([[3.0, 0.0], [1.0, 2.0], [1.0, -2.0], [-1.0, 0.0]], [1, 1, -1, -1], **settings_)


def test_statistics_of_four_samples_by_hand():
    """z = (3,0), (1,2), (−1,2), (1,0): every statistic equals its hand-computed value."""
    problem = small_problem(behaviours=[0, 0, 1, 1])
    assert problem.shift.tolist() == [1.0, 1.0]
    assert problem.mean_shift.value == pytest.approx(2**0.5)
    # M = mean z zᵀ = [[3, 0], [0, 2]].
    assert problem.curvature.value == pytest.approx(3)
    assert problem.curvature_along_shift.value == pytest.approx(5 / 2)
    assert problem.mean_shift_curvature_norm.value == pytest.approx(5**0.5)
    assert problem.drift_ratio.value == pytest.approx((9 + 4) ** 0.5 / 2**0.5)
    # μ_+ = (2, 1), μ_- = (0, −1); both covariances are (1/1)·2·(1, −1)(1, −1)ᵀ, up to sign.
    assert problem.distinguishability.value == pytest.approx(8**0.5)
    assert problem.concentration.value == pytest.approx(4)
    assert problem.covariance_trace.value == pytest.approx(4)
    # x̄ = (1, 0), mean‖x‖² = 5.
    assert problem.common_offset_share.value == pytest.approx(1 / 5)
    assert problem.shares.value.tolist() == [0.5, 0.5]
    assert problem.behaviour_shifts.tolist() == [[2.0, 1.0], [0.0, 1.0]]
    assert problem.behaviour_mean_shifts.value == pytest.approx([5**0.5, 1])
    assert problem.alignments.value.tolist() == [3.0, 1.0]
    assert problem.balanced
    # Balanced: ‖z̄‖ = δ/2.
    assert problem.mean_shift.value == pytest.approx(problem.distinguishability.value / 2)


def test_counts_are_multiplicities():
    """A row with count c is the same as c rows, in every statistic."""
    generator = np.random.default_rng(1)
    rows, signs, counts = generator.normal(size=(5, 3)), np.array([1, -1, 1, -1, -1]), np.array([2, 1, 3, 2, 1])
    labels = np.array([0, 0, 1, 1, 0])
    weighted = HeadProblem.of(rows, signs, eta=1.0, beta=1.0, counts=counts, behaviours=labels)
    repeated = HeadProblem.of(
        *(np.repeat(part, counts, axis=0) for part in (rows, signs)),
        eta=1.0,
        beta=1.0,
        behaviours=np.repeat(labels, counts),
    )
    for name in STATISTICS + TWO_CLASS_STATISTICS:
        expected, actual = getattr(repeated, name).value, getattr(weighted, name).value
        assert actual == pytest.approx(expected, rel=1e-12, abs=1e-14), name


def test_one_class_leaves_the_class_statistics_undefined():
    """With one class only, δ, concentration and trace are NaN, and the mean shift is not."""
    problem = HeadProblem.of([[1.0], [2.0]], [1, 1], eta=1.0, beta=1.0)
    assert [np.isnan(getattr(problem, name).value) for name in TWO_CLASS_STATISTICS] == [True] * 3
    assert problem.mean_shift.value == 1.5
    exact = to_balls(problem)
    assert [getattr(exact, name).is_nan() for name in TWO_CLASS_STATISTICS] == [True] * 3


def test_a_vanishing_mean_shift_has_no_curvature():
    """z̄ = 0: ρ = 0 and the drift is 0, in floats and in balls, although the multiplicities are thirds."""
    problem = HeadProblem.of([[1.0], [-0.5]], [1, 1], eta=1.0, beta=1.0, counts=[1, 2])
    assert problem.mean_shift.value == 0
    assert problem.curvature_along_shift.value == 0
    exact = to_balls(problem)
    assert exact.mean_shift == 0
    assert exact.curvature_along_shift == 0
    assert exact.drift_ratio == 0


@settings(max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems())
def test_error_bounds_hold_and_balls_agree(problem):
    """Every float statistic is within its error bound of the exact value."""
    names = STATISTICS + (TWO_CLASS_STATISTICS if problem.both_classes else ())
    with ctx.workprec(PRECISION):
        exact = to_balls(problem)
        for name in names:
            measured = getattr(problem, name)
            if np.isnan(measured.value).any():
                continue
            gaps, errors = distances(measured, getattr(exact, name))
            assert (gaps <= errors).all(), name


@settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems())
def test_error_bounds_are_not_absurdly_loose(problem):
    """The error bound of λ and of z̄ is a few hundred roundings of the sizes that were added."""
    size = float(problem.weights @ problem.row_norms)
    square = float(problem.weights @ problem.row_norms**2)
    operations = problem.n + problem.d + 20
    assert problem.shift_rounding <= 4 * operations * 2.3e-16 * size
    assert problem.curvature.error <= 10 * operations * 2.3e-16 * square


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eta": 0.0}, "eta is 0.0"),
        ({"beta": -1.0}, "beta is -1.0"),
        ({"beta": float("nan")}, "beta is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"counts": [1, 1, 0, 1]}, "counts hold 0"),
        ({"counts": [1, 1]}, r"counts have shape \(2,\)"),
        ({"counts": [1, 1.5, 1, 1]}, "counts hold numbers that are not integers"),
        ({"behaviours": [0, 0, 2, 2]}, "without a gap"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    """Each bad setting is told with what was given."""
    with pytest.raises(InputError, match=message):
        small_problem(**changes)


@pytest.mark.parametrize(
    ("features", "signs", "message"),
    [
        ([1.0, 2.0], [1, 1], "features have shape"),
        (np.zeros((0, 3)), [], "features have shape"),
        ([[1.0], [np.nan]], [1, 1], "1 of 2 feature rows"),
        ([[1.0], [2.0]], [1, 0], r"signs hold \[0\]"),
        ([[1.0], [2.0]], [1], r"signs have shape \(1,\)"),
    ],
)
def test_bad_data_are_refused(features, signs, message):
    """Each malformed array is told with what was expected."""
    with pytest.raises(InputError, match=message):
        HeadProblem.of(features, signs, eta=1.0, beta=1.0)
