"""Positions on which every mistake shows: ragged, with options that are not the defaults, near and far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.kl import KlProblem
from alignprops.conformance.precision import DTYPES


def in_every_dtype(name: str, problem: KlProblem) -> dict[str, KlProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


_POLICY = -np.array(
    [
        [[1.0, 2.0, 0.5], [0.25, 1.0, 4.0], [2.0, 0.5, 1.0], [3.0, 1.5, 1.0]],
        [[2.0, 1.0, 1.5], [3.0, 0.25, 1.0], [0.5, 0.5, 2.0], [1.0, 2.0, 2.5]],
        [[0.5, 3.0, 1.0], [1.0, 0.75, 2.0], [4.0, 1.0, 0.5], [0.125, 2.0, 1.0]],
    ]
)
_REFERENCE = -np.array(
    [
        [[1.5, 1.0, 1.0], [0.5, 2.0, 3.0], [1.0, 1.0, 0.25], [0.5, 1.0, 2.0]],
        [[1.0, 1.0, 2.0], [2.5, 1.0, 0.5], [1.0, 0.25, 1.0], [3.0, 0.5, 1.0]],
        [[2.0, 0.5, 1.0], [1.75, 2.0, 1.0], [3.0, 0.5, 2.0], [1.0, 1.0, 0.5]],
    ]
)
BASE = KlProblem(
    policy=_POLICY,
    reference=_REFERENCE,
    mask=np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]),
    choices=np.array([1, 1, 1, 1]),
    upstream=np.array([[1.0, -0.5, 2.0, 0.25], [0.5, 3.0, -1.0, 1.0], [-2.0, 1.0, 0.125, 4.0]]),
    dtype="float64",
)
RAGGED: Mapping[str, KlProblem] = in_every_dtype("ragged rows", BASE)
#: −18 to 18, without 0.
_SMALL = np.array([k for k in range(-18, 19) if k]).reshape(3, 4, 3)
#: Confident predictions, and a reference so close that exp(L) − 1 − L is nothing but rounding: L is finer than 1 + L.
CLOSE: Mapping[str, KlProblem] = {
    f"nearly equal in {dtype}": replace(BASE, policy=_POLICY / 32, reference=_POLICY / 32 + step * _SMALL, dtype=dtype)
    for dtype, step in (("float64", 2.0**-28 + 2.0**-54), ("float32", 2.0**-13 + 2.0**-26))
}
#: β at its ends, where the generalised Jensen–Shannon divergence has conventions.
ENDS: Mapping[str, KlProblem] = {
    f"beta = {beta}": replace(BASE, choices=np.array([choice, 0, 0, 0])) for beta, choice in ((0, 2), (1, 3))
}
#: Log-ratios of ±200 and more, logits that far apart: exp over- and underflows. One row has a far policy,
#: one both, one a far reference.
_FAR = replace(
    BASE,
    policy=_POLICY * np.array([128.0, 128.0, 1.0])[:, None, None],
    reference=_REFERENCE[::-1] * np.array([1.0, 128.0, 128.0])[:, None, None],
)
EXTREME: Mapping[str, KlProblem] = in_every_dtype("far apart", _FAR) | {
    "the reference is far": replace(BASE, reference=_REFERENCE * 128)
}
SINGLE: Mapping[str, KlProblem] = {
    "one position": replace(
        BASE, policy=_POLICY[:1, :1], reference=_REFERENCE[:1, :1], mask=BASE.mask[:1, :1], upstream=np.array([[-0.5]])
    )
}
EVERYWHERE: Mapping[str, KlProblem] = {**RAGGED, **ENDS, **EXTREME, **SINGLE}
