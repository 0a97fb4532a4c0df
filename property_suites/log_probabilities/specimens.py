"""Instances in which every mistake shows: unequal lengths, padding, a bias, a scale, unequal upstreams."""

from __future__ import annotations

import numpy as np

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
