"""Gradient descent on the head with decoupled weight decay, towards 0 or towards the head it starts from (LD-18c).

W ← W − η∇L(W) − ηω(W − W*), W* = 0 or W_0. In u: u_{t+1} = (1 − ηω)u_t − 2ηg(u_t) − ηω·w0, without the last term where
the decay is towards W_0. The step's Jacobian lies between 1 − ηω − ηβ²λ/2 and 1 − ηω: errors are damped or kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError
from alignprops.dynamics.known_errors import KnownRun
from alignprops.dynamics.last_layer import descend
from alignprops.dynamics.linear_algebra import norm
from alignprops.dynamics.rounding import TrajectoryRounding
from alignprops.dynamics.starting_head import StartingHead
from alignprops.measured import EPS, bounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DecayProblem:
    """A problem with the head that it starts from, the decay ω ≥ 0, and whether it pulls towards that head, not 0."""

    head: StartingHead
    decay: Any
    towards_start: bool = False

    @classmethod
    def of(cls, head: StartingHead, *, decay: float, towards_start: bool = False) -> DecayProblem:
        """Build one from user input. Raises InputError where it makes no sense."""
        if not (np.isfinite(decay) and decay > 0):
            raise InputError(f"decay is {decay!r}; expected a positive number")
        return cls(head, float(decay), towards_start)

    @property
    def to_the_start(self) -> DecayProblem:
        """The same with the decay towards W_0."""
        return replace(self, towards_start=True)

    # --- measured ---------------------------------------------------------------------------------------------------

    @cached_property
    def drive_norm(self) -> Any:
        """‖z̄ − (ω/β)w0‖, what drives the run where the decay is towards 0."""
        problem, pull = self.head.problem, self.decay / self.head.problem.beta
        drive = problem.shift - pull * self.head.start
        if problem.exact:
            return norm(drive)
        sizes = float(norm(problem.shift)) + pull * float(norm(self.head.start))
        return problem.norm_of(drive, problem.shift_rounding + 3 * EPS * sizes)

    @cached_property
    def kept(self) -> Any:
        """Σ_{s<t} (1 − ηω)^s, t = 1 … steps, (steps,)."""
        problem = self.head.problem
        share = 1 - problem.eta * self.decay
        powers = [share * 0 + 1]
        for _ in range(problem.steps - 1):
            powers.append(powers[-1] * share)
        sums = np.cumsum(np.array(powers))
        if problem.exact:
            return sums
        # 1 − ηω is off by 2 eps, its power s by 3s eps, for a share within [0, 1].
        return bounded(sums, 3 * EPS * problem.t**2)

    def errors(self, updates: NDArray[Any]) -> Floats:
        """Bounds on ‖computed u_t − u_t‖ of a decayed run, (steps+1,): rounding.py's, with the decay's own."""
        problem = self.head.problem
        margins = problem.beta * (updates @ problem.z.T)
        plain = TrajectoryRounding(problem, updates, margins)
        damping = problem.eta * self.decay
        stretch = max(1.0, abs(1 - damping - plain.strength), abs(1 - damping))
        sizes = plain.sizes
        own = 6 * EPS * (sizes[1:] + sizes[:-1] + damping * (sizes[:-1] + float(norm(self.head.start))))
        errors = [0.0]
        for local, rounding in zip(plain.local, own, strict=True):
            errors.append(stretch * errors[-1] + float(local + rounding))
        return np.array(errors)

    def run(self, updates: NDArray[Any]) -> KnownRun:
        """A trajectory (steps+1, d) as a run, with its rounding."""
        problem = self.head.problem
        return KnownRun(problem, updates, None if problem.exact else self.errors(updates))

    @property
    def start_entries(self) -> Any:
        """The coordinates of w0, (d,)."""
        return self.head.start if self.head.problem.exact else bounded(self.head.start, 0.0)


def train(problem: DecayProblem) -> NDArray[Any]:
    """The trajectory u_0 … u_T, (steps+1, d); the reference engine."""
    head = problem.head.problem
    target = problem.head.start * 0 if problem.towards_start else problem.head.start
    updates = [head.z[0] * 0]
    for _ in range(head.steps):
        u = updates[-1]
        stepped = descend(u, head.z, head.weights, eta=head.eta, beta=head.beta)
        updates.append(stepped - head.eta * problem.decay * (target + u))
    return np.stack(updates)
