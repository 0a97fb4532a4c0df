"""A last-layer problem together with the head that training starts from: the policy's own answers (LD-19).

w0 = w0_{y+} − w0_{y−}. The policy prefers the right answer of sample i at step t if ⟨w0 + u_t, z_i⟩ > 0, where the
implicit reward only asks ⟨u_t, z_i⟩ > 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError
from alignprops.atoms import softplus
from alignprops.dynamics.known_errors import KnownRun
from alignprops.dynamics.linear_algebra import as_exact, norm
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, bounded


@dataclass(frozen=True, eq=False)
class StartingHead:
    """A problem, and w0 = w0_{y+} − w0_{y−} (d,) of the head that it starts from."""

    problem: HeadProblem
    start: NDArray[Any]

    @classmethod
    def of(cls, problem: HeadProblem, start: ArrayLike) -> StartingHead:
        """Build one from user input. Raises InputError where the head does not fit the features."""
        w0 = np.ascontiguousarray(start, dtype=np.float64)
        if w0.shape != (problem.d,) or not np.isfinite(w0).all():
            raise InputError(f"the head difference has shape {w0.shape}; expected ({problem.d},) finite numbers")
        return cls(problem, w0)

    # --- raw ------------------------------------------------------------------------------------------------------

    @cached_property
    def heights(self) -> NDArray[Any]:
        """⟨w0, z_i⟩, raw, (n,): positive where the policy is right before training."""
        return self.problem.z @ self.start  # type: ignore[no-any-return]

    @cached_property
    def heights_error(self) -> NDArray[np.float64]:
        """Bound on the error of the heights: d + 2 roundings at ‖w0‖‖z_i‖, (n,)."""
        problem = self.problem
        slips: NDArray[np.float64] = (problem.d + 2) * EPS * float(norm(self.start)) * problem.row_norms
        return slips

    # --- measured: the start --------------------------------------------------------------------------------------

    @cached_property
    def along_shift(self) -> Any:
        """⟨w0, z̄⟩."""
        problem = self.problem
        value = problem.shift @ self.start
        if problem.exact:
            return value
        size = float(norm(self.start))
        return bounded(value, size * (problem.shift_rounding + (problem.d + 2) * EPS * float(norm(problem.shift))))

    def wrong_share(self, thresholds: NDArray[Any]) -> Any:
        """Share of the samples with ⟨w0, z_i⟩ ≤ −a for every a of thresholds (k,); doubtful ones half ± half."""
        problem = self.problem
        sums = self.heights[:, None] + thresholds  # (n, k)
        if problem.exact:
            return problem.weights @ _at_most_0(sums)
        slack = self.heights_error[:, None] + EPS * np.abs(sums)
        wrong = problem.weights @ (sums < -slack)
        open_ = problem.weights @ (np.abs(sums) <= slack)
        return bounded(wrong + open_ / 2, open_ / 2 + (problem.n + 2) * EPS)

    @cached_property
    def smallest_reference_loss(self) -> Any:
        """min_i ℓ(−β⟨w0, z_i⟩): where it underflows, the bound that divides by it says nothing."""
        losses = self._reference_losses
        if self.problem.exact:
            least = losses[0]
            for loss in losses[1:]:
                least = least.min(loss)
            return least
        return bounded(losses.min(), losses.min() * float(self._reference_share.max()))

    @cached_property
    def _reference_losses(self) -> Any:
        return softplus.numeric(self.problem.beta * self.heights)  # ℓ(−a) = softplus(a)

    @cached_property
    def _reference_share(self) -> NDArray[np.float64]:
        """Bound on the relative error of the reference losses, (n,): softplus'/softplus ≤ 1, and its own roundings."""
        problem = self.problem
        slips: NDArray[np.float64] = problem.beta * self.heights_error + 2 * EPS * np.abs(problem.beta * self.heights)
        return np.expm1(slips) + 16 * EPS

    # --- measured: the run ----------------------------------------------------------------------------------------

    def policy(self, run: HeadRun) -> HeadRun:
        """The trajectory w0 + u_t: its accuracy is that of the policy, its heights are ⟨w0 + u_t, z_i⟩."""
        updates = run.updates + self.start
        if run.rounding is None:
            return HeadRun(self.problem, updates)
        return KnownRun(self.problem, updates, run.rounding.updates_error + EPS * norm(updates))

    def straight_policy(self) -> HeadRun:
        """w0 + ηβz̄, where one step leads: a trajectory of one step."""
        problem = self.problem
        first = self.start + problem.eta * problem.beta * problem.shift
        errors = problem.eta * problem.beta * (problem.shift_rounding + 3 * EPS * norm(problem.shift)) + EPS * norm(
            first
        )
        return KnownRun(problem, np.stack([self.start, first]), np.array([0.0, errors]) if not problem.exact else None)

    def relative_loss(self, run: HeadRun) -> Any:
        """mean_i ℓ(m_i(t))/ℓ(−β⟨w0, z_i⟩), t = 1 … steps: (steps,)."""  # LD-19b
        problem = self.problem
        losses = softplus.numeric(-run.raw_margins[1:])  # (steps, n)
        ratios = losses / self._reference_losses
        means = ratios @ problem.weights
        if run.rounding is None:
            return means
        # ℓ(m + e) ≤ ℓ(m)·exp(|e|): the logarithm of ℓ is 1-Lipschitz.
        share = np.expm1(run.rounding.margins_error[1:]) + self._reference_share + 16 * EPS
        grown = share * (1 + self._reference_share) / np.maximum(1 - self._reference_share, EPS)
        return bounded(means, (ratios * grown) @ problem.weights + (problem.n + 4) * EPS * means)

    @cached_property
    def thresholds(self) -> NDArray[Any]:
        """Values of a, exact, at which errors are counted: 0, ±¼, ±1, ±4, and those about one of the ⟨w0, z_i⟩."""
        multiples = np.array([0, 1, -1, 4, -4, 16, -16]) / 4
        some = float(self.heights[0].mid()) if self.problem.exact else float(self.heights[0])
        values = np.concatenate([multiples, np.array([1.0, -1.0, 0.5, -1 - 2.0**-10]) * some])
        return as_exact(values.tolist()) * (self.heights[0] * 0 + 1) if self.problem.exact else values


def _at_most_0(sums: NDArray[Any]) -> NDArray[Any]:
    """1[h ≤ 0] of balls: 1 or 0 where certain, else the ball [0, 1]."""
    out = np.empty(sums.shape, dtype=object)
    for index, h in np.ndenumerate(sums):
        nothing = h * 0
        out[index] = nothing + 1 if h <= 0 else nothing if h > 0 else nothing.union(nothing + 1)
    return out
