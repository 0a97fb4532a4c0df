"""Batches of single answers with a label, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.precision import DTYPES
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode
from alignprops.strategies.pairs import LOGPS, SIZES

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: Density ratios and reward shifts.
RATIOS = np.array([1.0, 1 / 2, 2.0, 3 / 4, 0.0, 5.0])
SHIFTS = np.array([0.0, 1.0, -1.0, 1 / 2, -3 / 8, 2.0])
#: Labels, unequal in number; a batch of one always has an empty class.
WANTED = np.array([1, 0, 1, 1], dtype=np.int64)


@st.composite
def unpaired_problems(
    draw: Draw, *, max_b: int = 4, max_t: int = 4, sizes: tuple[float, ...] = SIZES
) -> UnpairedProblem:
    """Draw an `UnpairedProblem`: up to 4 answers of up to 4 tokens, ragged, unequal classes, one perhaps empty."""
    choices = Choices(draw(byte_strings(14 + 4 * max_b)))
    b, t = choices.between(1, max_b), choices.between(1, max_t)
    tables = decode(draw(byte_strings(4 * max_b * max_t)), LOGPS, 4, max_b, max_t)[:, :b, :t] * choices.pick(sizes)
    upstream = decode(draw(byte_strings(max_b)), ENTRIES, max_b)[:b]
    dtype, delta = choices.pick(DTYPES), float(choices.pick(SHIFTS))
    options = np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
    masks = [np.arange(t) < np.array([choices.between(1, t) for _ in range(b)])[:, None] for _ in range(2)]
    desirable = np.array([choices.pick(WANTED) for _ in range(b)], dtype=np.int64)
    weights = np.array([choices.pick(RATIOS) for _ in range(b)])
    policy, reference, policy_kl, reference_kl = np.ascontiguousarray(tables)
    return UnpairedProblem(
        policy_logps=policy,
        reference_logps=reference,
        mask=masks[0].astype(np.int64),
        policy_kl_logps=policy_kl,
        reference_kl_logps=reference_kl,
        kl_mask=masks[1].astype(np.int64),
        desirable=desirable,
        weights=weights,
        delta=delta,
        choices=options,
        upstream=np.ascontiguousarray(upstream),
        dtype=dtype,
    )
