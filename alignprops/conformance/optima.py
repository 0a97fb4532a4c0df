"""Policies over finitely many responses, and the optimum of a reward that is held to its reference by a divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError
from alignprops.conformance.pairwise import LOGPS, PairwiseProblem

Floats = NDArray[np.float64]
#: Halvings of the bracket of λ: more than a float64 has bits.
HALVINGS = 200


@dataclass(frozen=True, eq=False)
class RewardsProblem:
    """Rewards of n responses, and a reference over them.

    Attributes:
        rewards: (n,) float64.
        weights: (n,) int64, the reference's probabilities up to their sum; at least 1.
        choices: (8,) int64, which of its values every option of the loss takes.
        dtype: what the code is called in.
    """

    rewards: Floats
    weights: NDArray[np.int64]
    choices: NDArray[np.int64]
    dtype: str

    @property
    def log_reference(self) -> Floats:
        """(n,) log π_ref."""
        made: Floats = np.log(self.weights / self.weights.sum())
        return made

    def pairs(self, log_policy: Floats) -> PairwiseProblem:
        """All ordered pairs of different responses, under a policy (n,)."""
        chosen, rejected = np.nonzero(~np.eye(self.rewards.size, dtype=bool))
        return pairs_of(log_policy, self.log_reference, chosen, rejected, self.choices, self.dtype)

    @property
    def reward_differences(self) -> Floats:
        """(n(n − 1),) r(y_w) − r(y_l) of the pairs."""
        chosen, rejected = np.nonzero(~np.eye(self.rewards.size, dtype=bool))
        made: Floats = self.rewards[chosen] - self.rewards[rejected]
        return made


def pairs_of(
    log_policy: Floats,
    log_reference: Floats,
    chosen: NDArray[np.int64],
    rejected: NDArray[np.int64],
    choices: NDArray[np.int64],
    dtype: str,
) -> PairwiseProblem:
    """Pairs (chosen[i], rejected[i]) of responses of one token."""
    tables = (log_policy[chosen], log_policy[rejected], log_reference[chosen], log_reference[rejected])
    ones = np.ones((chosen.size, 1), dtype=np.int64)
    return PairwiseProblem(
        **{name: table[:, None] for name, table in zip(LOGPS, tables, strict=True)},
        chosen_mask=ones,
        rejected_mask=ones,
        choices=choices,
        upstream=np.ones(chosen.size),
        dtype=dtype,
    )


@dataclass(frozen=True)
class Divergence:
    """f of D_f(π‖π_ref), by its derivative and the inverse of that, on log z = log(π/π_ref).

    Attributes:
        slope: log z -> f'(z).
        inverse: u -> log z with f'(z) = u; −inf below every u, and only asked for u < `highest`.
        highest: f'(∞).
    """

    slope: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]
    highest: float = np.inf


REVERSE_KL = Divergence(lambda log_z: log_z, lambda u: u)
FORWARD_KL = Divergence(lambda log_z: -np.exp(-log_z), lambda u: -np.log(-u), 0.0)
#: f'(z) = log(2z/(1 + z)).
JENSEN_SHANNON = Divergence(
    lambda log_z: np.log(2) - np.logaddexp(0, -log_z), lambda u: u - np.log(2) - np.log1p(-np.exp(u) / 2), np.log(2)
)


def alpha_divergence(order: float) -> Divergence:
    """f'(z) = (1 − z^(−a))/a, 0 < a ≤ 1."""
    if not 0 < order <= 1:
        raise InputError(f"the order of an α-divergence is {order!r}; expected a number in (0, 1]")
    return Divergence(
        lambda log_z: -np.expm1(-order * log_z) / order, lambda u: -np.log1p(-order * u) / order, 1 / order
    )


def optimum(rewards: Floats, log_reference: Floats, beta: float, divergence: Divergence) -> Floats:
    """(n,) log π*, the maximiser of E r − β D_f(π‖π_ref): z* = (f')⁻¹((r − λ)/β) with Σ π_ref z* = 1 (bisection).

    Wang et al. 2023 (Beyond reverse KL); λ lies between min r − βf'(1) and max r − βf'(1), and above max r − βf'(∞).
    """
    at_one = float(divergence.slope(np.zeros(1))[0])
    low = max(float(rewards.min()) - beta * at_one, float(rewards.max()) - beta * divergence.highest)
    high = float(rewards.max()) - beta * at_one
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        mass = _mass(rewards, log_reference, beta, divergence, middle)
        low, high = (middle, high) if mass > 1 else (low, middle)
    return log_reference + divergence.inverse((rewards - high) / beta)


def _mass(rewards: Floats, log_reference: Floats, beta: float, divergence: Divergence, level: float) -> float:
    with np.errstate(all="ignore"):
        log_z = divergence.inverse((rewards - level) / beta)
        mass = float(np.exp(log_reference + log_z).sum())
    return mass if np.isfinite(mass) else np.inf
