"""α-subexponential feature clouds with an exactly known tail, and fresh samples classified by a direction (LD-9).

x = μ + ξ with ξ = ρ·(uniform direction), ρ ~ Weibull(α, K): P(|⟨v, ξ⟩| ≥ r) ≤ P(ρ ≥ r) = exp(−(r/K)^α) for every
unit v, and ξ is symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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

    @property
    def margin(self) -> float:
        """m = ⟨u, μ⟩/‖u‖, the normalised margin of the class mean."""
        return float(self.direction @ self.mean / np.linalg.norm(self.direction))

    def noise(self) -> NDArray[np.float64]:
        """ξ of every trial, (trials, d)."""
        generator = np.random.default_rng(self.seed)
        directions = generator.normal(size=(self.trials, len(self.mean)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        radii: NDArray[np.float64] = self.scale * generator.weibull(self.alpha, size=self.trials)
        return radii[:, None] * directions

    def correct(self) -> NDArray[np.bool_]:
        """Whether each fresh sample lies on its class's side, (trials,); a tie is an error."""
        return np.asarray((self.mean + self.noise()) @ self.direction > 0)
