"""Instances in which every mistake shows: unequal lengths, padding, a bias, a scale, unequal upstreams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alignprops.conformance.logprob import LogpProblem
from alignprops.conformance.precision import DTYPES
from alignprops.training.sequence_problem import Dtype, SequenceProblem


def two_conversations(dtype: Dtype) -> SequenceProblem:
    """Prompts of 2 and 1 tokens with responses of 3 and 2, two tokens of padding, chunks of 2."""
    return SequenceProblem(
        states=np.array(
            [
                [[1.0, -2.0], [0.5, 3.0], [-1.5, 0.75], [2.0, 1.0], [4.0, -4.0]],
                [[-1.0, 0.25], [3.0, 2.0], [1.25, -0.5], [4.0, 4.0], [-4.0, 4.0]],
            ]
        ),
        weight=np.array([[1.0, 0.0], [-0.5, 2.0], [1.5, -1.0], [0.25, 0.75]]),
        bias=np.array([0.5, -1.0, 0.0, 2.0]),
        scale=0.25,
        tokens=np.array([[0, 1, 2, 3, 1], [3, 0, 1, 2, 2]]),
        starts=np.array([2, 1]),
        ends=np.array([5, 3]),
        upstream=np.array([1.0, -0.5]),
        dtype=dtype,
        chunk=2,
    )


#: Three ragged sequences, one with a hole; options that are not the defaults, upstreams that differ.
_RAGGED = LogpProblem(
    states=np.array(
        [
            [[1.0, -2.0], [0.5, 3.0], [-1.5, 0.75], [2.0, 1.0], [0.25, -1.0]],
            [[-1.0, 0.25], [3.0, 2.0], [1.25, -0.5], [0.5, 0.5], [-0.75, 1.5]],
            [[0.5, 1.0], [-2.0, 1.0], [0.25, -1.5], [1.0, -0.5], [1.5, 0.5]],
        ]
    ),
    weight=np.array([[1.0, 0.0], [-0.5, 1.0], [1.5, -1.0], [0.25, 0.75]]),
    bias=np.array([0.5, -1.0, 0.0, 0.25]),
    tokens=np.array([[0, 1, 2, 3, 1], [3, 0, 1, 2, 0], [2, 3, 1, 0, 3]]),
    mask=np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0], [0, 1, 0, 1, 1]]),
    choices=np.array([1, 2, 1, 1, 0, 0, 0, 0]),
    upstream=np.array([[1.0, 0.5, -1.0, 2.0, 0.25], [-0.5, 1.5, 1.0, -2.0, 1.0], [2.0, -1.0, 0.75, 1.0, -0.25]]),
    dtype="float64",
)


def in_every_dtype(name: str, problem: LogpProblem) -> dict[str, LogpProblem]:
    """The problem in each dtype, named for it."""
    return {f"{name} in {dtype}": replace(problem, dtype=dtype) for dtype in DTYPES}


RAGGED: Mapping[str, LogpProblem] = in_every_dtype("ragged sequences", _RAGGED)
#: The same with the options at their defaults.
PLAIN = replace(_RAGGED, choices=np.zeros(8, dtype=np.int64))
#: A row of which nothing is scored, between two others.
EMPTY_ROW = replace(_RAGGED, mask=_RAGGED.mask * np.array([[1], [0], [1]]))
#: One sequence with one scored token, its last.
SINGLE: Mapping[str, LogpProblem] = {
    "one scored token": replace(
        _RAGGED,
        states=_RAGGED.states[:1, :2],
        tokens=_RAGGED.tokens[:1, :2],
        mask=np.array([[0, 1]]),
        upstream=_RAGGED.upstream[:1, :2],
    )
}


def _confident(size: float, choice: int) -> LogpProblem:
    """Each token is the one that its state makes likely, under either alignment: tokens in a row are the same."""
    likely = np.array([[0], [2], [3]])
    axis = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    return replace(
        _RAGGED,
        states=np.repeat(axis[likely], 5, axis=1) * size * np.array([1.0, 1.25, 1.5, 1.75, 1.0])[:, None],
        weight=axis,
        bias=np.zeros(4),
        tokens=np.repeat(likely, 5, axis=1),
        choices=np.array([choice, choice, 0, 0, 0, 0, 0, 0]),
    )


#: Probabilities of 0.95 to 1 − 1e-6, where the slope of the target is the small difference 1 − p.
CONFIDENT: Mapping[str, LogpProblem] = {
    name: problem
    for size in (4.0, 8.0)
    for name, problem in in_every_dtype(f"sure of itself, logits ±{size:g}", _confident(size, 0)).items()
}
#: All logits far from 0 and close together: a logsumexp that is rounded there loses what they differ by.
OFFSET: Mapping[str, LogpProblem] = in_every_dtype(
    "logits about 64", replace(PLAIN, states=PLAIN.states / 4, bias=PLAIN.bias + 64.0)
)
#: Logits of ±1e4, the likely and the unlikely alike.
HUGE: Mapping[str, LogpProblem] = in_every_dtype("logits of 1e4", _confident(2.0**13, 0)) | in_every_dtype(
    "logits of 1e4, the other way", _confident(-(2.0**13), 0)
)
