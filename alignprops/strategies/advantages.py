"""Rewards over time and in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.advantage import AdvantageProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: Binary rewards too, and groups that are constant.
SPREADS = (1.0, 1.0, 1 / 4, 16.0, 0.0, 1.0)
OFFSETS = (0.0, 0.0, 0.0, 1024.0, 0.0, 1e6)


@st.composite
def advantage_problems(
    draw: Draw, *, max_b: int = 3, max_t: int = 5, max_g: int = 3, max_n: int = 5
) -> AdvantageProblem:
    """Draw an `AdvantageProblem`: at most 3 rows of 5 steps, masked anywhere, and 3 groups of 5 responses."""
    choices = Choices(draw(byte_strings(16 + max_g * max_n)))
    b, t, g, n = (choices.between(1, most) for most in (max_b, max_t, max_g, max_n))
    rewards = decode(draw(byte_strings(max_b * max_t)), ENTRIES, max_b, max_t)[:b, :t]
    values = decode(draw(byte_strings(max_b * (max_t + 1))), ENTRIES, max_b, max_t + 1)[:b, : t + 1]
    flags = decode(draw(byte_strings(2 * max_b * max_t)), np.array([0, 0, 1], np.int64), 2, max_b, max_t)[:, :b, :t]
    scores = decode(draw(byte_strings(max_g * max_n)), ENTRIES, max_g, max_n)[:g, :n]
    spread, offset = choices.pick(SPREADS), choices.pick(OFFSETS)
    dtype = choices.pick(DTYPES)
    options = np.array([choices.between(0, 255) for _ in range(4)], dtype=np.int64)
    order = np.argsort([choices.between(0, 255) for _ in range(g * n)], kind="stable")
    return AdvantageProblem(
        rewards=np.ascontiguousarray(rewards),
        values=np.ascontiguousarray(values),
        dones=np.ascontiguousarray(flags[0]),
        mask=1 - np.ascontiguousarray(flags[1]),
        scores=offset + spread * np.ascontiguousarray(scores),
        order=order.astype(np.int64),
        choices=options,
        dtype=dtype,
    )
