"""Statistics of the two classes of a last-layer problem, measured: how far apart, how concentrated.

Covariances are taken with 1/(n_class − 1), as in the released analysis of Im & Li.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.linear_algebra import Pair, mean_squared_norm, norm, norm_rounding
from alignprops.measured import EPS, bounded

if TYPE_CHECKING:
    from alignprops.dynamics.problem import HeadProblem

#: Of centred rows and their multiplicities: a value and its error.
Statistic = Callable[[NDArray[Any], NDArray[np.int64]], Pair]


def distinguishability(problem: HeadProblem) -> Any:
    """δ = ‖μ_+ − μ_-‖; NaN if a class is empty."""
    if not problem.both_classes:
        return problem.undefined()
    rounding = problem.class_mean_rounding(1) + problem.class_mean_rounding(-1)
    difference = problem.class_mean(1) - problem.class_mean(-1)
    if problem.exact:
        return norm(difference)
    return problem.norm_of(difference, rounding + EPS * float(norm(difference)))


def larger_covariance(problem: HeadProblem, statistic: Statistic) -> Any:
    """The larger of the two classes' statistics of their second moment, times n/(n − 1); NaN below two samples."""
    pairs = []
    for sign in (1, -1):
        where = problem.signs == sign
        many = problem.counts[where]
        size = int(many.sum())
        if size < 2:
            return problem.undefined()
        deviations = problem.features[where] - problem.class_mean(sign)
        value, error = statistic(deviations, many)
        if problem.exact:
            pairs.append((value * size / (size - 1), 0.0))
            continue
        # A centre that is off by a adds a² to the mean square; 2a·spread covers the deviations' rounding.
        spread = float(many @ (deviations**2).sum(axis=1)) / size
        slip = problem.class_mean_rounding(sign) + EPS * float(np.sqrt(spread))
        error += 2 * slip * float(np.sqrt(spread)) + slip**2
        pairs.append((value * size / (size - 1), (error + 3 * EPS * value) * size / (size - 1)))
    (first, its), (second, other) = pairs
    return first.max(second) if problem.exact else bounded(max(first, second), max(its, other))


def common_offset_share(problem: HeadProblem) -> Any:
    """‖x̄‖²/mean‖x_i‖²; 0 if all features are 0."""
    offset = norm(problem.mean(problem.features))
    squares, error = mean_squared_norm(problem.features, problem.counts)
    if problem.exact:
        return offset * offset / squares if squares > 0 else squares
    if squares == 0:
        return bounded(0.0, 0.0)
    slip = problem.mean_rounding(problem.features, None) + norm_rounding(problem.d) * float(offset)
    share = float(offset) ** 2 / squares
    wander = 2 * slip * float(offset) + slip**2 + share * error
    return bounded(share, wander / squares + 4 * EPS * share)
