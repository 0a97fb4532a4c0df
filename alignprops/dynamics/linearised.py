"""A policy linearised at its reference, trained by autograd, beside the last-layer run of the dictionary (LD-15)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import log_cosh
from alignprops.dynamics.linear_algebra import norm_rounding
from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, bounded

#: Roundings on the longest path through a small network and back.
NETWORK_ROUNDINGS = 4096


@dataclass(frozen=True, eq=False)
class LinearisedRun:
    """θ_t − θ_ref (steps+1, p) by autograd, and the head's run on z_i := ∇h_i, η := η/2.

    Both start from the same gradients, so that only the iteration is compared: their rounding is that of the run,
    twice, the autograd one with its own order of summation.
    """

    changes: NDArray[np.float64]
    run: HeadRun
    gradient_size: float

    @property
    def _errors(self) -> NDArray[np.float64]:
        assert self.run.rounding is not None
        return 2 * self.run.rounding.updates_error[1:]

    @cached_property
    def entries(self) -> Any:
        """The coordinates of θ_t − θ_ref, (steps, p)."""
        return bounded(self.changes[1:], self._errors[:, None])

    @cached_property
    def change(self) -> Any:
        """‖θ_t − θ_ref‖, (steps,)."""
        values = np.linalg.norm(self.changes[1:], axis=1)
        return bounded(values, self._errors + norm_rounding(self.run.problem.d) * values)

    @cached_property
    def loss_drop(self) -> Any:
        """log 2 − L of the linearised model on its own trajectory, (steps,)."""
        problem, drop = self.run.problem, self.run.loss_drop
        halves = problem.beta * (self.changes[1:] @ problem.z.T) / 2  # (steps, n)
        values = (halves - log_cosh.numeric(halves)) @ problem.weights
        # As far from the head's own as their trajectories may be apart; the mean margin is the mean of Lipschitz terms.
        apart = problem.beta * self._errors * float(problem.weights @ problem.row_norms)
        return bounded(values, drop.error + apart)

    @cached_property
    def initial_gradient(self) -> Any:
        """‖∇L(θ_ref)‖ of the policy itself, by reverse mode."""
        spread = float(self.run.problem.weights @ self.run.problem.row_norms)
        return bounded(self.gradient_size, NETWORK_ROUNDINGS * EPS * self.run.problem.beta / 2 * spread)
