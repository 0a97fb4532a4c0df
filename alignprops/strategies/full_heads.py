"""Small heads of three to six rows, to be trained in full by autograd (LD-1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.full_head import FullHeadProblem
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode
from alignprops.strategies.heads import head_problems

Draw = Callable[[st.SearchStrategy[Any]], Any]
MOST_ROWS, MOST_DIMENSIONS = 6, 4


@st.composite
def full_head_problems(draw: Draw) -> FullHeadProblem:
    """Draw a `FullHeadProblem` of at most 5 samples, 4 dimensions, 6 rows and 6 steps; (S4) holds."""
    problem = draw(
        head_problems(step_size="S4", behaviours=1, max_n=5, max_d=MOST_DIMENSIONS, max_steps=6, larger=False)
    )
    choices = Choices(draw(byte_strings(4)))
    rows = choices.between(3, MOST_ROWS)
    table = decode(draw(byte_strings(MOST_ROWS * MOST_DIMENSIONS)), ENTRIES, MOST_ROWS, MOST_DIMENSIONS)
    yes = choices.between(0, rows - 1)
    no = (yes + choices.between(1, rows - 1)) % rows
    return FullHeadProblem(problem, np.ascontiguousarray(table[:rows, : problem.d]), yes, no)
