"""Labelled answers on which every mistake shows: unequal classes, ragged, with options that are not the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.precision import DTYPES
from alignprops.conformance.unpaired import UnpairedProblem

_MIXED = UnpairedProblem(
    policy_logps=-np.array([[1.0, 2.0, 0.5], [0.25, 1.0, 4.0], [2.0, 0.5, 1.0]]),
    reference_logps=-np.array([[1.5, 1.0, 1.0], [1.5, 2.0, 3.0], [1.0, 1.0, 0.25]]),
    mask=np.array([[1, 1, 1], [1, 1, 0], [1, 1, 0]]),
    policy_kl_logps=-np.array([[1.0, 1.0, 1.5], [0.5, 0.25, 1.0], [0.5, 0.5, 1.0]]),
    reference_kl_logps=-np.array([[2.0, 1.0, 2.0], [2.5, 1.0, 0.5], [1.0, 2.25, 1.0]]),
    kl_mask=np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]]),
    desirable=np.array([1, 0, 1]),
    weights=np.array([1.0, 0.5, 2.0]),
    delta=0.5,
    choices=np.array([1, 2, 1, 2, 1, 2, 1, 2]),
    upstream=np.array([1.0, -0.5, 2.0]),
    dtype="float64",
)


def in_every_dtype(name: str, problem: UnpairedProblem) -> dict[str, UnpairedProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


def _scaled(policy: float, reference: float) -> UnpairedProblem:
    return replace(
        _MIXED,
        policy_logps=_MIXED.policy_logps * policy,
        reference_logps=_MIXED.reference_logps * reference,
        choices=_MIXED.choices * 0 + 2,
    )


MIXED: Mapping[str, UnpairedProblem] = in_every_dtype("mixed answers", _MIXED)
#: The mean KL of the mismatched answers is negative: the reference point is 0.
CLAMPED: Mapping[str, UnpairedProblem] = {
    "a negative mean KL": replace(
        _MIXED, policy_kl_logps=_MIXED.reference_kl_logps, reference_kl_logps=_MIXED.policy_kl_logps
    )
}
#: Both classes empty in turn.
ONE_CLASS: Mapping[str, UnpairedProblem] = {
    "no undesirable answer": replace(_MIXED, desirable=np.array([1, 1, 1])),
    "no desirable answer": replace(_MIXED, desirable=np.array([0, 0, 0])),
}
#: Margins far beyond where exp over- or underflows, of both signs.
EXTREME: Mapping[str, UnpairedProblem] = in_every_dtype("margins of thousands", _scaled(1.0, 4096.0)) | (
    in_every_dtype("margins of thousands, the other way", _scaled(4096.0, 1.0))
)
#: Policy and reference alike: every margin is 0, where the slope is steepest.
ALIKE = replace(_MIXED, reference_logps=_MIXED.policy_logps, reference_kl_logps=_MIXED.policy_kl_logps, delta=0.0)
