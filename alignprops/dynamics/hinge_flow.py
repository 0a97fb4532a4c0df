"""Gradient flow on the hinge loss, solved exactly where every sample lies on an axis (LD-23).

dW/dτ ∈ −∂L, so du/dτ = 2β mean_{m_i < 1} z_i until a margin reaches 1. With at most one non-zero coordinate a sample,
every coordinate of u is a flow of its own: it moves one way, slows at each kink |u_j| = 1/(β|z_ij|), and stays where
the samples that still pull no longer win.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.linear_algebra import norm
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FlowPath:
    """u(τ) at some times, measured: floats, no balls. `solved` tells whether the samples lie on the axes; else NaN."""

    problem: HeadProblem
    times: Floats
    values: Floats
    solved: bool

    @property
    def _errors(self) -> Floats:
        """Sums of n terms, divisions and kinks: n + 8 roundings at the length of the straight line, each doubled."""
        problem = self.problem
        line = 2 * float(problem.beta) * self.times * float(problem.weights @ problem.row_norms)
        return 2 * (problem.n + 8) * EPS * line

    @cached_property
    def entries(self) -> Any:
        """The coordinates of u(τ), (k, d)."""
        return bounded(self.values, self._errors[:, None])

    @cached_property
    def length(self) -> Any:
        """‖u(τ)‖, (k,)."""
        sizes = norm(self.values)
        return bounded(sizes, np.sqrt(self.problem.d) * self._errors + self.problem.d * EPS * sizes)

    @cached_property
    def deviation(self) -> Any:
        """‖u(τ) − 2βτz̄‖, (k,)."""
        problem = self.problem
        line = 2 * problem.beta * self.times
        sizes = norm(self.values - np.outer(line, problem.shift))
        slips = line * (problem.shift_rounding + 8 * EPS * float(norm(problem.shift)))
        return bounded(sizes, np.sqrt(problem.d) * self._errors + slips + problem.d * EPS * sizes)


def flow_path(problem: HeadProblem, times: Floats) -> FlowPath:
    """Solve the flow from u(0) = 0 and tell u at every time of `times` (k,)."""
    z, beta = problem.z, float(problem.beta)
    if (np.count_nonzero(z, axis=1) > 1).any():
        return FlowPath(problem, times, np.full((len(times), problem.d), np.nan), solved=False)
    rows = [[_position(z[:, j], problem.weights, beta, float(time)) for j in range(problem.d)] for time in times]
    return FlowPath(problem, times, np.array(rows), solved=True)


def _position(column: Floats, weights: Floats, beta: float, time: float) -> float:
    """One coordinate of u(τ): from kink to kink."""
    velocity = 2 * beta * float(weights @ column)
    ahead = np.sign(velocity)
    speed, position, left = abs(velocity), 0.0, time
    for at in np.argsort(-np.abs(column), kind="stable"):
        if ahead * column[at] <= 0:
            continue
        needed = (1 / (beta * abs(column[at])) - position) / speed
        if needed >= left:
            break
        position, left = position + speed * needed, left - needed
        speed -= 2 * beta * float(weights[at] * abs(column[at]))
        if speed <= 0:
            return float(ahead * position)
    return float(ahead * (position + speed * left))


def line_energy(problem: HeadProblem, times: Floats) -> Any:
    """∫₀^τ E(2βsz̄) ds = mean (c_iτ − 1)₊²/(2c_i) over c_i = 2β²⟨z̄, z_i⟩ > 0, measured: (k,)."""
    slopes = 2 * problem.beta**2 * (problem.z @ problem.shift)  # (n,)
    slip = (
        2
        * problem.beta**2
        * problem.row_norms
        * (problem.shift_rounding + (problem.d + 4) * EPS * float(np.linalg.norm(problem.shift)))
    )
    positive = slopes > 0
    safe = np.where(positive, slopes, 1.0)
    over = np.maximum(np.outer(times, slopes) - 1, 0)
    values = np.where(positive, over**2 / (2 * safe), 0.0) @ problem.weights
    # d/dc of (cτ − 1)²/(2c) is at most τ²/2; the difference cτ − 1 rounds at the size of cτ.
    own = 2 * over * np.outer(times, np.abs(slopes)) * EPS / safe + 8 * EPS * over**2 / safe
    errors = (np.outer(times**2, slip) / 2 + np.where(positive, own, 0.0)) @ problem.weights
    return bounded(values, errors + (problem.n + 3) * EPS * values)
