"""Training sets drawn about two class means, and what their run says of fresh samples (LD-21).

x | s = μ_s + ξ; z* = (μ_+ − μ_-)/2 is the mean shift of a balanced population, x̄* = (μ_+ + μ_-)/2 its offset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.clouds import Cloud, Noise
from alignprops.dynamics.linear_algebra import norm, norm_rounding
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, bounded

#: s of the two classes, in the order of their means.
SIDES = np.array([1, -1])


@dataclass(frozen=True, eq=False)
class TrainedOnClasses:
    """A training set, the class means μ_+, μ_- (2, d), and the noise of fresh samples.

    ε is `looseness` ≥ 1 times ‖z̄ − z*‖. The noise has the tail of LD-9 with exponent `alpha` and the scale K that is
    `share` times ‖z*‖ (or 1 where the means coincide).
    """

    problem: HeadProblem
    means: NDArray[Any]
    looseness: Any
    alpha: float
    share: Any
    noise: Noise
    trials: int
    seed: int

    @cached_property
    def signed_means(self) -> NDArray[Any]:
        """s·μ_s, raw, (2, d)."""
        return np.stack([self.means[0], -self.means[1]])

    @cached_property
    def difference(self) -> NDArray[Any]:
        """z*, raw, (d,)."""
        return (self.means[0] - self.means[1]) / 2  # type: ignore[no-any-return]

    @property
    def _size(self) -> float:
        """A size that bounds those of all means and shifts (for the rounding)."""
        return float(norm(self.means).max() + self.problem.row_norms.max())

    def _measured(self, value: Any, factor: Any) -> Any:
        """With d + 8 roundings at this size."""
        return value if self.problem.exact else bounded(value, (self.problem.d + 8) * EPS * factor)

    @cached_property
    def difference_size(self) -> Any:
        """‖z*‖."""
        return self._measured(norm(self.difference), self._size)

    @cached_property
    def mean_sizes(self) -> Any:
        """‖μ_s‖, (2,)."""
        return self._measured(norm(self.means), norm(self.means) if not self.problem.exact else 0)

    @cached_property
    def mean_heights(self) -> Any:
        """s⟨z*, μ_s⟩, (2,)."""
        return self._measured(self.signed_means @ self.difference, 0 if self.problem.exact else self._size**2)

    @cached_property
    def offset_heights(self) -> Any:
        """s⟨z*, x̄*⟩, (2,)."""
        offset = (self.means[0] + self.means[1]) / 2
        height = offset @ self.difference
        return self._measured(np.array([height, -height]), 0 if self.problem.exact else self._size**2)

    @cached_property
    def distance(self) -> Any:
        """‖z̄ − z*‖."""
        problem = self.problem
        value = norm(problem.shift - self.difference)
        if problem.exact:
            return value
        return bounded(value, problem.shift_rounding + 4 * EPS * self._size + norm_rounding(problem.d) * value)

    @cached_property
    def epsilon(self) -> Any:
        """ε."""
        if self.problem.exact:
            return self.looseness * self.distance
        return bounded(self.looseness * self.distance.value, self.looseness * (self.distance.error + EPS * self._size))

    def fresh(self, update: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
        """Whether fresh samples of one class are told by the direction `update`, (trials,)."""
        mean = self.signed_means[side]
        return Cloud(mean, update, self.alpha, self.scale, self.trials, self.seed + side, self.noise).correct()

    @property
    def scale(self) -> float:
        """K."""
        size = float(norm(self.difference))
        return float(self.share) * (size or 1.0)


@dataclass(frozen=True, eq=False)
class SampledClasses:
    """Training sets of n/2 samples a class about the means (2, d): ξ = radius·direction with probability `share`, or 0.

    So ‖ξ‖ ≤ R_ξ = radius and E‖ξ‖² = τ² = share·radius². `trials` independent sets.
    """

    means: NDArray[np.float64]
    radius: float
    share: float
    samples: int
    delta: float
    trials: int
    seed: int

    @property
    def spread(self) -> float:
        """τ."""
        return float(np.sqrt(self.share) * self.radius)

    def distances(self, train: Callable[[HeadProblem], HeadRun]) -> NDArray[np.float64]:
        """‖z̄ − z*‖ of every training set, read off the first step: z̄ = u_1/(ηβ), (trials,)."""
        signs = np.repeat(SIDES, self.samples // 2)
        ones, labels = np.ones(self.samples, np.int64), np.zeros(self.samples, np.int64)
        centre = (self.means[0] - self.means[1]) / 2
        # Sets that are drawn several times are trained on once.
        sets, which = np.unique(self._sets(), axis=0, return_inverse=True)
        found = [
            train(HeadProblem(features, signs, ones, labels, 1.0, 1.0, 1)).updates[1] - centre for features in sets
        ]
        distances: NDArray[np.float64] = np.linalg.norm(np.stack(found), axis=1)[which.reshape(-1)]
        return distances

    def _sets(self) -> NDArray[np.float64]:
        generator = np.random.default_rng(self.seed)
        shape = (self.trials, self.samples, self.means.shape[1])
        directions = generator.normal(size=shape)
        directions /= np.linalg.norm(directions, axis=2, keepdims=True)
        present = generator.random(shape[:2]) < self.share
        centres = np.repeat(self.means, self.samples // 2, axis=0)
        sets: NDArray[np.float64] = centres + self.radius * present[..., None] * directions
        return sets
