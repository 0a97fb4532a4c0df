"""Hidden states whose tokens have given log-probabilities: how fused losses are asked about numbers.

See `alignprops.conformance.normalised` for the construction and its rounding.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from alignprops._errors import InputError
from alignprops.conformance.normalised import CERTAIN, VOCABULARY

#: What a host tells of it.
TOLD = (
    f"its hidden states are logits of {VOCABULARY} tokens in float32, its unembedding the identity",
    "the scored token has the given log-probability, and the others share the rest evenly",
    "it finds the log-probabilities again by a log-softmax in float32: the bounds are wider by the rounding of that",
    "a log-probability above -2^-30 is given as -2^-30, because no gradient passes a softmax that is certain",
    "where the mask is 0 the hidden state is the given number at one place, and 0 at the others",
)


def unembedding() -> Tensor:
    """(V, V) float32 identity: hidden states are logits."""
    return torch.eye(VOCABULARY)


def targets_of(logps: Tensor) -> Tensor:
    """(B, T) int64 ids of the tokens: neighbours have different ones."""
    b, t = logps.shape
    return (torch.arange(b)[:, None] + torch.arange(t)) % VOCABULARY


def hidden_states(logps: Tensor, mask: Tensor) -> Tensor:
    """(B, T, V) float32: `logits_of`, rounded once."""
    return logits_of(logps, mask).float()


def logits_of(logps: Tensor, mask: Tensor) -> Tensor:
    """(B, T, V) float64 logits whose log-softmax at `targets_of` is `logps`, as a differentiable function of these.

    Args:
        logps: (B, T) any float dtype, log-probabilities of tokens.
        mask: (B, T), not 0 where a token counts; elsewhere `logps` may be anything.

    Raises:
        InputError: a log-probability that counts is above 0.
    """
    scored = mask != 0
    if bool((logps.detach()[scored] > 0).any()):
        raise InputError("a log-probability is above 0: there are no hidden states that a softmax makes it of")
    at_target = torch.nn.functional.one_hot(targets_of(logps), VOCABULARY) != 0
    given = logps.double()
    sure = torch.where(scored, given, -1.0)
    sure = sure - (sure + CERTAIN).clamp(min=0).detach()  # min(ℓ, −CERTAIN), with slope 1 everywhere
    others = torch.log(-torch.expm1(sure)) - log(VOCABULARY - 1)
    counted = torch.where(at_target, sure[..., None], others[..., None])
    padding = torch.where(at_target, given[..., None], 0.0)
    return torch.where(scored[..., None], counted, padding)
