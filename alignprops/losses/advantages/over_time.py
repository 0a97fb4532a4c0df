"""GAE and discounted returns as recursions, with the rounding of a dtype.

A step ends an episode (d_t = 1), is masked out, or counts. Masked steps are skipped: what follows a step is the next
one that counts. Behind the last step stands a bootstrap value, 0 where none is given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.precision import exactly, product, summed
from alignprops.expressions import Rounded

Floats = NDArray[np.float64]


class OverTime(NamedTuple):
    """(B, T) each."""

    advantages: Rounded
    returns: Rounded


def gae(rewards: Floats, values: Floats, dones: Any, kept: Any, *, gamma: float, lam: float, dtype: str) -> OverTime:
    """A_t = δ_t + γλ(1−d_t)A_{t+1} with δ_t = r_t + γ(1−d_t)V_{t+1} − V_t, and A_t + V_t.

    Source: Schulman et al. 2016, Eq. 16.

    Args:
        rewards: (B, T).
        values: (B, T+1), the last column the bootstrap.
        dones: (B, T) bool, whether a step ends its episode.
        kept: (B, T) bool, whether a step counts.
        gamma: γ, the discount a step.
        lam: λ, the weight of longer look-aheads.
        dtype: whose rounding counts.
    """
    advantages, returns = np.full((2, 2, *rewards.shape), np.nan)
    after, following = _zeros(len(rewards)), exactly(values[:, -1])
    for t in reversed(range(rewards.shape[1])):
        goes_on = exactly(1.0 - dones[:, t])
        ahead = product(exactly(gamma), product(goes_on, following, dtype), dtype)
        delta = summed([exactly(rewards[:, t]), ahead, exactly(-values[:, t])], dtype)
        carried = product(exactly(gamma * lam), product(goes_on, after, dtype), dtype)
        here = summed([delta, carried], dtype)
        advantages[:, :, t], returns[:, :, t] = here, summed([here, exactly(values[:, t])], dtype)
        after, following = _if(kept[:, t], here, after), _if(kept[:, t], exactly(values[:, t]), following)
    return OverTime(_where(kept, advantages), _where(kept, returns))


def discounted(rewards: Floats, dones: Any, kept: Any, *, gamma: float, dtype: str) -> Rounded:
    """G_t = r_t + γ(1−d_t)G_{t+1} (Sutton & Barto 2018, Eq. 3.9); shapes as in `gae`."""
    nothing = np.zeros((len(rewards), rewards.shape[1] + 1))
    return gae(rewards, nothing, dones, kept, gamma=gamma, lam=1.0, dtype=dtype).advantages


def _zeros(count: int) -> Rounded:
    return exactly(np.zeros(count))


def _if(kept: Any, here: Rounded, otherwise: Rounded) -> Rounded:
    return Rounded(np.where(kept, here.value, otherwise.value), np.where(kept, here.error, otherwise.error))


def _where(kept: Any, table: Any) -> Rounded:
    return Rounded(np.where(kept, table[0], np.nan), np.where(kept, table[1], 0.0))
