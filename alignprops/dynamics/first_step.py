"""The first SGD step of any differentiable policy, followed along its way θ(s) = θ_ref − s·G, 0 ≤ s ≤ η (LD-15).

The mean margin and the fall of the loss are predicted to first order, 2s‖G‖² and s‖G‖². What the prediction leaves
over is the integral of how far the slopes have moved, so where a slope moves along a straight line up to a share w,
the remainder at η and at η/2 is known up to that share too, and shrinks quadratically. The slopes are measured at five
points of the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

from alignprops.measured import EPS, bounded

if TYPE_CHECKING:
    from alignprops.dynamics.policies import Policy

#: Where on the way the slopes are measured, as shares of η.
POINTS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class FirstStep:
    """The step of size η that a policy takes along its own gradient G, and the half step."""

    policy: Policy
    eta: float

    # --- the mean margin ----------------------------------------------------------------------------------------------

    @cached_property
    def margins(self) -> Any:
        """mean_i βh_i after the half and the whole step, (2,)."""
        return bounded(self._at(self._mean_margin), self._margin_noise)

    @cached_property
    def margin_bend(self) -> Any:
        """How fast the slope of the mean margin moves: (f'(η) − f'(0))/η."""
        return self._bend(self._margin_slopes)

    @cached_property
    def margin_wobble(self) -> float:
        """How far that slope is off a straight line, as a share of how far it has moved; inf if it does not move."""
        return _wobble(self._margin_slopes)

    @property
    def measured_margin_wobble(self) -> Any:
        """The same with a bound on its rounding."""
        return self._measured_wobble(self._margin_slopes)

    # --- the loss -----------------------------------------------------------------------------------------------------

    @cached_property
    def drops(self) -> Any:
        """L(θ_ref) − L after the half and the whole step, (2,)."""
        start = float(self.policy.loss(self.policy.reference))
        return bounded(start - self._at(self.policy.loss), self._margin_noise + 4 * EPS * abs(start))

    @cached_property
    def drop_bend(self) -> Any:
        """How fast the slope of the fall of the loss moves: (f'(η) − f'(0))/η."""
        return self._bend(self._drop_slopes)

    @cached_property
    def drop_wobble(self) -> float:
        """As `margin_wobble`, of the loss."""
        return _wobble(self._drop_slopes)

    @property
    def measured_drop_wobble(self) -> Any:
        """The same with a bound on its rounding."""
        return self._measured_wobble(self._drop_slopes)

    # --- how it is measured -------------------------------------------------------------------------------------------

    def _at(self, quantity: Callable[[Tensor], Tensor]) -> NDArray[np.float64]:
        policy = self.policy
        with torch.no_grad():
            found = [float(quantity(policy.reference - s * policy.gradient)) for s in (self.eta / 2, self.eta)]
        return np.array(found)

    def _mean_margin(self, theta: Tensor) -> Tensor:
        return self.policy.problem.beta * self.policy.log_ratio_differences(theta).mean()

    @property
    def _margin_slopes(self) -> NDArray[np.float64]:
        """d(mean margin)/ds = −⟨∇(mean margin), G⟩ at `POINTS`."""
        return np.asarray(self._slopes[0])

    @property
    def _drop_slopes(self) -> NDArray[np.float64]:
        """d(fall of the loss)/ds = ⟨∇L, G⟩ at `POINTS`."""
        return np.asarray(self._slopes[1])

    @cached_property
    def _slopes(self) -> NDArray[np.float64]:
        """Both slopes, (2, 5), from one forward pass at each point."""
        policy, found = self.policy, []
        for share in POINTS:
            theta = (policy.reference - share * self.eta * policy.gradient).detach().requires_grad_()
            margins = policy.problem.beta * policy.log_ratio_differences(theta)
            (of_margin,) = torch.autograd.grad(margins.mean(), theta, retain_graph=True)
            (of_loss,) = torch.autograd.grad(-logsigmoid(margins).mean(), theta)
            found.append((-float(of_margin @ policy.gradient), float(of_loss @ policy.gradient)))
        return np.array(found).T

    def _bend(self, slopes: NDArray[np.float64]) -> Any:
        return bounded((slopes[-1] - slopes[0]) / self.eta, self._slip(slopes) / self.eta)

    def _slip(self, slopes: NDArray[np.float64]) -> float:
        """Rounding of the difference of two slopes."""
        return 2 * self.policy.roundings * EPS * float(np.abs(slopes).max())

    def _measured_wobble(self, slopes: NDArray[np.float64]) -> Any:
        """With the rounding of the quotients that it is the largest of: of two differences, at the smallest share."""
        wobble = _wobble(slopes)
        if not np.isfinite(wobble):
            return wobble
        moved = abs(float(slopes[-1] - slopes[0]))
        return bounded(wobble, self._slip(slopes) / moved * (1 / POINTS[1] + 1 + wobble))

    @cached_property
    def _margin_noise(self) -> float:
        """Rounding of a mean margin: of the log-probabilities that it is the difference of."""
        policy = self.policy
        with torch.no_grad():
            moduli = policy.log_probability_sizes(policy.reference)
        return policy.roundings * EPS * policy.problem.beta * float(moduli)


def _wobble(slopes: NDArray[np.float64]) -> float:
    shares = np.array(POINTS[1:])
    moved = slopes[1:] - slopes[0]
    if moved[-1] == 0:
        return float("inf")
    return float(np.abs(moved / (moved[-1] * shares) - 1).max())
