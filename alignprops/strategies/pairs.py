"""Batches of preference pairs, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: −k/8 down to −8: exact in half precision, and their sums in float32.
LOGPS = 0.0 - np.array([1.0, 0.0, 2.0, *(k / 8 for k in range(65) if k not in (0, 8, 16))])
#: What log-probabilities are multiplied by: mostly nothing, sometimes so much that margins reach 1e4.
SIZES = (1.0, 1.0, 1.0, 1.0, 1 / 16, 1.0, 16.0, 512.0)


@st.composite
def pairwise_problems(
    draw: Draw, *, max_b: int = 4, max_t: int = 5, sizes: tuple[float, ...] = SIZES
) -> PairwiseProblem:
    """Draw a `PairwiseProblem`: up to 4 pairs of up to 5 tokens, ragged, at least one token a response."""
    choices = Choices(draw(byte_strings(12 + 2 * max_b)))
    b, t = choices.between(1, max_b), choices.between(1, max_t)
    tables = decode(draw(byte_strings(4 * max_b * max_t)), LOGPS, 4, max_b, max_t)[:, :b, :t] * choices.pick(sizes)
    upstream = decode(draw(byte_strings(max_b)), ENTRIES, max_b)[:b]
    dtype = choices.pick(DTYPES)
    options = np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
    lengths = [[choices.between(1, t) for _ in range(b)] for _ in range(2)]
    masks = [(np.arange(t) < np.array(row)[:, None]).astype(np.int64) for row in lengths]
    policy_chosen, policy_rejected, reference_chosen, reference_rejected = np.ascontiguousarray(tables)
    return PairwiseProblem(
        policy_chosen_logps=policy_chosen,
        policy_rejected_logps=policy_rejected,
        reference_chosen_logps=reference_chosen,
        reference_rejected_logps=reference_rejected,
        chosen_mask=masks[0],
        rejected_mask=masks[1],
        choices=options,
        upstream=np.ascontiguousarray(upstream),
        dtype=dtype,
    )
