"""α-subexponential feature clouds with an exactly known tail, and fresh samples classified by a direction (LD-9).

x = μ + ξ with P(|⟨v, ξ⟩| ≥ r) ≤ 2exp(−(r/K)^α) for every unit v:

- radial: ξ = ρ·(uniform direction), ρ ~ Weibull(α, K), symmetric: P(ρ ≥ r) = exp(−(r/K)^α);
- two-sided: ξ = ±ρ·u/‖u‖ with a fair sign and the heaviest ρ allowed, P(ρ ≥ r) = min(1, 2exp(−(r/K)^α)): symmetric,
  and an error has probability exp(−(m/K)^α) if that is at most ½;
- one-sided: ξ = −ρ·u/‖u‖, the same ρ, all of it on the wrong side: an error has probability 2exp(−(m/K)^α) if that is
  at most 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Noise = Literal["radial", "two-sided", "one-sided"]


@dataclass(frozen=True, eq=False)
class Cloud:
    """One class of samples, μ (d,), a direction u ≠ 0 (d,) fixed beforehand, and how to draw `trials` fresh samples.

    `margin` is ⟨u, μ⟩/‖u‖ for the class of sign +1; by symmetry the other class is the same with −μ.
    """

    mean: NDArray[np.float64]
    direction: NDArray[np.float64]
    alpha: float
    scale: float
    trials: int
    seed: int
    noise: Noise = "radial"

    @property
    def symmetric(self) -> bool:
        """Whether ξ and −ξ have the same distribution."""
        return self.noise != "one-sided"

    @property
    def margin(self) -> float:
        """m = ⟨u, μ⟩/‖u‖, the normalised margin of the class mean."""
        return float(self.direction @ self.mean / np.linalg.norm(self.direction))

    def noises(self) -> NDArray[np.float64]:
        """ξ of every trial, (trials, d)."""
        generator = np.random.default_rng(self.seed)
        if self.noise == "radial":
            directions = generator.normal(size=(self.trials, len(self.mean)))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            radii = self.scale * generator.weibull(self.alpha, size=self.trials)
        else:
            side = generator.choice([-1, 1], size=self.trials) if self.noise == "two-sided" else -1
            directions = np.outer(side * np.ones(self.trials), self.direction / np.linalg.norm(self.direction))
            # ρ = K(log 2 + e)^(1/α) with e exponential: P(ρ ≥ r) = P(e ≥ (r/K)^α − log 2).
            radii = self.scale * (np.log(2) + generator.exponential(size=self.trials)) ** (1 / self.alpha)
        noises: NDArray[np.float64] = radii[:, None] * directions
        return noises

    def correct(self) -> NDArray[np.bool_]:
        """Whether each fresh sample lies on its class's side, (trials,); a tie is an error."""
        return np.asarray((self.mean + self.noises()) @ self.direction > 0)
