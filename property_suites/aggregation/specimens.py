"""Numbers of tokens on which every mistake shows: unequal lengths, rows of nothing, options off their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.aggregation import AggregationProblem
from alignprops.conformance.precision import DTYPES

_RAGGED = AggregationProblem(
    values=np.array([[1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -4.0, 1.5], [2.0, 0.5, 1.0, 1.0], [1.5, 1.0, 0.5, -1.0]]),
    mask=np.array([[1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]),
    choices=np.array([1, 1, 0, 0, 0, 0, 0, 0]),
    upstream=np.array([[1.0, 0.5, -1.0, 2.0], [-0.5, 1.5, 1.0, -2.0], [2.0, -1.0, 0.75, 1.0], [0.5, -0.25, 1.0, 3.0]]),
    dtype="float64",
)


def in_every_dtype(name: str, problem: AggregationProblem) -> dict[str, AggregationProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


RAGGED: Mapping[str, AggregationProblem] = in_every_dtype("ragged rows", _RAGGED)
PLAIN = replace(_RAGGED, choices=np.zeros(8, dtype=np.int64))
#: One long row and one of a single token: a mean of means is far from the mean.
UNEQUAL = replace(
    _RAGGED,
    values=np.array([[0.0, 0.25, 0.5, -0.25], [4.0, 8.0, 8.0, 8.0]]),
    mask=np.array([[1, 1, 1, 1], [1, 0, 0, 0]]),
    upstream=_RAGGED.upstream[:2],
)
#: Where 0/0 lurks: nothing in a row, nothing at all, one token, one position, no variance.
DEGENERATE: Mapping[str, AggregationProblem] = {
    f"{name} in {dtype}": replace(problem, dtype=dtype)
    for dtype in ("float64", "bfloat16")
    for name, problem in {
        "a row of nothing": PLAIN,
        "nothing at all": replace(PLAIN, mask=PLAIN.mask * 0),
        "one token": replace(PLAIN, mask=np.eye(4, dtype=np.int64) * np.array([[0], [0], [1], [0]])),
        "one position": replace(PLAIN, values=np.array([[2.0]]), mask=np.array([[1]]), upstream=np.array([[1.0]])),
        "all the same": replace(PLAIN, values=PLAIN.values * 0 + 3.0),
    }.items()
}
