"""A last-layer training run and its measured quantities, one array over t = 1 … steps each.

Floats come as `Bounded`, with the error bounds of rounding.py; balls come as they are. Only `updates` and
`raw_margins` (both from t = 0) are raw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import log_cosh, softplus, tanhc
from alignprops.dynamics.linear_algebra import norm, norm_rounding, square_root
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.rounding import TrajectoryRounding
from alignprops.measured import EPS, bounded


@dataclass(frozen=True, eq=False)
class HeadRun:
    """The trajectory u_0 … u_T of a problem, `updates` (steps+1, d)."""

    problem: HeadProblem
    updates: NDArray[Any]

    @property
    def t(self) -> NDArray[np.int64]:
        """Step numbers 1 … steps."""
        return np.arange(1, len(self.updates))

    @cached_property
    def raw_margins(self) -> NDArray[Any]:
        """Raw m_i(t) = β⟨u_t, z_i⟩, t = 0 … steps: (steps+1, n)."""
        return self.problem.beta * (self.updates @ self.problem.z.T)  # type: ignore[no-any-return]

    @cached_property
    def rounding(self) -> TrajectoryRounding | None:
        """The error analysis; None for balls, which carry their radius."""
        return None if self.problem.exact else TrajectoryRounding(self.problem, self.updates, self.raw_margins)

    @cached_property
    def _sqrt2(self) -> Any:
        return square_root(self.problem.beta * 0 + 2)

    @cached_property
    def entries(self) -> Any:
        """The coordinates of u_t, (steps, d)."""
        values = self.updates[1:]
        return values if self.rounding is None else bounded(values, self.rounding.updates_error[1:, None])

    # --- the size of the update ---------------------------------------------------------------------------

    @cached_property
    def update_norm(self) -> Any:
        """‖u_t‖."""
        sizes = norm(self.updates[1:])
        if self.rounding is None:
            return sizes
        return bounded(sizes, self.rounding.updates_error[1:] + norm_rounding(self.problem.d) * sizes)

    @cached_property
    def head_change(self) -> Any:
        """‖W_t − W_0‖_F = ‖u_t‖/√2."""  # LD-1
        return self._over_sqrt2(norm(self.updates[1:]), "updates_error")

    @cached_property
    def step_change(self) -> Any:
        """‖W_t − W_{t−1}‖_F, from the trajectory as it is."""
        return self._over_sqrt2(norm(self.updates[1:] - self.updates[:-1]), "differences_error")

    def _over_sqrt2(self, sizes: Any, error: str) -> Any:
        values = sizes / self._sqrt2
        if self.rounding is None:
            return values
        errors = getattr(self.rounding, error)[-len(values) :]
        return bounded(values, errors / self._sqrt2 + (norm_rounding(self.problem.d) + 2 * EPS) * values)

    # --- its direction ------------------------------------------------------------------------------------

    def along(self, v: NDArray[Any], rounding: float = 0.0) -> Any:
        """⟨u_t, v⟩ for a raw v (d,); `rounding` bounds ‖v − the vector meant‖."""
        values = self.updates[1:] @ v
        if self.rounding is None:
            return values
        return bounded(values, self.rounding.along_error(float(norm(v)), rounding)[1:])

    @cached_property
    def along_shift(self) -> Any:
        """⟨u_t, z̄⟩."""
        return self.along(self.problem.shift, self.problem.shift_rounding)

    def along_each(self, vs: NDArray[Any]) -> Any:
        """⟨u_t, v⟩ for every row of vs (k, d), taken as exact: (steps, k)."""
        values = self.updates[1:] @ vs.T
        if self.rounding is None:
            return values
        sizes = norm(vs)
        errors = [self.rounding.along_error(size) for size in sizes]
        return bounded(values, np.stack(errors, axis=1)[1:])

    @cached_property
    def increments(self) -> Any:
        """u_t − u_{t−1}, (steps, d)."""
        values = self.updates[1:] - self.updates[:-1]
        return values if self.rounding is None else bounded(values, self.rounding.differences_error[:, None])

    @cached_property
    def initial_gradient_norm(self) -> Any:
        """‖∇_W L(W_0)‖_F = ‖W_1 − W_0‖_F/η."""  # LD-3
        first, eta = self.head_change[:1], self.problem.eta
        if self.rounding is None:
            return first / eta
        return bounded(first.value / eta, first.error / eta + EPS * first.value / eta)

    @cached_property
    def drags(self) -> Any:
        """mean χ(m_i) m_i z_i at t = 0 … steps − 1, (steps, d); χ(m)·m = ½ tanh(m/2)."""  # LD-2
        problem, margins = self.problem, self.raw_margins[:-1]
        strengths = tanhc.numeric(margins / 2) * margins / 4  # (steps, n)
        values = (strengths * problem.weights) @ problem.z
        if self.rounding is None:
            return values
        # χ(m)·m is ¼-Lipschitz in m; n + 12 roundings of the sum.
        weights = problem.weights * problem.row_norms
        errors = self.rounding.margins_error[:-1] @ weights / 4 + (problem.n + 12) * EPS * (np.abs(strengths) @ weights)
        return bounded(values, errors[:, None])

    @cached_property
    def drag_along(self) -> Any:
        """u_tᵀA(u_t)u_t = mean χ(m_i) h_i² at t = 1 … steps, (steps,)."""  # LD-2
        problem, margins = self.problem, self.raw_margins[1:]
        strengths = tanhc.numeric(margins / 2) / 4
        heights = self.updates[1:] @ problem.z.T
        values = (strengths * heights * heights) @ problem.weights
        if self.rounding is None:
            return values
        # χ h² moves by at most |h|/2 per unit of h (χ ≤ ¼, and m²|χ'| ≤ mχ).
        slips = self.rounding.heights_error[1:]
        errors = ((np.abs(heights) + slips) * slips) @ problem.weights
        return bounded(values, errors + (problem.n + 12) * EPS * values)

    @cached_property
    def cosine(self) -> Any:
        """The cosine of ∠(u_t, z̄); NaN where u_t or z̄ is 0."""
        shift = self.problem.shift
        values = self.updates[1:] @ shift
        sizes, size = norm(self.updates[1:]), norm(shift)
        if self.rounding is None:
            return values / (sizes * size)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = values / (sizes * size)
            # Moving a vector by a turns its direction by at most 2a/‖·‖; the product rounds as `along` does.
            turned = 2 * (self.rounding.updates_error[1:] / sizes + self.problem.shift_rounding / size)
            errors = np.minimum(turned + (2 * self.problem.d + 8) * EPS, 2.0)
        return bounded(values, errors)

    @cached_property
    def deviation(self) -> Any:
        """‖D_t‖ = ‖u_t − ηβ t z̄‖, from the trajectory as it is."""  # LD-5
        sizes = norm(self.deviation_vectors)
        if self.rounding is None:
            return sizes
        return bounded(sizes, self.rounding.deviations_error[1:] + norm_rounding(self.problem.d) * sizes)

    @cached_property
    def deviation_vectors(self) -> NDArray[Any]:
        """D_t, raw, t = 1 … steps: (steps, d)."""
        problem = self.problem
        return self.updates[1:] - problem.eta * problem.beta * self.t[:, None] * problem.shift  # type: ignore[no-any-return]

    def deviation_along(self, v: NDArray[Any], rounding: float = 0.0) -> Any:
        """⟨D_t, v⟩ for a raw v (d,); `rounding` bounds ‖v − the vector meant‖."""
        values = self.deviation_vectors @ v
        if self.rounding is None:
            return values
        size = float(norm(v))
        errors = self.rounding.deviations_error[1:] * (size + rounding)
        slips = norm(self.deviation_vectors) * (rounding + (self.problem.d + 2) * EPS * size)
        return bounded(values, errors + slips)

    @cached_property
    def shortfall(self) -> Any:
        """ηβt‖z̄‖² − ⟨u_t, z̄⟩ = −⟨D_t, z̄⟩."""  # LD-5
        value = self.deviation_along(self.problem.shift, self.problem.shift_rounding)
        return -value if self.rounding is None else bounded(-value.value, value.error)

    @cached_property
    def straight_energy(self) -> Any:
        """Σ_{s<t} mean log cosh(ηβ²s⟨z̄,z_i⟩/2): what the straight line costs, from the data alone."""  # LD-5d
        problem = self.problem
        heights = problem.z @ problem.shift  # (n,)
        strength = problem.eta * problem.beta * problem.beta
        halves = strength * (self.t - 1)[:, None] * heights / 2  # (steps, n)
        terms = log_cosh.numeric(halves) @ problem.weights
        sums = np.cumsum(terms)
        if self.rounding is None:
            return sums
        # log cosh is 1-Lipschitz; the heights are off by ‖z_i‖·(‖slip‖ + (d + 6) roundings at ‖z̄‖).
        slip = problem.shift_rounding + (problem.d + 6) * EPS * float(norm(problem.shift))
        errors = strength * (self.t - 1) / 2 * float(problem.weights @ problem.row_norms) * slip
        return bounded(sums, np.cumsum(errors) + (problem.n + len(self.updates) + 8) * EPS * sums)

    # --- loss and accuracy --------------------------------------------------------------------------------

    @cached_property
    def loss(self) -> Any:
        """L(u_t) = mean log(1 + e^{−m_i})."""
        return self._mean_over_samples(softplus.numeric(-self.raw_margins[1:]))

    @cached_property
    def loss_drop(self) -> Any:
        """The drop log 2 − L(u_t) = mean [m_i/2 − log cosh(m_i/2)], without the cancellation of a difference."""
        halves = self.raw_margins[1:] / 2
        return self._mean_over_samples(halves - log_cosh.numeric(halves), np.abs(halves))

    def _mean_over_samples(self, values: Any, moduli: Any = 0) -> Any:
        """Mean of functions of the margins that are 1-Lipschitz; `moduli` are the sizes they were computed from."""
        means = values @ self.problem.weights
        if self.rounding is None:
            return means
        sizes = (np.abs(values) + 2 * moduli) @ self.problem.weights
        # log1p, exp, log and a sum of n terms: n + 10 roundings at those sizes; an underflow loses 1e-323 at most.
        errors = self.rounding.margins_error[1:] @ self.problem.weights + (self.problem.n + 10) * EPS * sizes
        return bounded(means, errors)

    @cached_property
    def accuracy(self) -> Any:
        """Share of h_i > 0, a tie being an error; samples whose sign rounding hides count as half ± half."""
        heights = self.updates[1:] @ self.problem.z.T  # (steps, n)
        if self.rounding is None:
            return certain_wins(heights) @ self.problem.weights
        slack = self.rounding.heights_error[1:]
        won = (heights > slack) @ self.problem.weights
        open_ = ((np.abs(heights) <= slack) & (slack > 0)) @ self.problem.weights
        return bounded(won + open_ / 2, open_ / 2 + (self.problem.n + 2) * EPS)

    @cached_property
    def second_moment(self) -> Any:
        """The second moment u_tᵀMu_t = mean h_i²."""
        return self._mean_of_squares(self.updates[1:] @ self.problem.z.T)

    @cached_property
    def winning_second_moment(self) -> Any:
        """The mean (h_i⁺)²."""
        return self._mean_of_squares(_positive_part(self.updates[1:] @ self.problem.z.T))

    @cached_property
    def winning_height(self) -> Any:
        """The mean h_i⁺."""
        heights = _positive_part(self.updates[1:] @ self.problem.z.T)
        means = heights @ self.problem.weights
        if self.rounding is None:
            return means
        errors = self.rounding.heights_error[1:] @ self.problem.weights + (self.problem.n + 4) * EPS * means
        return bounded(means, errors)

    def _mean_of_squares(self, heights: Any) -> Any:
        means = (heights * heights) @ self.problem.weights
        if self.rounding is None:
            return means
        slips = self.rounding.heights_error[1:]
        errors = (2 * np.abs(heights) * slips + slips * slips) @ self.problem.weights
        return bounded(means, errors + (self.problem.n + 4) * EPS * means)

    # --- margins ------------------------------------------------------------------------------------------

    @cached_property
    def margins(self) -> Any:
        """The margins m_i(t), (steps, n)."""
        values = self.raw_margins[1:]
        return values if self.rounding is None else bounded(values, self.rounding.margins_error[1:])

    @cached_property
    def behaviour_margins(self) -> Any:
        """Mean margin of every behaviour, (steps, K)."""
        sharing = self._sharing
        values = self.raw_margins[1:] @ sharing
        if self.rounding is None:
            return values
        errors = self.rounding.margins_error[1:] + (self.problem.n + 3) * EPS * np.abs(self.raw_margins[1:])
        return bounded(values, errors @ sharing)

    @cached_property
    def _sharing(self) -> NDArray[Any]:
        """Weight of sample i within behaviour k, (n, K)."""
        problem = self.problem
        belongs = problem.behaviours[:, None] == np.arange(problem.behaviour_count)
        many = problem.counts[:, None] * belongs
        if problem.exact:
            one = problem.features[0, 0] * 0 + 1
            return many.astype(object) * one / many.sum(axis=0).astype(object)  # type: ignore[no-any-return]
        return many / many.sum(axis=0)  # type: ignore[no-any-return]

    # --- the full head ------------------------------------------------------------------------------------

    def heads(self, vocabulary: int, yes: int, no: int) -> NDArray[Any]:
        """W_t − W_0 = ½ (e_yes − e_no) ⊗ u_t, raw, (steps+1, V, d)."""  # LD-1
        heads = np.stack([self.updates * 0] * vocabulary, axis=1)
        heads[:, yes] = self.updates / 2
        heads[:, no] = -self.updates / 2
        return heads


def certain_wins(heights: NDArray[Any]) -> NDArray[Any]:
    """1[h > 0] of balls: 1 or 0 where certain, else the ball [0, 1]."""
    out = np.empty(heights.shape, dtype=object)
    for index, h in np.ndenumerate(heights):
        nothing = h * 0
        out[index] = nothing + 1 if h > 0 else nothing if h <= 0 else nothing.union(nothing + 1)
    return out


def _positive_part(heights: Any) -> Any:
    if heights.dtype != object:
        return np.maximum(heights, 0)
    out = np.empty(heights.shape, dtype=object)
    for index, h in np.ndenumerate(heights):
        out[index] = h.nonnegative_part()
    return out
