"""Last-layer problems with a head that has an opinion already: for, against or across the mean shift (LD-19)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.starting_head import StartingHead
from alignprops.strategies.grids import FILLINGS, Choices, byte_strings, decode
from alignprops.strategies.heads import StepSize, head_problems

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: Sizes of w0, in units of what one step of the run moves.
SIZES = (1.0, 0.0, 1 / 2, 2.0, 1 / 8, 8.0, 32.0)
MOST_DIMENSIONS = 6


def starting_difference(draw: Draw, choices: Choices, problem: HeadProblem) -> NDArray[np.float64]:
    """w0 (d,) on a dyadic grid: drawn, or for or against the mean shift, of the size of the first step."""
    table = decode(draw(byte_strings(2 * MOST_DIMENSIONS)), FILLINGS, 2 * MOST_DIMENSIONS)[: problem.d]
    kind = choices.between(0, 3)
    step = problem.eta * problem.beta * problem.shift
    unit = 2.0 ** np.round(np.log2(max(float(np.abs(step).max()), 2.0**-60)))
    drawn = table * unit
    if kind >= 2:
        drawn = np.round(step / unit * 64) / 64 * unit * (1 if kind == 2 else -1) + drawn / 64
    return np.ascontiguousarray(drawn * choices.pick(SIZES))


@st.composite
def starting_heads(draw: Draw, /, *, step_size: StepSize = "S", **options: Any) -> StartingHead:
    """Draw a `StartingHead`; the options are those of `head_problems`."""
    problem = draw(head_problems(step_size=step_size, **options))
    choices = Choices(draw(byte_strings(4)))
    return StartingHead(problem, starting_difference(draw, choices, problem))
