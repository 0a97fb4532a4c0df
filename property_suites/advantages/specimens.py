"""Problems on which every mistake shows: ragged, masked in the middle, ended and cut off, unequal groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.advantage import AdvantageProblem
from alignprops.conformance.precision import DTYPES


def in_every_dtype(name: str, problem: AdvantageProblem) -> dict[str, AdvantageProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


BASE = AdvantageProblem(
    rewards=np.array([[1.0, 0.5, -2.0, 3.0, 1.0], [0.25, 1.5, 1.0, -1.0, 2.0], [2.0, 0.0, 1.0, 0.5, -0.5]]),
    values=np.array(
        [
            [0.5, -1.0, 2.0, 1.0, 0.75, 3.0],
            [1.0, 0.125, -0.5, 2.0, -1.5, 1.0],
            [0.25, 1.0, 1.5, -2.0, 0.5, -1.0],
        ]
    ),
    dones=np.array([[0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 1, 0, 1]]),
    mask=np.array([[1, 1, 0, 1, 1], [1, 0, 0, 1, 0], [1, 1, 1, 1, 0]]),
    scores=np.array([[1.0, 0.0, 2.5], [4.0, 1.0, 0.5], [-3.0, 0.0, 0.25]]),
    order=np.array([3, 0, 8, 4, 6, 1, 7, 5, 2]),
    choices=np.array([1, 1, 1, 1]),
    dtype="float64",
)
RAGGED: Mapping[str, AdvantageProblem] = in_every_dtype("ragged rows", BASE)
#: With each kind of poison under the mask.
POISONED: Mapping[str, AdvantageProblem] = {
    f"poison {at}": replace(BASE, choices=np.array([1, 1, 1, at])) for at in range(4)
}
#: Every spelling of the scale, with the smallest ε.
SPELLED: Mapping[str, AdvantageProblem] = {
    f"scale {at}": replace(BASE, choices=np.array([0, at, 0, 0])) for at in range(5)
}
_GROUP = replace(BASE, choices=np.array([0, 0, 0, 0]))
#: Groups whose rewards are equal, groups of one, one group with an outlier.
DEGENERATE: Mapping[str, AdvantageProblem] = {
    **in_every_dtype(
        "equal rewards", replace(_GROUP, scores=np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]]))
    ),
    "groups of one": replace(_GROUP, scores=np.array([[1.0], [2.0]]), order=np.array([1, 0])),
    "one response in all": replace(_GROUP, scores=np.array([[1.0]]), order=np.array([0])),
    "an outlier": replace(_GROUP, scores=np.array([[0.0, 0.0, 0.0, 0.0, 4096.0]]), order=np.arange(5)),
    "nothing counts": replace(_GROUP, mask=np.zeros_like(BASE.mask)),
}
#: Rewards of the size of 10⁶ that differ by a hundred.
OFFSET: Mapping[str, AdvantageProblem] = {
    f"an offset of a million in {dtype}": replace(_GROUP, scores=1e6 + 64 * BASE.scores, dtype=dtype)
    for dtype in ("float64", "float32")
}
EVERYWHERE: Mapping[str, AdvantageProblem] = {**RAGGED, **SPELLED, **OFFSET}
