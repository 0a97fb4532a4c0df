"""Comparing what floats measure, bounds included, with exact balls."""

from __future__ import annotations

import numpy as np

from alignprops.measured import Bounded

PRECISION = 320


def distances(measured, balls):
    """An upper bound on |float value − exact value|, and the claimed error bound: two flat arrays."""
    assert isinstance(measured, Bounded)
    exact = np.asarray(balls, dtype=object).ravel()
    assert measured.value.size == exact.size
    gaps = [
        float(abs(ball - float(value)).upper()) for value, ball in zip(np.ravel(measured.value), exact, strict=True)
    ]
    return np.array(gaps), np.ravel(measured.error).astype(float)


def middles(balls):
    """The centres of balls, as floats."""
    array = np.asarray(balls, dtype=object)
    return np.array([float(ball.mid()) for ball in array.ravel()]).reshape(array.shape)
