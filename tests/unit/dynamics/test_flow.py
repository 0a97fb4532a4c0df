"""The flow integrator against closed forms: its error bound covers the error, and is small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from alignprops import InputError
from alignprops._errors import TheoremError
from alignprops.dynamics import flow as flow_module
from alignprops.dynamics.flow import SIGMOID_CURVATURE, FlowBound, energy_integral, flow
from alignprops.dynamics.problem import HeadProblem
from alignprops.strategies.heads import head_problems
from alignprops.subjects import kind_named, parse_subject

quick = settings(
    max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def single(*, eta: float, beta: float, steps: int, size: float = 1.0) -> HeadProblem:
    """One sample with one feature."""
    return HeadProblem.of([[size]], [1], eta=eta, beta=beta, steps=steps)


def closed_form(problem: HeadProblem) -> np.ndarray:
    """u(τ) of one sample of size x: m + e^m = 1 + 2β²x²τ for the margin m = βxu, by Newton's method."""
    size, beta = float(problem.features[0, 0]), problem.beta
    right = 1 + 2 * beta**2 * size**2 * problem.eta * np.arange(problem.steps + 1)
    margins = np.log(right)
    for _ in range(60):
        margins = margins - (margins + np.exp(margins) - right) / (1 + np.exp(margins))
    return margins / (beta * size)


@pytest.mark.parametrize(
    ("eta", "beta", "size"), [(0.5, 1.0, 1.0), (4.0, 1.0, 1.0), (1e-4, 1.0, 1.0), (2.0, 0.125, 8.0), (100.0, 1.0, 1.0)]
)
def test_one_sample_follows_its_closed_form(eta: float, beta: float, size: float) -> None:
    """Within the error bound; which is a small share of the movement for steps within (S4)."""
    problem = single(eta=eta, beta=beta, steps=6, size=size)
    run, exact = flow(problem), closed_form(problem)

    error = np.abs(run.updates[:, 0] - exact)
    assert (error <= run.errors + 1e-14 * np.abs(exact)).all()
    if eta * beta**2 * size**2 <= 4:
        assert run.errors[-1] <= 2e-3 * exact[-1]


@quick
@given(head_problems(step_size="S4", max_steps=4, larger=False))
def test_coarse_and_fine_substeps_agree_within_both_bounds(problem: HeadProblem) -> None:
    """The fine run is several times nearer to the flow."""
    coarse = flow(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_module, "FINENESS", 128)
        patch.setattr(flow_module, "MOST", 512)
        fine = flow(problem)

    apart = np.linalg.norm(coarse.updates - fine.updates, axis=1)
    assert (apart <= coarse.errors + fine.errors).all()


def test_a_bound_that_forgets_the_third_derivative_would_be_found_out() -> None:
    """The true error is more than a twentieth of the bound: rounding alone does not cover it."""
    problem = single(eta=4.0, beta=1.0, steps=2)
    run = flow(problem)

    error = np.abs(run.updates[:, 0] - closed_form(problem))

    assert error[-1] > run.errors[-1] / 20
    assert error[-1] > 1e-9


def test_the_curvature_of_the_sigmoid_is_not_exceeded() -> None:
    """max |σ''| = 1/(6√3)."""
    assert 1 / (6 * np.sqrt(3)) <= SIGMOID_CURVATURE <= 1 / (6 * np.sqrt(3)) * (1 + 1e-5)


@quick
@given(head_problems(step_size="any", max_steps=3, larger=False))
def test_the_integral_of_the_energy_is_enclosed(problem: HeadProblem) -> None:
    """64 panels and 1024 agree within both bounds, which are narrow for moderate times."""
    coarse, fine = energy_integral(problem), energy_integral(problem, panels=1024)

    assert (np.abs(coarse.value - fine.value) <= coarse.error + fine.error).all()
    assert (coarse.error <= 0.01 * coarse.value + 1e-12).all() or problem.eta * problem.beta**2 * FlowBound(
        problem
    ).stiffness > 8


def test_a_trajectory_of_ones_own_gets_the_error_of_the_reference() -> None:
    """A bare array is accepted; a wrong shape and NaN are told."""
    problem = single(eta=0.5, beta=1.0, steps=2)
    honest = flow(problem)
    adapt = kind_named("gradient-flow").adapt

    assert np.array_equal(adapt(lambda problem: honest.updates)(problem).errors, honest.errors)
    assert adapt(flow)(problem).updates.shape == (3, 1)
    with pytest.raises(TheoremError, match=r"shape \(1, 1\), expected \(steps \+ 1, d\) = \(3, 1\)"):
        adapt(lambda problem: np.zeros((1, 1)))(problem)
    with pytest.raises(TheoremError, match="NaN or infinity"):
        adapt(lambda problem: np.full((3, 1), np.nan))(problem)
    with pytest.raises(InputError, match="expected package"):
        parse_subject("nowhere", "gradient-flow")


def test_no_step_size_is_too_large() -> None:
    """The bound stays finite, if wide, far beyond every limit."""
    problem = replace(single(eta=1.0, beta=1.0, steps=3), eta=1e6)

    assert np.isfinite(flow(problem).errors).all()
