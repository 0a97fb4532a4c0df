"""Positions with what policy and reference say there, for estimators of the KL divergence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.kl import KlProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: −k/8 down to −8: exact in half precision.
LOGPS = -np.array([1.0, 0.0, 2.0, *(k / 8 for k in range(65) if k not in (0, 8, 16))])
#: What they are multiplied by: mostly nothing, sometimes so much that log-ratios reach 200 and more.
SIZES = (1.0, 1.0, 1 / 16, 1.0, 4.0, 1.0, 32.0)
#: How much closer to the policy than drawn the reference may lie: where estimates cancel.
NEARNESS = (1.0, 1.0, 1.0, 2.0**-12, 1.0, 2.0**-8, 2.0**-19)


@st.composite
def kl_problems(
    draw: Draw, *, max_b: int = 3, max_t: int = 4, max_v: int = 4, sizes: tuple[float, ...] = SIZES
) -> KlProblem:
    """Draw a `KlProblem`: up to 3 rows of up to 4 positions over up to 4 tokens; rows may be masked altogether."""
    choices = Choices(draw(byte_strings(12 + max_b)))
    b, t, v = choices.between(1, max_b), choices.between(1, max_t), choices.between(1, max_v)
    tables = decode(draw(byte_strings(2 * max_b * max_t * max_v)), LOGPS, 2, max_b, max_t, max_v)[:, :b, :t, :v]
    policy, other = tables * choices.pick(sizes)
    nearness = choices.pick(NEARNESS)
    upstream = decode(draw(byte_strings(max_b * max_t)), ENTRIES, max_b, max_t)[:b, :t]
    dtype = choices.pick(DTYPES)
    options = np.array([choices.between(0, 255) for _ in range(4)], dtype=np.int64)
    lengths = [choices.between(1, t), *(choices.between(0, t) for _ in range(b - 1))]
    return KlProblem(
        policy=np.ascontiguousarray(policy),
        reference=other if nearness == 1.0 else policy + nearness * (other - policy),
        mask=(np.arange(t) < np.array(lengths)[:, None]).astype(np.int64),
        choices=options,
        upstream=np.ascontiguousarray(upstream),
        dtype=dtype,
    )
