"""Sequences for code that computes log-probabilities: ragged, with prompts, padding, holes and rows of nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.logprob import LogpProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: What states are multiplied by: mostly nothing, sometimes until predictions are sure, or nearly even.
SIZES = (1.0, 1.0, 1 / 4, 1 / 16, 4.0, 1.0)


@st.composite
def logp_problems(
    draw: Draw,
    *,
    max_b: int = 3,
    max_t: int = 5,
    max_v: int = 5,
    sizes: tuple[float, ...] = SIZES,
    empty_rows: bool = True,
) -> LogpProblem:
    """Draw a `LogpProblem`: up to 3 sequences of 2 to 5 tokens over 2 to 5 ids, with states of 1 or 2 dimensions."""
    choices = Choices(draw(byte_strings(18 + 4 * max_b)))
    b, t = choices.between(1, max_b), choices.between(2, max_t)
    v, d = choices.between(2, max_v), choices.between(1, 2)
    states = decode(draw(byte_strings(max_b * max_t * 2)), ENTRIES, max_b, max_t, 2)[:b, :t, :d]
    head = decode(draw(byte_strings(max_v * 3)), ENTRIES, max_v, 3)[:v]
    tokens = decode(draw(byte_strings(max_b * max_t)), np.arange(v), max_b, max_t)[:b, :t]
    upstream = decode(draw(byte_strings(max_b * max_t)), ENTRIES, max_b, max_t)[:b, :t]
    size, dtype = choices.pick(sizes), choices.pick(DTYPES)
    options = np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
    rows = [_mask(choices, t, empty=empty_rows) for _ in range(b)]
    return LogpProblem(
        states=np.ascontiguousarray(states) * size,
        weight=np.ascontiguousarray(head[:, :d]),
        bias=np.ascontiguousarray(head[:, 2]),
        tokens=np.ascontiguousarray(tokens, dtype=np.int64),
        mask=np.array(rows, dtype=np.int64),
        choices=options,
        upstream=np.ascontiguousarray(upstream),
        dtype=dtype,
    )


def _mask(choices: Choices, t: int, *, empty: bool) -> list[int]:
    """A response between prompt and padding, sometimes with a hole in it; rarely nothing, if that is allowed."""
    start = choices.between(1, t - 1) if t > 2 else 1
    end = start + 1 + choices.between(0, t - start - 1)
    hole, nothing = choices.between(0, 7), choices.between(0, 15) == 15 and empty
    scored = [int(start <= at < end) for at in range(t)]
    if hole == 7 and end - start > 2:
        scored[start + 1] = 0
    if hole == 6:
        scored[0] = 1  # a first token that nothing predicts
    return [0] * t if nothing else scored
