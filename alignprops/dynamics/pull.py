"""The curvature along the pulls of a run: what premise (S_t) asks for in place of λ (LD-5).

g°_s = mean tanh(m_i(s)/2) z_i is the direction in which step s leaves the straight line. (S_t) wants
g°_sᵀMg°_s ≤ (2/(ηβ²))‖g°_s‖² for 1 ≤ s < t: it is implied by (S), and can be measured on a run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.run import HeadRun
from alignprops.measured import EPS, bounded


def pull_curvature(run: HeadRun) -> Any:
    """Max over 1 ≤ s < t of g°_sᵀMg°_s/‖g°_s‖² (0/0 := 0), for t = 1 … steps: (steps,); 0 at t = 1."""
    problem = run.problem
    pulls = (np.tanh(run.raw_margins[1:-1] / 2) * problem.weights) @ problem.z  # (steps − 1, d)
    heights = pulls @ problem.z.T
    tops, sizes = (heights * heights) @ problem.weights, (pulls * pulls).sum(axis=1)
    if problem.exact:
        return _running_maximum_of_balls(tops, sizes, problem.curvature)
    ratios = np.divide(tops, sizes, out=np.zeros_like(tops), where=sizes > 0)
    errors = np.minimum(_ratio_errors(run, pulls, ratios), problem.curvature_upper)
    largest, error = (np.maximum.accumulate(np.concatenate([[0.0], part])) for part in (ratios, errors))
    return bounded(largest, error)


def _ratio_errors(run: HeadRun, pulls: NDArray[Any], ratios: NDArray[Any]) -> NDArray[np.float64]:
    """Bound on the error of each ratio: a vector off by a share s of its length turns a Rayleigh quotient by 4sλ."""
    problem, rounding = run.problem, run.rounding
    assert rounding is not None
    weights = problem.weights * problem.row_norms
    slips = rounding.margins_error[1:-1] @ weights / 2 + (problem.n + 12) * EPS * weights.sum()
    sizes = np.linalg.norm(pulls, axis=1)
    share = np.divide(slips, sizes, out=np.full_like(sizes, np.inf), where=sizes > 0)
    own = (problem.n + problem.d + 8) * EPS * float(problem.weights @ problem.row_norms**2)
    return 4 * np.minimum(share, 1) * problem.curvature_upper + own + EPS * ratios  # type: ignore[no-any-return]


def _running_maximum_of_balls(tops: NDArray[Any], sizes: NDArray[Any], curvature: Any) -> NDArray[Any]:
    largest = curvature * 0
    seen = [largest]
    for top, size in zip(tops, sizes, strict=True):
        largest = largest.max(top / size if size > 0 else _anything_up_to(curvature, size))
        seen.append(largest)
    return np.array(seen, dtype=object)


def _anything_up_to(curvature: Any, size: Any) -> Any:
    """The ratio 0/0 := 0, or, where a ball only contains 0, all that it can be: [0, λ]."""
    return size if size.is_zero() else (curvature * 0).union(curvature)
