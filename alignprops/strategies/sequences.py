"""Padded sequences with a head, for what computes log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode
from alignprops.training.sequence_problem import Dtype, SequenceProblem

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: ±4 in steps of 1/8 has 6 significant bits; times a power of two it stays exact in half precision.
SIZES = tuple(2.0**k for k in (0, 1, -2, 2, 3, -6))
SCALES = (1.0, 0.25, 2.0, -0.5)
DTYPES: tuple[Dtype, ...] = ("float64", "float32", "bfloat16", "float16")


@st.composite
def sequence_problems(draw: Draw, *, max_b: int = 3, max_t: int = 6, max_d: int = 4, max_v: int = 9) -> SequenceProblem:
    """Draw a `SequenceProblem`: B sequences of at most T tokens, padded, each with a prompt and a response.

    What stands behind the end of a sequence is as arbitrary as the rest: nothing may depend on it.
    """
    choices = Choices(draw(byte_strings(10 + 2 * max_b)))
    b, t, d = choices.between(1, max_b), choices.between(2, max_t), choices.between(1, max_d)
    v = choices.between(2, max_v)
    states = decode(draw(byte_strings(max_b * max_t * max_d)), ENTRIES, max_b, max_t, max_d)[:b, :t, :d]
    table = decode(draw(byte_strings(max_v * (max_d + 1))), ENTRIES, max_v, max_d + 1)[:v]
    tokens = decode(draw(byte_strings(max_b * max_t)), np.arange(v), max_b, max_t)[:b, :t]
    upstream = decode(draw(byte_strings(max_b)), ENTRIES, max_b)[:b]
    size, scale, has_bias = choices.pick(SIZES), choices.pick(SCALES), choices.pick((True, False))
    dtype, chunk = choices.pick(DTYPES), choices.between(1, max_b * max_t)
    ends = np.array([t - choices.between(0, t - 2) for _ in range(b)], dtype=np.int64)  # from 2 to t
    starts = np.array([1 + choices.between(0, int(end) - 2) for end in ends], dtype=np.int64)
    return SequenceProblem(
        states=np.ascontiguousarray(states) * size,
        weight=np.ascontiguousarray(table[:, :d]),
        bias=np.ascontiguousarray(table[:, -1]) * has_bias,
        scale=scale,
        tokens=np.ascontiguousarray(tokens),
        starts=starts,
        ends=ends,
        upstream=np.ascontiguousarray(upstream),
        dtype=dtype,
        chunk=chunk,
    )
