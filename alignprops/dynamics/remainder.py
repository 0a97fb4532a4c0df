"""What a token-head run leaves of its linearisation, measured (LD-20): θ = W, θ_ref = W_0, φ_i = ∇h_i(W_0)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import log_cosh
from alignprops.dynamics.linear_algebra import norm, second_moment_eigenvalue, square_root
from alignprops.dynamics.token_head import TokenHeadProblem
from alignprops.measured import EPS, bounded

Floats = NDArray[np.float64]
#: Multiples of the probe at which statements about every W are tried.
MULTIPLES = (1, -1, 4)


@dataclass(frozen=True, eq=False)
class Remainder:
    """A run `heads` (steps+1, V, d) of a problem.

    Rounding: a logit at x_t is a dot product of d terms at size ‖W‖‖x_t‖, its softmax V + 16 more; so a position's
    log-probability and its p are off by at most `_slip`, h_i by the sum over positions, twice for the reference.
    """

    problem: TokenHeadProblem
    heads: NDArray[Any]

    @property
    def t(self) -> NDArray[np.int64]:
        """Step numbers 1 … steps."""
        return np.arange(1, len(self.heads))

    @cached_property
    def points(self) -> NDArray[Any]:
        """The W at which statements about every W are tried: the run, and along the probe, (k, V, d)."""
        problem = self.problem
        probes = [problem.head + multiple * problem.probe for multiple in MULTIPLES]
        return np.concatenate([self.heads[1:], np.stack(probes)])

    # --- rounding ---------------------------------------------------------------------------------------------------

    @cached_property
    def _largest(self) -> float:
        return float(max(np.linalg.norm(head) for head in self.points)) + float(np.linalg.norm(self.problem.head))

    @cached_property
    def _slip(self) -> Floats:
        """Of a log-probability at each position, (n, 2, R)."""
        problem = self.problem
        vocabulary, d = problem.head.shape
        logits = self._largest * np.linalg.norm(problem.states, axis=-1)
        slips: Floats = (d + vocabulary + 24) * EPS * (2 * logits + np.log(vocabulary) + 1) * problem.scored
        return slips

    @cached_property
    def _ratio_slips(self) -> Floats:
        """Of h_i, (n,)."""
        slips: Floats = 4 * self._slip.sum(axis=(1, 2))
        return slips

    @cached_property
    def _gradient_slips(self) -> Floats:
        """Of ∇h_i, (n,): p is off by twice the relative error of its logarithm; R + 4 roundings of the sum."""
        sizes = np.linalg.norm(self.problem.states, axis=-1) * self.problem.scored
        sums = (sizes * 4 * self._slip).sum(axis=(1, 2))
        terms = 2 * self.problem.tokens.shape[2] + 4
        slips: Floats = sums + terms * EPS * self.problem.reach
        return slips

    @cached_property
    def _path_error(self) -> Floats:
        """Bound on ‖computed W_t − W_t‖_F, t = 0 … steps.

        ∇L is Lipschitz with mean((β²/4)·reach² + βH_i); a step adds what its gradients and ratios are off.
        """
        problem = self.problem
        beta, eta, reach = problem.beta, problem.eta, problem.reach
        steepness = float(np.mean(beta**2 / 4 * reach**2 + beta * problem.smoothness))
        slip = float(np.mean(beta * self._gradient_slips + beta**2 / 4 * self._ratio_slips * reach))
        slip += (problem.n + 16) * EPS * beta * float(np.mean(reach))
        errors = [0.0]
        for _ in self.t:
            errors.append((1 + eta * steepness) * errors[-1] + eta * slip + 2 * EPS * self._largest)
        return np.array(errors)

    def _measured(self, value: Any, error: Any) -> Any:
        return value if self.problem.exact else bounded(value, error() if callable(error) else error)

    # --- first order ------------------------------------------------------------------------------------------------

    @cached_property
    def features(self) -> NDArray[Any]:
        """φ_i, raw and flat, (n, V·d)."""
        return self.problem.gradients(self.problem.head).reshape(self.problem.n, -1)

    @cached_property
    def mean_feature(self) -> NDArray[Any]:
        """φ̄, raw, (V·d,)."""
        return self.features.sum(axis=0) / self.problem.n  # type: ignore[no-any-return]

    @property
    def _mean_slip(self) -> float:
        return float(np.mean(self._gradient_slips)) + (self.problem.n + 4) * EPS * float(np.mean(self.problem.reach))

    @cached_property
    def mean_feature_size(self) -> Any:
        """‖φ̄‖."""
        size = norm(self.mean_feature)
        return self._measured(size, lambda: self._mean_slip + len(self.mean_feature) * EPS * float(size))

    @cached_property
    def gradient_size(self) -> Any:
        """‖G‖ = (β/2)‖φ̄‖."""
        size, beta = self.mean_feature_size, self.problem.beta
        return beta * size / 2 if self.problem.exact else bounded(beta * size.value / 2, beta * size.error)

    @cached_property
    def curvature(self) -> Any:
        """Λ = λ_max(mean φφᵀ)."""
        value, error = second_moment_eigenvalue(self.features, np.ones(self.problem.n, np.int64))
        if self.problem.exact:
            return value
        return bounded(value, error + 2 * np.mean(self._gradient_slips * self.problem.reach) + EPS * value)

    @cached_property
    def smoothness(self) -> Any:
        """H_i, (n,)."""
        values = self.problem.smoothness
        return self._measured(values, lambda: (self.features.shape[1] + 8) * EPS * values)

    @cached_property
    def mean_smoothness(self) -> Any:
        """H̄ = mean H_i."""
        value = self.problem.smoothness.sum() / self.problem.n
        return self._measured(value, lambda: (self.features.shape[1] + self.problem.n + 8) * EPS * value)

    @cached_property
    def root_mean_square_smoothness(self) -> Any:
        """H_2 = √mean H_i²."""
        value = square_root((self.problem.smoothness**2).sum() / self.problem.n)
        return self._measured(value, lambda: (self.features.shape[1] + self.problem.n + 12) * EPS * value)

    # --- (a) and (d): every W ---------------------------------------------------------------------------------------

    @cached_property
    def distances(self) -> Any:
        """‖W − W_0‖_F at the points, (k, 1)."""
        moved = (self.points - self.problem.head).reshape(len(self.points), -1)
        sizes = norm(moved)[:, None]
        return self._measured(sizes, lambda: (moved.shape[1] + 4) * EPS * (sizes + self._largest * EPS))

    @cached_property
    def leftovers(self) -> Any:
        """h_i(W) − ⟨φ_i, W − W_0⟩ at the points, (k, n)."""
        moved = (self.points - self.problem.head).reshape(len(self.points), -1)
        heights = np.stack([self.problem.differences(point) for point in self.points])
        values = heights - moved @ self.features.T
        if self.problem.exact:
            return values
        sizes = np.linalg.norm(moved, axis=1)[:, None]
        slips = self._gradient_slips + (moved.shape[1] + 4) * EPS * self.problem.reach
        return bounded(values, self._ratio_slips + sizes * slips)

    @cached_property
    def turns(self) -> Any:
        """‖∇h_i(W) − ∇h_i(W_0)‖_F at the points, (k, n)."""
        problem = self.problem
        gradients = np.stack([problem.gradients(point).reshape(problem.n, -1) for point in self.points])
        sizes = norm(gradients - self.features)
        return self._measured(sizes, lambda: 2 * self._gradient_slips + gradients.shape[2] * EPS * sizes)

    # --- (b): one step ----------------------------------------------------------------------------------------------

    @cached_property
    def first_heights(self) -> NDArray[Any]:
        """h_i(W_1), raw, (n,)."""
        return self.problem.differences(self.heads[1])

    @property
    def _first_slips(self) -> Floats:
        slips: Floats = self._ratio_slips + self.problem.reach * self._path_error[1]
        return slips

    @cached_property
    def mean_margin(self) -> Any:
        """mean βh_i(W_1)."""
        value = self.problem.beta * self.first_heights.sum() / self.problem.n
        if self.problem.exact:
            return value
        slips = self._first_slips + self.problem.n * EPS * np.abs(self.first_heights)
        return bounded(value, self.problem.beta * np.mean(slips))

    @cached_property
    def loss_drop(self) -> Any:
        """log 2 − L(W_1) = mean [βh/2 − log cosh(βh/2)]."""
        halves = self.problem.beta * self.first_heights / 2
        value = (halves - log_cosh.numeric(halves)).sum() / self.problem.n
        if self.problem.exact:
            return value
        slips = self.problem.beta * self._first_slips + (self.problem.n + 24) * EPS * np.abs(halves)
        return bounded(value, np.mean(slips))

    @cached_property
    def squared_reach(self) -> Any:
        """mean (η|⟨φ_i, G⟩| + H_iη²‖G‖²/2)², G = −(β/2)φ̄."""
        problem = self.problem
        gradient = problem.beta * self.mean_feature / 2
        heights, size = self.features @ gradient, norm(gradient)
        if problem.exact:
            reaches = problem.eta * np.abs(heights) + problem.smoothness * problem.eta**2 * size * size / 2
            return (reaches * reaches).sum() / problem.n
        reaches = problem.eta * np.abs(heights) + problem.smoothness * problem.eta**2 * size**2 / 2
        slips = (self._gradient_slips + (len(gradient) + 8) * EPS * problem.reach) * size
        slips = problem.eta * (slips + problem.reach * problem.beta * self._mean_slip / 2)
        slips = slips + problem.smoothness * problem.eta**2 * size * problem.beta * self._mean_slip + 16 * EPS * reaches
        return bounded(np.mean(reaches**2), np.mean(slips * (2 * reaches + slips)) + 8 * EPS * np.mean(reaches**2))

    # --- (c): the run -----------------------------------------------------------------------------------------------

    @cached_property
    def deviation(self) -> Any:
        """‖W_t − W_0 − (ηβt/2)φ̄‖_F, (steps,)."""
        problem = self.problem
        moved = (self.heads[1:] - problem.head).reshape(len(self.t), -1)
        strength = problem.eta * problem.beta * self.t / 2
        sizes = norm(moved - strength[:, None] * self.mean_feature)
        if problem.exact:
            return sizes
        slips = strength * (self._mean_slip + 4 * EPS * float(norm(self.mean_feature)))
        return bounded(sizes, self._path_error[1:] + slips + 4 * EPS * self._largest + moved.shape[1] * EPS * sizes)


def step_size(problem: TokenHeadProblem, x: float) -> tuple[float, float]:
    """η at which ηT(a + cR) is `x` after the T steps of a problem, and R = ηβT‖φ̄‖, floats. Its own η is not read.

    η = 1 where all gradients are 0: then nothing moves.
    """
    remainder, beta, steps = Remainder(problem, problem.head[None]), float(problem.beta), problem.steps
    top = float(remainder.curvature.value)
    a = beta**2 * top / 4 + beta * float(remainder.mean_smoothness.value)  # LD-20c
    c = beta**2 * np.sqrt(top) * float(remainder.root_mean_square_smoothness.value) / 8
    pace = beta * float(remainder.mean_feature_size.value)  # R = ηT·pace
    if a == 0:
        return 1.0, steps * pace
    moved = 2 * x / (a + np.sqrt(a**2 + 4 * c * pace * x))  # ηT, the root of c·pace·(ηT)² + a·ηT = x
    return float(moved / steps), float(moved * pace)
