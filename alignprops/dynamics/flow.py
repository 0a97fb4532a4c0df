"""Gradient flow of the last layer, dW/dτ = −∇L, integrated with a rigorous error bound (LD-17).

In u: u' = F(u) = −2g(u) = 2β mean σ(−m_i) z_i, u(0) = 0; τ = ηt stands for the time of step t. The second-order Taylor
step u + hF + (h²/2)·JF, J = −2β² mean σ'(m_i) z_i z_iᵀ, misses the flow that starts at u by at most

    (h³/6)·( ℓ²‖F(u)‖ + 2β³c₃·min(Rλ, mean‖z_i‖³)·‖F(u)‖² ),   ℓ = β²λ/2, R = max‖z_i‖, c₃ = max|σ''| = 1/(6√3),

the bound on ‖u'''‖ = ‖J²F + F''[F, F]‖ there: ‖F‖ does not grow along the flow, because J is negative semi-definite.
For the same reason the flow is non-expansive, so that the errors of the steps add up. Each step adds its rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import log_cosh, sigmoid
from alignprops.dynamics.known_errors import KnownRun
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded

Floats = NDArray[np.float64]

#: c₃, rounded up.
SIGMOID_CURVATURE = 0.0962251
#: Substeps for each t: as many as keep h·ℓ at 1/FINENESS, at least the first, at most the second number in all.
FINENESS, FEWEST, MOST = 32, 4, 512
#: The same where a substep costs more than this many products.
LARGE, MOST_IF_LARGE = 2**18, 96


@dataclass(frozen=True, eq=False)
class FlowBound:
    """Constants of the error analysis of one problem, all floats that are not exceeded."""

    problem: HeadProblem

    @cached_property
    def stiffness(self) -> float:
        """ℓ = β²λ/2, the Lipschitz constant of F."""
        return float(self.problem.beta**2 * self.problem.curvature_upper / 2)

    @cached_property
    def bend(self) -> float:
        """2β³c₃·min(Rλ, mean‖z_i‖³): ‖F''[F, F]‖ is at most this times ‖F‖²."""
        sizes = self.problem.row_norms
        cubes = min(float(sizes.max()) * self.problem.curvature_upper, float(self.problem.weights @ sizes**3))
        return float(2 * self.problem.beta**3 * SIGMOID_CURVATURE * cubes)

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean ‖z_i‖ and mean ‖z_i‖²."""
        weights, sizes = self.problem.weights, self.problem.row_norms
        return float(weights @ sizes), float(weights @ sizes**2)

    @property
    def substeps(self) -> int:
        """Substeps for each of the problem's steps."""
        problem = self.problem
        most = MOST_IF_LARGE if problem.n * problem.d > LARGE else MOST
        wanted = np.ceil(FINENESS * problem.eta * self.stiffness)
        return int(np.clip(wanted, FEWEST, max(most // problem.steps, FEWEST)))

    def step_error(self, h: float, size: float, field: float, moved: float) -> float:
        """Error of one substep from u of norm `size`, with ‖F(u)‖ = `field`, to a u of norm `moved`."""
        n, d, beta = self.problem.n, self.problem.d, self.problem.beta
        first, second = self.moments
        roundings = n + d + 24
        truncation = h**3 / 6 * (self.stiffness**2 * field + self.bend * field**2) * (1 + 1e-6)
        # F: margins round d + 2 times at β‖z‖‖u‖, σ is ¼-Lipschitz, the mean rounds n + 12 times.
        of_field = 2 * beta * EPS * (beta / 4 * (d + 2) * size * second + roundings * first)
        # JF: heights of F and of its error, σ' ≤ ¼; σ' itself is off by c₃ times the margin's rounding.
        of_bend = 2 * beta**2 * second * (of_field / 4 + field * EPS * (roundings / 4 + SIGMOID_CURVATURE * 4))
        of_bend += self.bend * 2 * EPS * (d + 2) * size * field
        return float(truncation + h * of_field + h**2 / 2 * of_bend + 4 * EPS * (moved + size))


def flow(problem: HeadProblem) -> KnownRun:
    """u(τ) at τ = ηt, t = 0 … steps, with its error bounds; the reference integrator. Floats only."""
    bound = FlowBound(problem)
    z, weights, beta = problem.z, problem.weights, float(problem.beta)
    substeps = bound.substeps
    h = float(problem.eta) / substeps
    u, error = z[0] * 0, 0.0
    updates, errors = [u], [error]
    for _ in range(problem.steps):
        for _ in range(substeps):
            falling = sigmoid.numeric(-beta * (z @ u))  # (n,)
            field = 2 * beta * ((weights * falling) @ z)
            slopes = weights * falling * (1 - falling)
            turned = -2 * beta**2 * ((slopes * (z @ field)) @ z)
            after = u + h * field + h**2 / 2 * turned
            sizes = (float(np.linalg.norm(part)) for part in (u, field, after))
            error += bound.step_error(h, *sizes)
            u = after
        updates.append(u)
        errors.append(error)
    return KnownRun(problem, np.stack(updates), np.array(errors) * (1 + 1e-9))


def energy_integral(problem: HeadProblem, panels: int = 64) -> Any:
    """∫₀^τ E(βsz̄) ds at τ = ηt, t = 1 … steps: (steps,), E(u) = mean log cosh(β⟨u, z_i⟩/2).

    E is convex along the line: the midpoint rule is below the integral, the trapezoid rule above it. The value is
    Simpson's, between the two; the error bound is the distance to the farther one.
    """
    heights = problem.z @ problem.shift  # (n,)
    strength = float(problem.beta) ** 2 / 2

    def energy(times: Floats) -> Floats:
        return log_cosh.numeric(strength * np.multiply.outer(times, heights)) @ problem.weights  # type: ignore[no-any-return]

    ends = float(problem.eta) * problem.t  # (steps,)
    width = ends / panels
    at_ends = energy(np.outer(np.arange(panels + 1) / panels, ends))  # (panels + 1, steps)
    below = width * energy(np.outer((np.arange(panels) + 0.5) / panels, ends)).sum(axis=0)
    above = width * (at_ends.sum(axis=0) - (at_ends[0] + at_ends[-1]) / 2)
    # log cosh is 1-Lipschitz; the heights are off by ‖z_i‖·(‖slip‖ + (d + 6) roundings at ‖z̄‖).
    slip = problem.shift_rounding + (problem.d + 6) * EPS * float(np.linalg.norm(problem.shift))
    rounding = strength * ends**2 / 2 * float(problem.weights @ problem.row_norms) * slip
    rounding = rounding + (problem.n + panels + 16) * EPS * above
    return bounded((2 * below + above) / 3, 2 * np.abs(above - below) / 3 + rounding)
