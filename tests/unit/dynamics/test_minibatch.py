"""Mini-batch runs and the enumeration of their orders: against the production engine, balls, and by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from flint import ctx
from hypothesis import HealthCheck, given, settings
from measured_in_balls import PRECISION, distances

from alignprops import InputError
from alignprops._errors import TheoremError
from alignprops.dynamics.batch_classes import class_spread, midpoint_norm, offset_norm
from alignprops.dynamics.batch_schemes import BatchScheme
from alignprops.dynamics.batches import independent
from alignprops.dynamics.minibatch import MiniBatchProblem, train
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.trajectories import trajectory
from alignprops.evidence.exact import to_balls
from alignprops.strategies.minibatches import batch_schemes, mini_batch_problems
from alignprops.subjects import kind_named

quick = settings(
    max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
CLOUD = np.random.default_rng(0).normal(size=(6, 3))


def problem(**changes: object) -> HeadProblem:
    """Six samples of both classes."""
    given_ = {"eta": 0.25, "beta": 1.0, "steps": 4, **changes}
    return HeadProblem.of(CLOUD, [1, -1, 1, 1, -1, -1], **given_)  # type: ignore[arg-type]


def test_the_reference_is_the_production_engine() -> None:
    """Batches with repetitions included, one order and several at once."""
    rows = independent(6, size=4, steps=5, seed=1)
    made = train(MiniBatchProblem.of(problem(), rows))
    expected = trajectory(CLOUD, problem().signs, eta=0.25, beta=1.0, steps=5, batches=rows, form="direct").updates

    assert np.allclose(made, expected, rtol=0, atol=1e-14)
    assert np.array_equal(train(MiniBatchProblem.of(problem(), np.stack([rows, rows[::-1]])))[0], made)


@quick
@given(mini_batch_problems(step_size="S4"))
def test_measured_errors_cover_those_of_the_floats(batches: MiniBatchProblem) -> None:
    """Of the path, its energy, the curvature and the run."""
    updates = train(batches)
    run = batches.run(updates)
    with ctx.workprec(PRECISION):
        balls = to_balls(batches)
        exact = train(balls)
        pairs = [
            (batches.path_length, balls.path_length),
            (batches.measured_path, balls.measured_path),
            (batches.path_energy, balls.path_energy),
            (batches.curvature, balls.curvature),
            (batches.path_deviation(updates), balls.path_deviation(exact)),
            (run.head_change, balls.run(exact).head_change),
            (run.entries, balls.run(exact).entries),
        ]
        for measured, ball in pairs:
            error, bound = distances(measured, ball)
            assert (error <= bound + 1e-300).all()


@quick
@given(batch_schemes(step_size="S4", schemes=("replaced", "distinct", "reshuffled", "stratified")))
def test_measured_expectations_cover_those_of_the_floats(scheme: BatchScheme) -> None:
    """Of the size, the drift, the noise."""
    updates = train(scheme.runs)
    with ctx.workprec(PRECISION):
        balls = to_balls(scheme)
        exact = train(balls.runs)
        for name in ("mean_update_norm", "root_mean_square", "drift", "first_step_noise"):
            error, bound = distances(getattr(scheme, name)(updates), getattr(balls, name)(exact))
            assert (error <= bound + 1e-300).all(), name
        first, of_balls = scheme.runs.first_steps(updates), balls.runs.first_steps(exact)
        error, bound = distances(first, of_balls)
        assert (error <= bound + 1e-300).all()
        error, bound = distances(scheme.noise, balls.noise)
        assert (error <= bound + 1e-300).all()


def test_sequences_are_those_of_equally_likely_draws() -> None:
    """Multisets with their number of orders stand for all ordered draws."""
    inner = replace(problem(), features=CLOUD[:3], signs=np.array([1, -1, 1]), counts=np.ones(3, int), steps=2)
    inner = replace(inner, behaviours=np.zeros(3, int))
    scheme = BatchScheme.of(inner, size=2, scheme="replaced")
    ordered = list(product(product(range(3), repeat=2), repeat=2))
    brute = train(MiniBatchProblem(inner, np.array(ordered)))

    assert int(scheme.chances.sum()) == len(ordered) == 81
    assert len(scheme.chances) == 36
    expected = np.linalg.norm(brute[:, 1:], axis=-1).mean(axis=0)
    assert np.allclose(scheme.mean_update_norm(train(scheme.runs)).value, expected, rtol=1e-13)


@pytest.mark.parametrize(("scheme", "paths"), [("distinct", 15**2), ("reshuffled", 15 * 6), ("stratified", 9**2)])
def test_the_number_of_sequences(scheme: str, paths: int) -> None:
    """Six samples, two a batch, two steps: pairs, the first two pairs of a shuffle, one of each class."""
    made = BatchScheme.of(problem(steps=2), size=2, scheme=scheme)  # type: ignore[arg-type]
    distinct = {tuple(map(tuple, rows)) for rows in made.runs.batches.tolist()}

    assert len(distinct) == paths


@pytest.mark.parametrize("scheme", ["replaced", "distinct"])
def test_the_noise_is_the_variance_of_a_batchs_mean_shift(scheme: str) -> None:
    """By enumeration, with and without replacement."""
    made = BatchScheme.of(problem(steps=1), size=3, scheme=scheme)  # type: ignore[arg-type]
    shifts = made.runs.shifts[:, 0]
    variance = (made.chances @ ((shifts - problem().shift) ** 2).sum(axis=1)) / made.chances.sum()

    assert float(made.noise.value) == pytest.approx(float(variance), rel=1e-12)


def test_the_mean_of_all_samples_is_not_the_offset_that_is_noise() -> None:
    """μ_+ = 1 (three samples), μ_- = 0: tr Cov(z) = 3/16 = 4p_+p_-·(1/2)², which 4p_+p_-‖x̄‖² = 27/64 exceeds."""
    made = HeadProblem.of([[1.0], [1.0], [1.0], [0.0]], [1, 1, 1, -1], eta=1.0, beta=1.0)
    noise = BatchScheme.of(made, size=1, scheme="replaced").noise

    assert float(noise.value) == 3 / 16
    assert float(class_spread(made, 1).value) == float(class_spread(made, -1).value) == 0
    assert 4 * 3 / 16 * float(midpoint_norm(made).value) ** 2 == pytest.approx(3 / 16, rel=1e-14)
    assert 4 * 3 / 16 * float(offset_norm(made).value) ** 2 == pytest.approx(27 / 64, rel=1e-14)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([0, 1], r"batches have shape \(2,\) of int64"),
        ([[0.5, 1.0]], r"of float64; expected sample indices"),
        ([[0, 6]], "batches point at samples 0 … 6; expected 0 … 5"),
    ],
)
def test_batches_that_do_not_fit_are_refused(rows: object, told: str) -> None:
    """With what was given and what was expected."""
    with pytest.raises(InputError, match=told):
        MiniBatchProblem.of(problem(), rows)  # type: ignore[arg-type]


def test_multiplicities_are_refused() -> None:
    """A batch draws samples."""
    weighted = replace(problem(), counts=np.array([2, 1, 1, 1, 1, 1]))

    with pytest.raises(InputError, match="repeat the rows instead"):
        MiniBatchProblem.of(weighted, [[0]])
    with pytest.raises(InputError, match="repeat the rows instead"):
        BatchScheme.of(weighted, size=1, scheme="replaced")


@pytest.mark.parametrize(
    ("size", "scheme", "told"),
    [
        (3, "stratified", "both classes and an even size"),
        (4, "reshuffled", "batches of 4 of 6 samples cannot be drawn reshuffled"),
        (7, "replaced", "batches of 7 of 6 samples"),
        (3, "replaced", "sequences of batches are too many; at most 4096"),
    ],
)
def test_schemes_that_make_no_sense_are_refused(size: int, scheme: str, told: str) -> None:
    """Or that have too many sequences."""
    with pytest.raises(InputError, match=told):
        BatchScheme.of(problem(), size=size, scheme=scheme)  # type: ignore[arg-type]


def test_a_trainer_of_one_order_at_a_time_will_do() -> None:
    """It is called once an order; a wrong shape and NaN are told."""
    adapt = kind_named("mini-batch").adapt
    rows = np.stack([independent(6, size=2, steps=3, seed=seed) for seed in (0, 1)])
    batches = MiniBatchProblem.of(problem(), rows)

    assert np.array_equal(adapt(train)(batches), train(batches))
    with pytest.raises(TheoremError, match=r"shape \(2, 3\), expected \(steps \+ 1, d\) = \(4, 3\)"):
        adapt(lambda _: np.zeros((2, 3)))(batches)
    with pytest.raises(TheoremError, match="NaN or infinity"):
        adapt(lambda _: np.full((4, 3), np.inf))(batches)
