"""How far a float64 last-layer trajectory may be from the exact one: a forward error analysis.

One exact step F(u) = u − 2ηg(u) has a symmetric Jacobian between I − (ηβ²λ/2)I and I, so it stretches
distances by at most q = max(1, ηβ²λ/2 − 1); under (S4), η ≤ 4/(β²λ), it is non-expansive. Hence

    err(u_{t+1}) ≤ q·err(u_t) + local_t + eps‖u_{t+1}‖,
    local_t = 2ηβ·eps·[ (β/4)(d + 2)‖u_t‖·mean‖z_i‖² + (n + 12)·mean σ(−m_i)‖z_i‖ ]:

the margins round d + 2 times at size β‖z_i‖‖u_t‖ and σ is ¼-Lipschitz; weights, σ, the sum of n terms and the
factors round n + 12 times. eps is twice the unit roundoff: second-order terms are covered. Each function below
states what it adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import sigmoid
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrajectoryRounding:
    """Error bounds of the trajectory `updates` (steps+1, d) with `margins` (steps+1, n), all float64."""

    problem: HeadProblem
    updates: Floats
    margins: Floats

    @cached_property
    def sizes(self) -> Floats:
        """‖u_t‖, (steps+1,)."""
        return np.linalg.norm(self.updates, axis=1)  # type: ignore[no-any-return]

    @cached_property
    def mean_square(self) -> float:
        """mean‖z_i‖²."""
        return float(self.problem.weights @ self.problem.row_norms**2)

    @cached_property
    def strength(self) -> float:
        """ηβ²λ/2, the Lipschitz constant of u ↦ 2η∇E(u) and of u ↦ 2ηg(u)."""
        return float(self.problem.eta * self.problem.beta**2 * self.problem.curvature_upper / 2)

    @cached_property
    def local(self) -> Floats:
        """Rounding of the increment u_{t+1} − u_t when u_t is taken as exact, t = 0 … steps−1."""
        n, d, eta, beta = self.problem.n, self.problem.d, self.problem.eta, self.problem.beta
        pull = sigmoid.numeric(-self.margins[:-1]) @ (self.problem.weights * self.problem.row_norms)
        turned = beta / 4 * (d + 2) * self.sizes[:-1] * self.mean_square
        return 2 * eta * beta * EPS * (turned + (n + 12) * pull)  # type: ignore[no-any-return]

    @cached_property
    def updates_error(self) -> Floats:
        """Bound on ‖computed u_t − u_t‖, t = 0 … steps."""
        stretch = max(1.0, self.strength - 1)
        errors = [0.0]
        for local, size in zip(self.local, self.sizes[1:], strict=True):
            errors.append(stretch * errors[-1] + float(local) + EPS * float(size))
        return np.array(errors)

    @cached_property
    def differences_error(self) -> Floats:
        """Bound on the error of u_t − u_{t−1} (it cancels), t = 1 … steps."""
        errors = self.updates_error
        return errors[1:] + errors[:-1] + EPS * (self.sizes[1:] + self.sizes[:-1])

    @cached_property
    def deviations_error(self) -> Floats:
        """Bound on the error of D_t = u_t − ηβtz̄ (it cancels): of u_t, of z̄, four roundings at the size of either."""
        problem = self.problem
        line = problem.eta * problem.beta * np.arange(len(self.updates))
        size = float(np.linalg.norm(problem.shift))
        errors: Floats = self.updates_error + line * (problem.shift_rounding + 4 * EPS * size) + EPS * self.sizes
        return errors

    @cached_property
    def heights_error(self) -> Floats:
        """Bound on the error of h_i(t) = ⟨u_t, z_i⟩, (steps+1, n): the error of u_t, and d + 2 roundings."""
        slips: Floats = self.updates_error + (self.problem.d + 2) * EPS * self.sizes
        return np.outer(slips, self.problem.row_norms)

    @cached_property
    def margins_error(self) -> Floats:
        """Bound on the error of m_i(t), (steps+1, n)."""
        return self.problem.beta * self.heights_error + 2 * EPS * np.abs(self.margins)  # type: ignore[no-any-return]

    def along_error(self, size: float, rounding: float = 0.0) -> Floats:
        """Bound on the error of ⟨u_t, v⟩, (steps+1,), for ‖v‖ = `size`, v within `rounding` of the vector meant."""
        return self.updates_error * (size + rounding) + self.sizes * (rounding + (self.problem.d + 2) * EPS * size)
