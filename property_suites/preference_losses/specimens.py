"""Pairs on which every mistake shows: ragged, asymmetric, odd in number, with options that are not the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.conformance.precision import DTYPES

_RAGGED = PairwiseProblem(
    policy_chosen_logps=-np.array([[1.0, 2.0, 0.5, 3.0], [0.25, 1.0, 4.0, 1.5], [2.0, 0.5, 1.0, 1.0]]),
    policy_rejected_logps=-np.array([[2.0, 1.0, 1.5, 0.5], [3.0, 0.25, 1.0, 2.0], [0.5, 0.5, 2.0, 3.0]]),
    reference_chosen_logps=-np.array([[1.5, 1.0, 1.0, 2.0], [0.5, 2.0, 3.0, 0.5], [1.0, 1.0, 0.25, 2.0]]),
    reference_rejected_logps=-np.array([[1.0, 1.0, 2.0, 1.0], [2.5, 1.0, 0.5, 1.0], [1.0, 0.25, 1.0, 0.5]]),
    chosen_mask=np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]),
    rejected_mask=np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]),
    choices=np.array([1, 2, 1, 2, 1, 2, 1, 2]),
    upstream=np.array([1.0, -0.5, 2.0]),
    dtype="float64",
)


def in_every_dtype(name: str, problem: PairwiseProblem) -> dict[str, PairwiseProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


def _scaled(problem: PairwiseProblem, policy: float, reference: float) -> PairwiseProblem:
    return replace(
        problem,
        policy_chosen_logps=problem.policy_chosen_logps * policy,
        policy_rejected_logps=problem.policy_rejected_logps * policy,
        reference_chosen_logps=problem.reference_chosen_logps * reference,
        reference_rejected_logps=problem.reference_rejected_logps * reference,
        choices=problem.choices * 0 + 3,
    )


RAGGED: Mapping[str, PairwiseProblem] = in_every_dtype("ragged pairs", _RAGGED)
#: One pair of one token, with the smallest β.
SINGLE: Mapping[str, PairwiseProblem] = {
    "a pair of one token": replace(
        _RAGGED,
        **{
            name: getattr(_RAGGED, name)[:1, :1]
            for name in (
                "policy_chosen_logps",
                "policy_rejected_logps",
                "reference_chosen_logps",
                "reference_rejected_logps",
                "chosen_mask",
                "rejected_mask",
            )
        },
        upstream=np.array([1.0]),
    )
}
#: Margins far beyond where exp over- or underflows, of both signs.
EXTREME: Mapping[str, PairwiseProblem] = in_every_dtype("margins of thousands", _scaled(_RAGGED, 2048.0, 1.0)) | (
    in_every_dtype("margins of thousands, the other way", _scaled(_RAGGED, 1.0, 2048.0))
)
