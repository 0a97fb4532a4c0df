"""Confidence intervals of measured tendencies (95 %), by scipy; seeded, so that a report can be made again."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.experiments.document import LEVEL

RESAMPLES = 10_000
#: Fewer values than this have no bootstrap interval, and below the second number it is told to be rather too narrow.
FEWEST, FEW = 4, 8

Interval = tuple[float, float]


def _stats() -> Any:
    try:
        from scipy import stats
    except ImportError as error:
        raise InputError("the experiments need scipy; `pip install 'alignprops[report]'`") from error
    return stats


def rank_correlation(x: Sequence[float], y: Sequence[float], *, seed: int = 0) -> tuple[float, Interval | None]:
    """Spearman's rank correlation and its percentile-bootstrap interval over the pairs.

    The interval is None below `FEWEST` pairs, where resampling says nothing, and where every resample says the same, as
    of a perfect order: `permutation_p_value` tells how much that is worth. Resamples in which one side is constant have
    no rank correlation and are left out.
    """
    stats = _stats()
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(a) < 3 or len(set(a)) < 2 or len(set(b)) < 2:
        return float("nan"), None
    value = float(stats.spearmanr(a, b).statistic)
    if len(a) < FEWEST:
        return value, None
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(a), (RESAMPLES, len(a)))
    ranks = [stats.rankdata(side[rows], axis=1) for side in (a, b)]
    centred = [side - side.mean(axis=1, keepdims=True) for side in ranks]
    sizes = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    usable = sizes > 0
    found = (centred[0] * centred[1]).sum(axis=1)[usable] / sizes[usable]
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value, None if low == high else (float(low), float(high))


def over(things: str, count: int) -> str:
    """How a bootstrap interval was made, in words."""
    if count < FEWEST:
        return f"{count} {things} are too few for an interval"
    few = f"; {count} are few, the interval is rather too narrow" if count < FEW else ""
    return f"percentile bootstrap over {things}, {RESAMPLES:,} resamples{few}"


def of_order(x: Sequence[float], y: Sequence[float]) -> str:
    """How the interval of a rank correlation was made, and what chance does, in words."""
    chance = permutation_p_value(x, y)
    if np.isnan(chance):
        return f"not defined for {len(x)} behaviours of these values; at least 3 different ones are needed"
    return f"{over('behaviours', len(x))}; a random order does as well with probability {chance:.2g}"


def permutation_p_value(x: Sequence[float], y: Sequence[float], *, seed: int = 0) -> float:
    """How often a random order has a rank correlation at least as large (one-sided); exact for few pairs."""
    stats = _stats()
    if len(x) < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return float("nan")
    found = stats.permutation_test(
        (np.asarray(x),),
        lambda shuffled: stats.spearmanr(shuffled, y).statistic,
        permutation_type="pairings",
        alternative="greater",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def share(successes: int, trials: int) -> Interval | None:
    """The exact (Clopper–Pearson) interval of a probability; None without trials."""
    if trials == 0:
        return None
    found = _stats().binomtest(successes, trials).proportion_ci(LEVEL, method="exact")
    return float(found.low), float(found.high)


def mean(values: Sequence[float], *, seed: int = 0) -> tuple[float, Interval | None]:
    """The mean and its percentile-bootstrap interval; None below `FEWEST` values and where all are the same."""
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) == 0:
        return float("nan"), None
    if len(sample) < FEWEST or len(set(sample)) == 1:
        return float(sample.mean()), None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = _stats().bootstrap(
            (sample,),
            np.mean,
            confidence_level=LEVEL,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    interval = found.confidence_interval
    return float(sample.mean()), (float(interval.low), float(interval.high))
