"""Batches of sampled responses, token by token: ragged, with ratios on both sides of every clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.policy import PolicyProblem
from alignprops.conformance.policy_enumeration import EnumerationProblem
from alignprops.conformance.precision import DTYPES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: −k/8 down to −8: exact in half precision.
LOGPS = -np.array([1.0, 0.0, 2.0, *(k / 8 for k in range(65) if k not in (0, 8, 16))])
#: How far other policies are from the current one: mostly near the ranges, sometimes far beyond.
GAPS = np.array([0.0, *(s * k / 8 for k in (1, 2, 3, 4, 8, 16, 1, 2, 24) for s in (1, -1))])
#: Gaps at which exp over- or underflows in single precision.
HUGE_GAPS = np.array([200.0, -200.0, 0.0, 96.0, -96.0, 0.25, -0.25])


@st.composite
def policy_problems(
    draw: Draw,
    *,
    max_b: int = 4,
    max_t: int = 5,
    gaps: Any = GAPS,
    min_b: int = 1,
    dtypes: tuple[str, ...] = DTYPES,
) -> PolicyProblem:
    """Draw a `PolicyProblem`: up to 4 responses of up to 5 tokens, ragged, at least one token a response."""
    choices = Choices(draw(byte_strings(12 + max_b)))
    b, t = choices.between(min_b, max_b), choices.between(1, max_t)
    logps = decode(draw(byte_strings(max_b * max_t)), LOGPS, max_b, max_t)
    moved = decode(draw(byte_strings(3 * max_b * max_t)), np.asarray(gaps), 3, max_b, max_t)
    rest = decode(draw(byte_strings(5 * max_b * max_t)), ENTRIES, 5, max_b, max_t)
    dtype = choices.pick(dtypes)
    options = np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
    lengths = np.array([choices.between(1, t) for _ in range(b)])
    old, ref, rollout = (np.minimum(logps - gap, 0.0) for gap in moved)
    advantages, values, old_values, returns, upstream = rest
    tables = {
        "logps": logps,
        "old_logps": old,
        "ref_logps": ref,
        "rollout_logps": rollout,
        "advantages": advantages,
        "values": values,
        "old_values": old_values,
        "returns": returns,
        "upstream": upstream,
    }
    return PolicyProblem(
        **{name: np.ascontiguousarray(table[:b, :t]) for name, table in tables.items()},
        mask=(np.arange(t) < lengths[:, None]).astype(np.int64),
        choices=options,
        dtype=dtype,
    )


@st.composite
def enumeration_problems(draw: Draw, *, max_k: int = 4) -> EnumerationProblem:
    """Draw an `EnumerationProblem`: up to 4 responses, drawn up to 4 times each, of equal lengths half of the time."""
    choices = Choices(draw(byte_strings(12 + 4 * max_k)))
    k = choices.between(2, max_k)
    equal, length = choices.between(0, 1) == 0, choices.between(1, 4)
    return EnumerationProblem(
        counts=np.array([choices.between(1, 4) for _ in range(k)], dtype=np.int64),
        weights=np.array([choices.between(1, 9) for _ in range(k)], dtype=np.int64),
        rewards=np.array([choices.pick(ENTRIES) for _ in range(k)]),
        lengths=np.array([length if equal else choices.between(1, 4) for _ in range(k)], dtype=np.int64),
        shift=float(choices.pick(ENTRIES)),
        choices=np.array([choices.between(0, 3)] * 8, dtype=np.int64),
        dtype=choices.pick(DTYPES),
    )
