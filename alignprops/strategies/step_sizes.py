"""Step sizes at a fraction of limit/(β²λ), at the limit itself included, without rounding above it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.linear_algebra import second_moment_eigenvalue


def step_size_within(
    features: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    beta: float,
    limit: int,
    fraction: float = 1.0,
) -> float:
    """The η that is `fraction` of limit/(β²λ): for fraction ≤ 1 never above the limit, whatever rounding does.

    At the limit η is the largest float that does not exceed it where λ is known exactly (n = 1, orthogonal
    designs), else short of it by the rounding of λ. Elsewhere η keeps 8 bits, to be readable.
    """
    curvature = _exact_curvature(features, counts)
    if curvature is None:
        value, error = second_moment_eigenvalue(features, counts)
        curvature = Fraction(value + 2 * error)
    if curvature == 0:
        return float(fraction)  # λ = 0 puts no condition on η
    if fraction == 1:
        return _largest_float_below(limit / (Fraction(beta) ** 2 * curvature))
    wanted = fraction * limit / (beta**2 * float(curvature))
    bits, exponent = np.frexp(wanted)
    return float(np.ldexp(np.floor(bits * 256) / 256, int(exponent)))


def _exact_curvature(features: NDArray[np.float64], counts: NDArray[np.int64]) -> Fraction | None:
    """λ of a single sample, or of rows with at most one non-zero coordinate each; None otherwise."""
    if len(features) == 1:
        return sum((Fraction(float(x)) ** 2 for x in features[0]), Fraction(0))
    if (np.count_nonzero(features, axis=1) > 1).any():
        return None
    diagonal = [Fraction(0)] * features.shape[1]
    for row, many in zip(features, counts, strict=True):
        axis = int(np.abs(row).argmax())
        diagonal[axis] += int(many) * Fraction(float(row[axis])) ** 2
    return max(diagonal) / int(counts.sum())


def _largest_float_below(number: Fraction) -> float:
    """The largest float that does not exceed `number` > 0."""
    nearest = float(number)
    return nearest if Fraction(nearest) <= number else float(np.nextafter(nearest, 0))
