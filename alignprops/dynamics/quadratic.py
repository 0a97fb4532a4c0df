"""The closed form of a run on the quadratic loss of IPO (LD-23).

f' is linear there, so u_{t+1} = Pu_t + 2ηβa₀z̄ with P = I − 2ηβ²c₂M, and u_T = 2ηβa₀·(I + P + … + P^{T−1})z̄.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.convex import ConvexProblem
from alignprops.measured import EPS, bounded

#: A matrix and a bound on its error in the Frobenius norm.
_Matrix = tuple[NDArray[Any], float]


def closed_form(problem: ConvexProblem) -> Any:
    """u_T after `problem.steps` steps, by doubling the sum of powers, not by iterating: measured, (d,)."""
    one = problem.features[0, 0] * 0 + 1
    identity = np.eye(problem.d, dtype=np.int64).astype(object) * one if problem.exact else np.eye(problem.d)
    size = float(problem.weights @ problem.row_norms**2) if not problem.exact else 0.0
    second = problem.z.T @ (problem.weights[:, None] * problem.z)
    strength = 2 * problem.eta * problem.beta**2 * 2
    forming = 0.0 if problem.exact else (problem.n + 8) * EPS * float(strength) * size + EPS * problem.d
    power: _Matrix = identity - strength * second, forming
    start, rate = problem.shift, problem.slope_at_zero if problem.exact else float(problem.slope_at_zero.value)
    total, error = _sum_of_powers(power, problem.steps, identity)
    values = 2 * problem.eta * problem.beta * rate * (total @ start)
    if problem.exact:
        return values
    length = float(np.linalg.norm(start))
    reach = float(np.linalg.norm(total))
    slip = error * length + reach * (problem.shift_rounding + (problem.d + 8) * EPS * length)
    return bounded(values, 2 * problem.eta * problem.beta * rate * slip)


def _sum_of_powers(power: _Matrix, count: int, identity: NDArray[Any]) -> _Matrix:
    """I + P + … + P^{count−1}: S_{2k} = S_k + P^k S_k, S_{k+1} = I + P S_k, along the bits of `count`."""
    total: _Matrix = identity, 0.0
    raised = power  # P^k beside S_k
    for bit in bin(count)[3:]:
        total = _plus(total, _times(raised, total))
        raised = _times(raised, raised)
        if bit == "1":
            total = _plus((identity, 0.0), _times(power, total))
            raised = _times(raised, power)
    return total


def _times(a: _Matrix, b: _Matrix) -> _Matrix:
    """The product: d + 2 roundings of sums of moduli."""
    product = a[0] @ b[0]
    if product.dtype == object:
        return product, 0.0
    sizes = float(np.linalg.norm(a[0])), float(np.linalg.norm(b[0]))
    return product, a[1] * (sizes[1] + b[1]) + b[1] * sizes[0] + (len(product) + 2) * EPS * sizes[0] * sizes[1]


def _plus(a: _Matrix, b: _Matrix) -> _Matrix:
    values = a[0] + b[0]
    return values, 0.0 if values.dtype == object else a[1] + b[1] + EPS * float(np.linalg.norm(values))
