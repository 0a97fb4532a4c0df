"""Responses on which every mistake shows: ragged, asymmetric, ratios beyond each range, options not the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.policy import NAMES, ExtremeProblem, PolicyProblem
from alignprops.conformance.precision import DTYPES

_RAGGED = PolicyProblem(
    logps=-np.array([[1.0, 2.0, 0.5, 3.0], [0.25, 1.0, 4.0, 1.5], [2.0, 0.5, 1.0, 1.0]]),
    old_logps=-np.array([[2.5, 1.5, 0.5, 5.0], [0.125, 0.25, 2.0, 1.25], [2.0, 1.5, 3.0, 0.75]]),
    ref_logps=-np.array([[1.5, 1.0, 1.0, 2.0], [0.5, 2.0, 3.0, 0.5], [1.0, 1.0, 0.25, 2.0]]),
    rollout_logps=-np.array([[4.0, 1.75, 0.5, 1.0], [0.25, 1.5, 3.0, 1.0], [1.5, 2.0, 2.0, 2.0]]),
    advantages=np.array([[2.0, -1.0, 0.5, 1.5], [-1.5, -2.0, 3.0, 1.0], [-0.75, 0.0, -3.0, -0.5]]),
    values=np.array([[0.5, 1.0, -1.0, 2.0], [1.5, -0.5, 0.25, 1.0], [0.0, 2.0, 1.0, -1.0]]),
    old_values=np.array([[0.25, 2.5, -1.5, 1.0], [1.0, 1.0, 0.5, 0.0], [0.125, 0.5, 1.5, -2.0]]),
    returns=np.array([[1.0, 0.5, -2.0, 1.0], [2.0, 1.0, 1.0, 0.5], [-1.0, 1.5, 0.5, 1.0]]),
    mask=np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]),
    choices=np.array([1, 2, 1, 2, 1, 2, 1, 2]),
    upstream=np.array([[1.0, -0.5, 2.0, 1.0], [0.5, 1.5, 1.0, -1.0], [2.0, 1.0, -1.0, 0.25]]),
    dtype="float64",
)


def in_every_dtype(name: str, problem: PolicyProblem) -> dict[str, PolicyProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


def cut(problem: PolicyProblem, rows: int, columns: int) -> PolicyProblem:
    """The first rows and columns."""
    names = (*NAMES, "mask", "upstream")
    return replace(problem, **{name: getattr(problem, name)[:rows, :columns] for name in names})


PLAIN = _RAGGED
RAGGED: Mapping[str, PolicyProblem] = in_every_dtype("ragged responses", _RAGGED)
#: One response of one token, with the defaults.
SINGLE: Mapping[str, PolicyProblem] = {
    "a response of one token": replace(cut(_RAGGED, 1, 1), choices=np.zeros(8, dtype=np.int64))
}


def extreme(problem: PolicyProblem, size: float = 200.0) -> PolicyProblem:
    """Every other token with a ratio of e^±size on the side where the clip cuts; the reference far below the policy.

    Where the advantage is 0 the ratio is huge as well: 0 · ∞ is not 0.
    """
    rises = problem.advantages[:, :1] >= 0
    far = (np.arange(problem.mask.size).reshape(problem.mask.shape) % 2 == 0) & (problem.mask != 0)
    logps = np.where(far & ~rises, problem.logps - size, problem.logps)
    old = np.where(far, np.where(rises, problem.logps - size, problem.logps), problem.old_logps)
    return replace(
        problem,
        logps=logps,
        old_logps=np.minimum(old, 0.0),
        ref_logps=np.where(far, logps - size, np.minimum(problem.ref_logps, logps)),
        advantages=np.broadcast_to(problem.advantages[:, :1], problem.mask.shape).copy(),
        values=problem.values * size,
        returns=problem.returns * size,
    )


def far(problem: PolicyProblem) -> ExtremeProblem:
    """The same as a problem of its own type, at e^±200."""
    return ExtremeProblem(**vars(extreme(problem)))


#: Ratios of e^±200, a row of zero advantages, and one that is masked as a whole.
EXTREME: Mapping[str, ExtremeProblem] = {
    **{f"ratios far beyond the range in {dtype}": far(replace(_RAGGED, dtype=dtype)) for dtype in DTYPES},
    "no advantage in float32": far(replace(_RAGGED, advantages=_RAGGED.advantages * 0, dtype="float32")),
    "a response that is masked as a whole": ExtremeProblem(
        **vars(replace(_RAGGED, mask=_RAGGED.mask * np.array([[1], [0], [1]])))
    ),
    "one response of one token": far(cut(_RAGGED, 1, 1)),
}
