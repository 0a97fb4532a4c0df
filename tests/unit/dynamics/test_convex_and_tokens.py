"""Heads trained with other losses, and on whole responses, against autograd; the hinge's flow against tiny steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignprops.dynamics.class_means import SampledClasses
from alignprops.dynamics.convex import ConvexProblem, at_the_share_of_the_limit, train_convex
from alignprops.dynamics.hinge_flow import flow_path
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.quadratic import closed_form
from alignprops.dynamics.stability import StabilityProblem, expectations
from alignprops.dynamics.token_head import TokenHeadProblem, train_tokens
from alignprops.dynamics.trajectories import trajectory
from alignprops.losses import PAIRWISE_LOSSES, pairwise_loss


@pytest.fixture
def problem() -> HeadProblem:
    """Six samples in three dimensions, both signs."""
    rows = np.random.default_rng(3).normal(size=(6, 3))
    return HeadProblem.of(rows, [1, -1, 1, 1, -1, 1], eta=0.25, beta=0.5, steps=5)


@pytest.mark.parametrize("loss", list(PAIRWISE_LOSSES))
def test_a_head_trained_with_a_loss_is_autograds(problem: HeadProblem, loss: str) -> None:
    """Two rows moved by autograd through the loss itself: their difference is u_t."""
    convex = at_the_share_of_the_limit(problem, loss)
    rows = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    z = torch.as_tensor(convex.z)
    for _ in range(convex.steps):
        value = convex.loss.value(convex.beta * (z @ (rows[0] - rows[1]))).mean()
        (gradient,) = torch.autograd.grad(value, rows)
        rows = (rows - convex.eta * gradient).detach().requires_grad_()
    found = (rows[0] - rows[1]).detach().numpy()

    np.testing.assert_allclose(train_convex(convex).updates[-1], found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", ["direct", "gram"])
def test_trajectories_take_the_pull_of_any_loss(problem: HeadProblem, form: str) -> None:
    """Both forms of the production engine agree with the reference."""
    loss = pairwise_loss("squared-hinge")
    found = trajectory(
        problem.features, problem.signs, eta=0.01, beta=0.5, steps=5, form=form, pull=lambda m: -loss.slope(m)
    )
    convex = ConvexProblem.of(problem.features, problem.signs, eta=0.01, beta=0.5, steps=5)
    convex = ConvexProblem.with_loss(convex, "squared-hinge")

    np.testing.assert_allclose(found.updates, train_convex(convex).updates, rtol=1e-12, atol=1e-14)


def test_the_closed_form_of_ipo_is_the_sum_of_powers(problem: HeadProblem) -> None:
    """Against numpy's eigenvectors."""
    convex = at_the_share_of_the_limit(problem, "ipo", 0.5)
    values, vectors = np.linalg.eigh(convex.z.T @ convex.z / convex.n)
    powers = sum((1 - 4 * convex.eta * convex.beta**2 * values) ** s for s in range(convex.steps))
    expected = 2 * convex.eta * convex.beta / 0.5 * vectors @ (powers * (vectors.T @ convex.shift))

    np.testing.assert_allclose(closed_form(convex).value, expected, rtol=1e-12)


def test_the_hinge_flow_is_the_limit_of_tiny_steps() -> None:
    """Samples on the axes, of both signs, past several kinks."""
    rows = np.array([[1.0, 0], [2.0, 0], [-0.5, 0], [0, 1.5], [0, -3.0], [0, 1.0]])
    problem = HeadProblem.of(rows, [1] * 6, eta=1e-3, beta=1.0, steps=4000)
    steps = train_convex(ConvexProblem.with_loss(problem, "hinge")).updates

    for time in (0.5, 2.0, 4.0):
        found = flow_path(problem, np.array([time])).values[0]
        np.testing.assert_allclose(found, steps[round(time / 1e-3)], atol=2e-2)


def test_the_expected_gap_is_that_of_all_ordered_draws() -> None:
    """27 ordered training sets of three atoms, one by one."""
    atoms = np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0]])
    weights = np.array([1, 2, 3])
    problem = StabilityProblem(atoms, weights, 3, 0.5, 1.0, 2)
    total = np.zeros(2)
    for drawn in np.ndindex(3, 3, 3):
        run = train(HeadProblem.of(atoms[list(drawn)], [1, 1, 1], eta=0.5, beta=1.0, steps=2))
        losses = np.logaddexp(0, -(run.updates[1:] @ atoms.T))
        share = np.prod(weights[list(drawn)]) / 6**3
        total += share * (losses @ (weights / 6) - losses[:, list(drawn)].mean(axis=1))

    np.testing.assert_allclose(expectations(problem, train).gap.value, total, rtol=1e-12)


def test_a_token_head_is_autograds() -> None:
    """Responses of two and of one token; sums of log-softmax, against the reference."""
    generator = np.random.default_rng(5)
    states = generator.normal(size=(2, 2, 2, 3))
    states[:, 1, 0] = states[:, 0, 0]
    tokens, scored = np.array([[[0, 1], [2, 3]], [[3, 3], [1, 0]]]), np.array([[[1, 1], [1, 0]], [[1, 1], [1, 1]]])
    head = generator.normal(size=(4, 3))
    problem = TokenHeadProblem(head, states, tokens, scored, np.array([1, 1]), head, 0.25, 0.5, 4)
    weight = torch.as_tensor(head)

    def ratios(rows: torch.Tensor) -> torch.Tensor:
        logps = (torch.as_tensor(states) @ rows.T).log_softmax(-1)
        picked = logps.gather(-1, torch.as_tensor(tokens)[..., None])[..., 0] * torch.as_tensor(scored)
        return picked.sum(-1)[:, 0] - picked.sum(-1)[:, 1]

    moved = weight.clone()
    for _ in range(4):
        rows = moved.clone().requires_grad_()
        value = torch.nn.functional.logsigmoid(0.5 * (ratios(rows) - ratios(weight))).mean()
        moved = moved + 0.25 * torch.autograd.grad(value, rows)[0]

    np.testing.assert_allclose(train_tokens(problem)[-1], moved.numpy(), rtol=1e-12)
    # The first context is shared; of the second token the larger response counts.
    squares = (states**2).sum(-1)
    np.testing.assert_allclose(problem.smoothness, [squares[0, 0, 1] / 2, squares[1, :, 1].max() / 2])


def test_training_sets_have_the_spread_that_the_radius_assumes() -> None:
    """E‖z̄ − z*‖² = τ²/n, within five per cent over 4,000 sets."""
    classes = SampledClasses(np.array([[1.0, 0], [0, 2.0]]), 2.0, 0.25, samples=8, delta=0.5, trials=4000, seed=1)
    distances = classes.distances(train)

    assert classes.spread == 1.0
    assert (distances**2).mean() == pytest.approx(1 / 8, rel=0.05)
