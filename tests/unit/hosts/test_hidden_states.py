"""Hidden states for given log-probabilities: what a log-softmax makes of them, forwards and backwards."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from alignprops import InputError
from alignprops.conformance.normalised import CERTAIN, VOCABULARY, normalised
from alignprops.hosts.hidden_states import hidden_states, logits_of, targets_of, unembedding

#: Ordinary, confident up to certainty, and tiny up to where e^ℓ is 0.
ORDINARY = [-1.0, -0.5, -3.0, -8.0, -math.log(3.0), -math.log(2.0)]
CONFIDENT = [-(2.0**-10), -1e-6, -1e-8, -(2.0**-29)]
TINY = [-30.0, -87.5, -110.0, -800.0, -4096.0]
EVERYWHERE = torch.tensor([[*ORDINARY, *CONFIDENT, *TINY]], dtype=torch.float64)
MASK = torch.ones(EVERYWHERE.shape, dtype=torch.bool)


def found_again(logits: Tensor, like: Tensor) -> Tensor:
    """The log-softmax at the targets."""
    return torch.log_softmax(logits, dim=-1).gather(-1, targets_of(like)[..., None])[..., 0]


def loss_of(logps: Tensor) -> Tensor:
    """Something whose slope differs from token to token and depends on all of them."""
    weights = torch.arange(1, logps.numel() + 1, dtype=logps.dtype).reshape(logps.shape)
    return (weights * torch.sin(logps)).sum() - torch.nn.functional.logsigmoid(0.01 * logps.sum())


def gradients(logps: Tensor, through: Tensor) -> Tensor:
    """Of the loss of what is found again, in the log-probabilities."""
    (made,) = torch.autograd.grad(loss_of(through), logps)
    return made


def test_the_log_softmax_gives_the_log_probabilities_back() -> None:
    """In float64 to its rounding; the others share the rest evenly, and the scored token is not always the first."""
    logits = logits_of(EVERYWHERE, MASK)
    assert logits.shape == (1, EVERYWHERE.numel(), VOCABULARY)
    assert torch.allclose(found_again(logits, EVERYWHERE), EVERYWHERE, rtol=1e-15, atol=5e-15)
    assert torch.allclose(logits.exp().sum(-1), torch.ones_like(EVERYWHERE), rtol=1e-14)
    assert set(targets_of(EVERYWHERE).flatten().tolist()) == set(range(VOCABULARY))


def test_the_gradient_is_that_in_the_log_probabilities() -> None:
    """As autograd has it without a softmax between, also where 1 − p is 2⁻²⁹ and where p underflows."""
    logps = EVERYWHERE.clone().requires_grad_()
    (straight,) = torch.autograd.grad(loss_of(logps), logps)
    assert torch.allclose(gradients(logps, found_again(logits_of(logps, MASK), logps)), straight, rtol=1e-11)


def test_a_certain_token_keeps_its_gradient() -> None:
    """At ℓ = 0, where a softmax has none left: the value is off by 2⁻³⁰, the slope by no more than rounding."""
    logps = torch.tensor([[0.0, -1.0, -0.0]], dtype=torch.float64, requires_grad=True)
    mask = torch.ones(1, 3)
    again = found_again(logits_of(logps, mask), logps)
    assert torch.allclose(again, logps, rtol=0, atol=1.01 * CERTAIN)
    (straight,) = torch.autograd.grad(loss_of(logps), logps)
    assert torch.allclose(gradients(logps, again), straight, rtol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_in_float32_the_bounds_hold(offset: float) -> None:
    """What a log-softmax in float32 finds, and the gradient through it, is within the derived error."""
    logps = torch.cat([EVERYWHERE * (1 + offset), torch.zeros(1, 1)], dim=1).requires_grad_()
    made = normalised(logps.detach().numpy(), "float32")
    states = hidden_states(logps, torch.ones_like(logps))
    assert states.dtype is torch.float32
    again = found_again(states @ unembedding().T, logps)
    assert np.all(np.abs(again.detach().double().numpy() - logps.detach().numpy()) <= made.logps.error)
    (factor,) = torch.autograd.grad(again.sum(), logps)
    assert np.all(np.abs(factor.numpy() - 1) <= made.factor.error)
    assert np.all(made.logps.error <= 1e-5 * (1 - logps.detach().numpy()))  # and it is no excuse for anything larger
    assert np.all(made.factor.error <= 1e-4)


def test_the_bounds_tell_a_wrong_construction() -> None:
    """Other logits that do not move with ℓ lose the factor 1 − p; the wrong token has another log-probability."""
    logps = torch.tensor([[-1.0, -0.01, -2.0]], dtype=torch.float64, requires_grad=True)
    made = normalised(logps.detach().numpy(), "float32")
    logits = logits_of(logps, torch.ones(1, 3))
    at_target = torch.nn.functional.one_hot(targets_of(logps), VOCABULARY) != 0
    held = torch.where(at_target, logits, logits.detach())
    (factor,) = torch.autograd.grad(found_again(held, logps).sum(), logps)
    assert np.all(np.abs(factor.numpy() - 1) > made.factor.error)
    wrong = torch.log_softmax(logits, dim=-1).roll(1, dims=-1).gather(-1, targets_of(logps)[..., None])[..., 0]
    assert np.all(np.abs((wrong - logps).detach().numpy()) > made.logps.error)


def test_what_is_masked_stands_there_and_leaks_nowhere() -> None:
    """Whatever it is: at one place of the hidden state, and in no gradient of a token that counts."""
    logps = torch.tensor([[-1.0, torch.nan, 1e4, -torch.inf, torch.inf]], dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[1, 0, 0, 0, 0]])
    states = hidden_states(logps, mask)
    standing = states.gather(-1, targets_of(logps)[..., None])[0, 1:, 0]
    assert torch.equal(standing.isnan(), torch.tensor([True, False, False, False]))
    assert standing[1:].tolist() == [1e4, -math.inf, math.inf]
    assert int((states[0, 1:] == 0).sum()) == 4 * (VOCABULARY - 1)
    (slopes,) = torch.autograd.grad(found_again(states[:, :1], logps[:, :1]).sum(), logps)
    assert slopes.tolist() == [[pytest.approx(1.0, abs=1e-6), 0.0, 0.0, 0.0, 0.0]]


def test_a_log_probability_above_0_is_refused() -> None:
    """A softmax has none; under the mask nobody asks."""
    positive = torch.tensor([[-1.0, 0.5]])
    with pytest.raises(InputError, match="above 0: there are no hidden states"):
        hidden_states(positive, torch.ones(1, 2))
    assert hidden_states(positive, torch.tensor([[1, 0]])).isfinite().all()
