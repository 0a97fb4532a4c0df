"""Advantages of responses compared within their group, with the rounding of a dtype. Groups are rows: (G, n)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.precision import EPS, SLACK, exactly, product, quotient, summed, total, worlds
from alignprops.expressions import Rounded
from alignprops.losses.advantages.table import SAMPLE

Floats = NDArray[np.float64]


def centred(rewards: Floats, dtype: str) -> Rounded:
    """r − r̄ (Dr. GRPO)."""
    mean = quotient(total(exactly(rewards), dtype), exactly(rewards.shape[1]), dtype)
    return summed([exactly(rewards), Rounded(-mean.value[:, None], mean.error[:, None])], dtype)


def leave_one_out(rewards: Floats, dtype: str) -> Rounded:
    """r − (mean of the others) = n/(n−1)·(r − r̄); not defined for n = 1 (Kool et al. 2019)."""
    n = rewards.shape[1]
    if n == 1:
        return Rounded(np.full(rewards.shape, np.nan), np.zeros(rewards.shape))
    made = product(centred(rewards, dtype), quotient(exactly(n), exactly(n - 1), dtype), dtype)
    # Code may subtract a reward from the sum instead: that rounds at the size of the sum of all.
    size = total(exactly(np.abs(rewards)), dtype)
    detour = quotient(size, exactly(n - 1), dtype).error + SLACK * EPS[dtype] * size.value
    return Rounded(made.value, made.error + detour[:, None])


def deviation(rewards: Floats, variant: str, dtype: str) -> Rounded:
    """(G,): the standard deviation of each row; 0 of the sample kind for n = 1."""
    n = rewards.shape[1]
    degrees = n - 1 if variant == SAMPLE else n
    if degrees == 0:
        return exactly(np.zeros(len(rewards)))
    gaps = centred(rewards, dtype)
    variance = quotient(total(product(gaps, gaps, dtype), dtype), exactly(degrees), dtype)
    made: Rounded = worlds(dtype)[0].root(variance)
    return made


def scaled(gaps: Rounded, deviations: Rounded, epsilon: float, dtype: str) -> Rounded:
    """gaps/(deviation + ε), the deviation of each row or of all (Shao et al. 2024, Section 4.1)."""
    divisor = summed([deviations, exactly(epsilon)], dtype)
    return quotient(gaps, Rounded(divisor.value[:, None], divisor.error[:, None]), dtype)
