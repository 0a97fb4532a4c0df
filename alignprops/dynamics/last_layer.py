"""Exact last-layer DPO: by LD-1 one vector u in R^d carries the whole training run of a V × d head.

    u_{t+1} = u_t + 2ηβ mean σ(−m_i) z_i,   m_i = β⟨u_t, z_i⟩,   W_t − W_0 = ½ (e_{y+} − e_{y−}) ⊗ u_t

σ(−m) is the pull −ℓ'(m) of the logistic loss; `gradient` and `descend` take that of any other loss instead.
The step works on numpy floats, on object arrays of balls and on torch tensors, with leading batch axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alignprops.atoms import sigmoid
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.run import HeadRun

#: −f'(m) of every margin: how hard a loss pulls at each sample.
Pull = Callable[[Any], Any]


def logistic_pull(margins: Any) -> Any:
    """σ(−m), the pull of the DPO loss."""
    return sigmoid.numeric(-margins)


def margins(u: Any, z: Any, *, beta: Any) -> Any:
    """m_i = β⟨u, z_i⟩ for u (…, d) and z (…, n, d): (…, n)."""
    return _per_run(beta) * (z @ u[..., None])[..., 0]


def gradient(u: Any, z: Any, weights: Any, *, beta: Any, pull: Pull = logistic_pull) -> Any:
    """g(u) = −β mean σ(−m_i) z_i for u (…, d), z (…, n, d), weights (…, n) that sum to 1: (…, d)."""  # LD-1
    pulls = weights * pull(margins(u, z, beta=beta))  # (…, n)
    return -_per_run(beta) * (pulls[..., None, :] @ z)[..., 0, :]


def descend(u: Any, z: Any, weights: Any, *, eta: Any, beta: Any, pull: Pull = logistic_pull) -> Any:
    """One step of full-batch gradient descent on W, seen in u: u − 2η g(u)."""  # LD-1
    return u - 2 * _per_run(eta) * gradient(u, z, weights, beta=beta, pull=pull)


def train(problem: HeadProblem) -> HeadRun:
    """Run `problem.steps` steps from u_0 = 0, at O(nd) a step; the reference engine."""
    updates = [problem.z[0] * 0]
    for _ in range(problem.steps):
        updates.append(descend(updates[-1], problem.z, problem.weights, eta=problem.eta, beta=problem.beta))
    return HeadRun(problem, np.stack(updates))


def _per_run(number: Any) -> Any:
    """η or β: a number, or one for each run of a batch (…,), made ready to multiply (…, d) or (…, n)."""
    return number[..., None] if getattr(number, "ndim", 0) else number
