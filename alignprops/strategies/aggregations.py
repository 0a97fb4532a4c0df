"""Numbers of tokens under masks: ragged, with holes, with rows of nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.aggregation import AggregationProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
SIZES = (1.0, 1.0, 1.0, 16.0, 1 / 16, 512.0)


@st.composite
def aggregation_problems(
    draw: Draw,
    *,
    max_b: int = 4,
    max_t: int = 5,
    sizes: tuple[float, ...] = SIZES,
    empty_rows: bool = True,
    min_tokens: int = 2,
) -> AggregationProblem:
    """Draw an `AggregationProblem`: up to 4 rows of 1 to 5 tokens, with `min_tokens` (at most 2) that count."""
    choices = Choices(draw(byte_strings(14 + 2 * max_b)))
    b, t = choices.between(1, max_b), choices.between(1 if min_tokens < 2 else 2, max_t)
    values = decode(draw(byte_strings(max_b * max_t)), ENTRIES, max_b, max_t)[:b, :t] * choices.pick(sizes)
    upstream = decode(draw(byte_strings(max_b * max_t)), ENTRIES, max_b, max_t)[:b, :t]
    dtype = choices.pick(DTYPES)
    options = np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
    mask = np.array([_row(choices, t, empty=empty_rows) for _ in range(b)], dtype=np.int64)
    mask[0, :min_tokens] = 1
    return AggregationProblem(
        values=np.ascontiguousarray(values),
        mask=mask,
        choices=options,
        upstream=np.ascontiguousarray(upstream),
        dtype=dtype,
    )


def _row(choices: Choices, t: int, *, empty: bool) -> list[int]:
    length, kind = choices.between(1, t), choices.between(0, 7)
    scored = [int(at < length) for at in range(t)]
    if kind == 7 and empty:
        return [0] * t
    if kind == 6:
        return scored[::-1]  # padded on the left
    if kind == 5 and length > 2:
        scored[1] = 0
    return scored
