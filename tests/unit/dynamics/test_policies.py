"""Small policies: first order by both modes of differentiation, and the linearised model's dictionary."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from alignprops.dynamics.first_step import FirstStep, _wobble
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.policies import Policy
from alignprops.dynamics.policy_problem import KINDS, PolicyProblem
from alignprops.strategies.policies import policy_problems


def tiny_problem(kind, **changes):
    """Two prompts, responses of two tokens out of five."""
    parts = {
        "prompts": np.array([[0, 1], [2, 3]]),
        "chosen": np.array([[1, 2], [0, 4]]),
        "rejected": np.array([[3, 2], [1, 1]]),
    }
    return PolicyProblem(
        kind, **parts, **{"vocabulary": 5, "seed": 0, "eta": 2.0**-6, "beta": 0.5, "steps": 4, **changes}
    )


@settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(policy_problems())
def test_forward_and_reverse_mode_agree(problem):
    """dh/dη = −⟨∇h, G⟩, mean β dh/dη = 2‖G‖², dL/dη = −‖G‖², and the dictionary's run is autograd's."""
    policy = Policy(problem)
    gradient = policy.gradient.numpy()
    squared = float(gradient @ gradient)
    heights, loss = policy.first_order
    size = np.abs(policy.features).sum(axis=1) * np.abs(gradient).max() + 1e-300
    assert (np.abs(heights + policy.features @ gradient) <= 1e-11 * size).all()
    assert problem.beta * heights.mean() == pytest.approx(2 * squared, rel=1e-11, abs=1e-20)
    assert loss == pytest.approx(-squared, rel=1e-11, abs=1e-20)
    run, expected = policy.linearised_run(), train(policy.head_problem()).updates
    assert np.abs(run - expected).max() <= 1e-12 * (1e-300 + np.abs(expected).max())


@pytest.mark.parametrize("kind", KINDS)
def test_policies_are_normalised_and_deterministic(kind):
    """All continuations add up to 1; the seed fixes the parameters; the global generator is left alone."""
    before = torch.get_rng_state()
    problem = tiny_problem(kind)
    policy, again, other = Policy(problem), Policy(problem), Policy(tiny_problem(kind, seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(policy.reference, again.reference)
    assert not torch.equal(policy.reference, other.reference)
    continuations = torch.tensor([[0, 1, a, b] for a in range(5) for b in range(5)])
    with torch.no_grad():
        total = policy.log_probabilities(policy.reference, continuations).exp().sum()
        at_reference = policy.log_ratio_differences(policy.reference)
    assert float(total) == pytest.approx(1, abs=1e-14)
    assert at_reference.tolist() == [0, 0]
    assert float(policy.loss(policy.reference)) == pytest.approx(np.log(2))


def test_the_transformer_is_causal():
    """A later token does not change the log-probabilities of an earlier one."""
    policy = Policy(tiny_problem("transformer"))
    one, other = torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 1, 2, 4]])
    with torch.no_grad():
        logits = [policy._module(tokens) for tokens in (one, other)]
    assert torch.equal(logits[0][:, :3], logits[1][:, :3])
    assert 1000 <= len(policy.reference) <= 9999


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_step_moves_as_the_first_order_says(kind):
    """After an SGD step η the mean margin is 2η‖G‖² and the loss has fallen by η‖G‖², up to η²."""
    policy = Policy(tiny_problem(kind))
    squared = float(policy.gradient @ policy.gradient)
    eta = 2.0**-10
    step = FirstStep(policy, eta)
    half, whole = (
        np.abs([step.margins.value[at] - 2 * s * squared, step.drops.value[at] - s * squared])
        for at, s in enumerate((eta / 2, eta))
    )
    # Halving η divides the error by about 4: it is of second order.
    assert whole / half == pytest.approx([4, 4], rel=0.05)
    assert whole == pytest.approx(np.abs([step.margin_bend.value, step.drop_bend.value]) * eta**2 / 2, rel=0.05)
    assert max(step.margin_wobble, step.drop_wobble) < 0.05


def test_a_slope_that_does_not_move_has_no_straight_line():
    """Then the premise of the first step is not met, whatever rounding says."""
    assert _wobble(np.array([1.0, 1.0, 1.0, 1.0, 1.0])) == np.inf
    assert _wobble(np.array([1.0, 1.25, 1.5, 1.75, 2.0])) == 0
    assert _wobble(np.array([1.0, 1.5, 1.5, 1.75, 2.0])) == 1


def test_the_rounding_of_a_wobble_grows_as_the_slopes_move_less():
    """A step a thousand times smaller moves them a thousand times less; their own rounding stays."""
    large, small = (FirstStep(Policy(tiny_problem("table")), 2.0**-k).measured_margin_wobble for k in (4, 14))
    assert 500 < small.error / large.error < 2000
    assert large.value > 500 * large.error
