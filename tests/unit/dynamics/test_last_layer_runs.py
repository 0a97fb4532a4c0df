"""Reference runs: against plain autograd, against balls, and by hand."""

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from measured_in_balls import PRECISION, distances, middles

from alignprops.dynamics.autograd import train_head
from alignprops.dynamics.last_layer import descend, gradient, train
from alignprops.dynamics.problem import HeadProblem
from alignprops.evidence.exact import to_balls
from alignprops.strategies.heads import head_problems

MEASURED = (
    "update_norm",
    "head_change",
    "step_change",
    "along_shift",
    "deviation",
    "shortfall",
    "straight_energy",
    "loss",
    "loss_drop",
    "second_moment",
    "winning_second_moment",
    "winning_height",
    "margins",
    "behaviour_margins",
)


@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems(step_size="any", max_steps=4, larger=False))
def test_the_full_head_trained_by_autograd_moves_as_the_reduction_says(problem):
    """W_t − W_0 = ½(e_yes − e_no) ⊗ u_t, every other row bit-identical, from random heads of 5 tokens."""
    head = np.random.default_rng(0).normal(size=(5, problem.d))
    trained = train_head(
        problem.features,
        problem.signs,
        head=head,
        yes=3,
        no=1,
        eta=problem.eta,
        beta=problem.beta,
        steps=problem.steps,
        weights=problem.weights,
    )
    expected = train(problem).heads(5, yes=3, no=1)
    # Autograd sums logits of size |W|·|x| whose rounding the margins inherit: 1e-9 of the features, squared.
    largest = 1 + np.abs(expected).max() + problem.eta * problem.beta**2 * problem.row_norms.max() ** 2
    assert np.abs(trained - head - expected).max() <= 1e-12 * largest * (1 + problem.row_norms.max())
    assert np.array_equal(trained[:, [0, 2, 4]], np.broadcast_to(head[[0, 2, 4]], (problem.steps + 1, 3, problem.d)))


def test_the_first_step_is_the_mean_shift():
    """u_1 = ηβz̄, and the run of one sample with feature 1 follows u + 2ηβσ(−βu)."""
    problem = HeadProblem.of([[1.0]], [1], eta=0.5, beta=2.0, steps=2)
    run = train(problem)
    first = 0.5 * 2.0 * 1.0
    second = first + 2 * 0.5 * 2.0 / (1 + np.exp(2.0 * first))
    assert run.updates[:, 0] == pytest.approx([0, first, second])
    assert run.head_change.value == pytest.approx([first / 2**0.5, second / 2**0.5])
    assert run.step_change.value == pytest.approx([first / 2**0.5, (second - first) / 2**0.5])
    assert run.loss.value == pytest.approx(np.log1p(np.exp(-2.0 * np.array([first, second]))))
    assert run.loss_drop.value == pytest.approx(np.log(2) - run.loss.value)
    assert run.accuracy.value == pytest.approx([1, 1])
    assert run.cosine.value == pytest.approx([1, 1])
    assert run.t.tolist() == [1, 2]


@settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems(step_size="any"))
def test_error_bounds_of_runs_hold(problem):
    """Every measured quantity is within its error bound of the exact value, at every step."""
    with ctx.workprec(PRECISION):
        run, exact = train(problem), train(to_balls(problem))
        for name in MEASURED:
            gaps, errors = distances(getattr(run, name), getattr(exact, name))
            assert (gaps <= errors).all(), name


@settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems(step_size="S"))
def test_error_bounds_of_stable_runs_are_not_absurdly_loose(problem):
    """Under (S) errors add up: at most steps × (n + d + 20) roundings of the largest step's terms."""
    run = train(problem)
    operations = problem.n + problem.d + 20
    span = float(problem.weights @ problem.row_norms)
    square = problem.eta * problem.beta**2 * float(problem.weights @ problem.row_norms**2)
    size = run.update_norm.value.max()
    scale = 2 * problem.eta * problem.beta * span + (1 + square) * size
    assert (run.update_norm.error <= 4 * problem.steps * operations * 2.3e-16 * scale).all()


@settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(head_problems())
def test_accuracy_brackets_the_exact_one(problem):
    """The exact accuracy, ties being errors, lies in the float bracket and in the ball."""
    with ctx.workprec(PRECISION):
        run, exact = train(problem), train(to_balls(problem))
        gaps = np.abs(run.accuracy.value - middles(exact.accuracy))
        radii = np.array([float(ball.rad()) for ball in exact.accuracy])
        assert (gaps <= run.accuracy.error + radii + 1e-15).all()


def test_ties_are_errors():
    """A zero feature and a sample orthogonal to the update are wrong, in floats and in balls."""
    problem = HeadProblem.of([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [1, 1, 1, 1], eta=1.0, beta=1.0)
    run, exact = train(problem), train(to_balls(problem))
    lowest = run.accuracy.value - run.accuracy.error
    assert lowest[0] == pytest.approx(1 / 4)
    assert exact.accuracy[0] == arb(1) / 4


def test_a_cosine_is_undefined_without_a_mean_shift():
    """z̄ = 0 leaves the cosine NaN and every other quantity finite."""
    run = train(HeadProblem.of([[1.0], [-1.0]], [1, 1], eta=1.0, beta=1.0, steps=2))
    assert np.isnan(run.cosine.value).all()
    assert run.head_change.value.tolist() == [0, 0]


def test_steps_take_leading_batch_axes():
    """A stack of runs with their own η and β steps as each run alone does."""
    generator = np.random.default_rng(2)
    z, u, weights = generator.normal(size=(3, 5, 4)), generator.normal(size=(3, 4)), np.full(5, 1 / 5)
    eta, beta = np.array([0.1, 1.0, 2.0]), np.array([1.0, 0.5, 0.1])
    stacked = descend(u, z, weights, eta=eta, beta=beta)
    for i in range(3):
        assert stacked[i] == pytest.approx(descend(u[i], z[i], weights, eta=eta[i], beta=beta[i]), rel=1e-14)


def test_the_gradient_is_that_of_the_loss():
    """g(u) agrees with a difference quotient of the mean loss."""
    generator = np.random.default_rng(3)
    z, u, weights = generator.normal(size=(6, 3)), generator.normal(size=3), np.full(6, 1 / 6)

    def loss(point):
        return np.logaddexp(0, -0.7 * (z @ point)).mean()

    quotients = [(loss(u + step) - loss(u - step)) / 2e-6 for step in 1e-6 * np.eye(3)]
    assert gradient(u, z, weights, beta=0.7) == pytest.approx(quotients, rel=1e-8)
