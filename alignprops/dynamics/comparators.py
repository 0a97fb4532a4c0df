"""What the end of a run is compared with: the loss at any v, and the multiple of z̄ that certifies the accuracy (LD-8).

For every v: L(u_T) ≤ L(v) + ‖v‖²/(4ηT') with T' = T + √(T(T−1)). With v = a·z̄ the right side depends on the data alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import log_cosh, sigmoid, softplus
from alignprops.dynamics.linear_algebra import as_exact, norm, norm_rounding, square_root
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded, is_exact

#: Bisections for the best multiple; any multiple is valid, a better one only certifies more.
BISECTIONS = 50


def gains_at(problem: HeadProblem, vs: NDArray[Any]) -> Any:
    """log 2 − L(v) = mean [m/2 − log cosh(m/2)], m_i = β⟨v, z_i⟩, for every row of vs (k, d), taken as exact: (k,)."""
    halves = problem.beta * (vs @ problem.z.T) / 2  # (k, n)
    values = (halves - log_cosh.numeric(halves)) @ problem.weights
    if problem.exact:
        return values
    return bounded(
        values, 2 * _margin_slips(problem, norm(vs)) + (problem.n + 10) * EPS * (np.abs(halves) @ problem.weights)
    )


def squared_sizes(vs: NDArray[Any]) -> Any:
    """‖v‖² for every row of vs (k, d), taken as exact: (k,)."""
    values = (vs * vs).sum(axis=-1)
    return values if is_exact(vs) else bounded(values, (vs.shape[-1] + 2) * EPS * values)


def comparator_steps(t: Any, *, exact_one: Any = None) -> Any:
    """T' = T + √(T(T−1)) for every step count of t (steps,); as balls if a ball 1 is given."""  # LD-8
    steps = t if exact_one is None else as_exact(t) * exact_one
    return steps + square_root(steps * (steps - 1))


def best_multiples(problem: HeadProblem, t: NDArray[np.int64]) -> NDArray[np.float64]:
    """The a ≥ 0 that minimise mean ℓ(βa⟨z̄,z_i⟩) + a²‖z̄‖²/(4ηT'), for every T of t (steps,): float64, by bisection."""
    heights = _floats(problem.z @ problem.shift)  # (n,)
    weights, eta, beta = _floats(problem.weights), float(_floats(problem.eta)), float(_floats(problem.beta))
    size = float(_floats((problem.shift * problem.shift).sum()))
    if size == 0:
        return np.zeros(len(t))
    price = size / (2 * eta * comparator_steps(t.astype(np.float64)))  # (steps,)
    low = np.zeros(len(t))
    high: NDArray[np.float64] = beta * float(weights @ np.maximum(heights, 0)) / price  # the slope is ≥ 0 from here on
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        pull = beta * (sigmoid.numeric(-beta * np.outer(middle, heights)) @ (weights * heights))
        rising = middle * price >= pull
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    return high


def certified_loss(problem: HeadProblem, t: NDArray[np.int64]) -> Any:
    """An upper bound on L(u_T) for every T of t (steps,), from the data alone: the best multiple of z̄."""  # LD-8
    multiples = best_multiples(problem, t)
    one = problem.features[0, 0] * 0 + 1 if problem.exact else None
    scales = multiples if one is None else as_exact(multiples.tolist()) * one
    heights = problem.z @ problem.shift
    margins = problem.beta * scales[:, None] * heights  # (steps, n)
    losses = softplus.numeric(-margins) @ problem.weights
    price = (
        scales * scales * (problem.shift * problem.shift).sum() / (4 * problem.eta * comparator_steps(t, exact_one=one))
    )
    if problem.exact:
        return losses + price
    size = float(norm(problem.shift))
    slip = problem.shift_rounding
    lengths = multiples * (size + slip)
    drift = problem.beta * multiples * slip * float(problem.weights @ problem.row_norms)
    price_error = (2 * slip / size if size else 0.0) + 2 * norm_rounding(problem.d) + 8 * EPS
    errors = _margin_slips(problem, lengths) + drift + (problem.n + 10) * EPS * losses + price_error * price
    return bounded(losses + price, errors)


def _margin_slips(problem: HeadProblem, sizes: NDArray[np.float64]) -> Any:
    """Mean rounding of the margins of vectors of these sizes: d + 4 roundings at β‖v‖‖z_i‖ each."""
    return (problem.d + 4) * EPS * problem.beta * sizes * float(problem.weights @ problem.row_norms)


def _floats(values: Any) -> Any:
    """Balls as the floats at their centres: good enough to choose a comparator, never to judge with."""
    if not is_exact(values):
        return values
    if not isinstance(values, np.ndarray):
        return np.float64(values.mid())
    return np.vectorize(lambda ball: float(ball.mid()), otypes=[np.float64])(values)
