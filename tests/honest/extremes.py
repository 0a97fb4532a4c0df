"""Problems at the edges of what the theorems speak of, as real data has them and as breaks code."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from alignprops.dynamics.problem import HeadProblem
from alignprops.strategies.step_sizes import step_size_within

_draw = np.random.default_rng(0)
CLOUD = _draw.normal(size=(6, 3))
WIDE = _draw.normal(size=(3, 24))
SIGNS = [1, -1, 1, 1, -1, -1]
HUGE = 10**8


def problem(
    features: ArrayLike,
    signs: ArrayLike = SIGNS,
    *,
    limit: int = 2,
    beta: float = 1.0,
    steps: int = 8,
    counts: ArrayLike | None = None,
    eta: float | None = None,
) -> HeadProblem:
    """A problem with η at limit/(β²λ), the largest float that does not exceed it, unless it is given."""
    rows = np.asarray(features, dtype=np.float64)
    many = np.ones(len(rows), np.int64) if counts is None else np.asarray(counts)
    rate = step_size_within(rows, many, beta=beta, limit=limit) if eta is None else eta
    return HeadProblem.of(rows, signs, eta=rate, beta=beta, steps=steps, counts=many)


EXTREMES = {
    "one sample, η exactly at (S)": problem([[1.0]], [1], eta=2.0),
    "one sample, η exactly at (S4)": problem([[1.0]], [-1], eta=4.0),
    "one sample of odd numbers, η at (S4)": problem([[0.7, 0.3]], [-1], limit=4, beta=0.1),
    "one class only": problem(CLOUD, [1] * 6),
    "the other class only, η at (S4)": problem(CLOUD, [-1] * 6, limit=4),
    "an offset a thousand times the signal": problem(CLOUD + 1000),
    "an offset a million times the signal, η at (S4)": problem(CLOUD + 1e6, limit=4),
    "scale 1e-3": problem(1e-3 * CLOUD),
    "scale 1e3, η at (S4)": problem(1e3 * CLOUD, limit=4),
    "heavy tails": problem(CLOUD * np.array([1e-3, 1, 1, 1e3, 1, 1])[:, None]),
    "a sample of 1e8 copies": problem(CLOUD, counts=[HUGE, 1, 1, 1, 1, 1]),
    "1e8 copies of every sample": problem(CLOUD, counts=[HUGE] * 6, limit=4),
    "unequal multiplicities up to 1e8": problem(CLOUD, counts=[HUGE, 1, 7, HUGE, 1000, 3], limit=4),
    "tiny steps": problem(CLOUD, eta=1e-12),
    "β = 1e-3": problem(CLOUD, beta=1e-3),
    "β = 1e3, η at (S4)": problem(CLOUD, beta=1e3, limit=4),
    "nothing but zeros": problem(np.zeros((3, 2)), [1, -1, 1]),
    "duplicates that cancel": problem(np.tile(CLOUD[:1], (6, 1)), [1, -1] * 3),
    "collinear": problem(np.outer(CLOUD[:, 0], [1.0, 2.0, 3.0])),
    "more dimensions than samples": problem(WIDE, [1, -1, 1], limit=4),
    "samples that nearly cancel": problem([[1.0], [-1.0 + 2**-50]], [1, 1], limit=4),
    "separated, many steps": problem(np.abs(CLOUD), [1] * 6, steps=40),
    "η far beyond every limit": problem(CLOUD, eta=1e3),
}

#: Out of any sensible range: sides may underflow or overflow, which is an error and never a refutation.
ABSURD = {
    f"scale {scale:g}": problem(scale * CLOUD, eta=eta)
    for scale, eta in {1e-310: 1.0, 1e-200: 1.0, 1e-160: 1.0, 1e-150: 1e300, 1e150: 1e-300}.items()
}
