"""Pairs on which votes are divided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.conformance.precision import DTYPES
from alignprops.conformance.votes import VotesProblem
from alignprops.strategies.grids import FILLINGS, Choices, byte_strings, decode
from alignprops.strategies.pairs import LOGPS

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: p = k/16, the simplest first.
SHARES = np.array([k / 16 for k in (12, 4, 8, 10, 14, 15, 1, 2, 3, 5, 6, 7, 9, 11, 13)])
#: What log-ratio differences are multiplied by.
SIZES = (1.0, 1 / 16, 4.0, 1.0)


@st.composite
def votes_problems(draw: Draw, *, max_m: int = 4) -> VotesProblem:
    """Draw a `VotesProblem`: one to four policies, p in steps of 1/16, log-ratio differences up to ±16."""
    choices = Choices(draw(byte_strings(12)))
    m, size = choices.between(1, max_m), choices.pick(SIZES)
    differences = decode(draw(byte_strings(max_m)), FILLINGS, max_m)[:m] * size
    base = decode(draw(byte_strings(3)), LOGPS, 3)
    share, dtype = float(choices.pick(SHARES)), choices.pick(DTYPES)
    options = np.array([choices.between(0, 255) for _ in range(8)], dtype=np.int64)
    return VotesProblem(np.ascontiguousarray(differences), share, np.ascontiguousarray(base), options, dtype)
