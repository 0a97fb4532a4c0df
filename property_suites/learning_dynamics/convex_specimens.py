"""Instances with other losses that the theory singles out: where a bound is attained, or a wrong one breaks (LD-23)."""

from __future__ import annotations

from alignprops.dynamics.convex import STEEPNESS, ConvexProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.losses import PAIRWISE_LOSSES


def single(loss: str, *, strength: float, steps: int, parameter: float | None = None) -> ConvexProblem:
    """One sample with feature 1, η = strength/(c₂β²λ)."""
    steepness = PAIRWISE_LOSSES[loss].smoothness
    eta = strength / float(steepness if steepness.is_finite else STEEPNESS[loss])
    return ConvexProblem.with_loss(HeadProblem.of([[1.0]], [1], eta=eta, beta=1.0, steps=steps), loss, parameter)


def converged(loss: str, *, steps: int) -> ConvexProblem:
    """z = (1, −1 + 2e): hardly any mean shift, full curvature, η hardly below the limit of (S)."""
    rows = [[1.0], [-1.0 + 2.0**-9]]
    steepness = float(PAIRWISE_LOSSES[loss].smoothness)
    curvature = (1 + rows[1][0] ** 2) / 2
    eta = (1 - 2.0**-20) / (2 * steepness * curvature)
    return ConvexProblem.with_loss(HeadProblem.of(rows, [1, 1], eta=eta, beta=1.0, steps=steps), loss)


def nothing_to_learn(loss: str, parameter: float | None = None) -> ConvexProblem:
    """Nothing to learn: every margin stays a tie, the loss stays f(0)."""
    return ConvexProblem.with_loss(HeadProblem.of([[0.0]], [1], eta=1.0, beta=1.0, steps=1), loss, parameter)


def unbounded() -> ConvexProblem:
    """Three samples against one that they outvote: robust DPO's loss falls below 0 while an error stays."""
    problem = HeadProblem.of([[1.0], [-1.0]], [1, 1], eta=1.0, beta=1.0, steps=40, counts=[7, 1])
    return ConvexProblem.with_loss(problem, "robust", 3 / 8)


def kink_passed() -> ConvexProblem:
    """One sample on the hinge, eight steps of which four go past the kink."""
    return ConvexProblem.with_loss(HeadProblem.of([[1.0]], [1], eta=1 / 8, beta=1.0, steps=8), "hinge")
