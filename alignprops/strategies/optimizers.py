"""Heads about to be trained with AdamW's first step, or by gradient descent with weight decay (LD-18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.adamw import AdamProblem
from alignprops.dynamics.starting_head import StartingHead
from alignprops.dynamics.weight_decay import DecayProblem
from alignprops.strategies.grids import ENTRIES, SCALES, Choices, byte_strings, decode
from alignprops.strategies.heads import FRACTIONS, head_problems
from alignprops.strategies.starting_heads import starting_difference

Draw = Callable[[st.SearchStrategy[Any]], Any]
MOST_ROWS, MOST_DIMENSIONS = 5, 6
#: AdamW's rates do not depend on the data. 2⁻²⁷ stands for the usual ε = 1e-8, 2⁻⁷ for the usual decay of 0.01.
RATES = tuple(2.0**k for k in (-3, 0, -6, -10, 1))
EPSILONS = (2.0**-27, 0.0, 2.0**-10, 1 / 4, 0.0)
DECAYS = (0.0, 2.0**-7, 1 / 4, 1.0)


@st.composite
def adam_problems(draw: Draw, /, *, decay: bool = False, epsilon: bool = True, **options: Any) -> AdamProblem:
    """Draw an `AdamProblem` of three to five rows; without decay, or without ε, if asked for.

    The options are those of `head_problems`.
    """
    problem = draw(head_problems(step_size="any", max_steps=1, max_d=MOST_DIMENSIONS, larger=False, **options))
    choices = Choices(draw(byte_strings(7)))
    rows = choices.between(3, MOST_ROWS)
    drawn = decode(draw(byte_strings(MOST_ROWS * MOST_DIMENSIONS)), ENTRIES, MOST_ROWS, MOST_DIMENSIONS)
    table = np.ascontiguousarray(drawn[:rows, : problem.d]) * choices.pick(SCALES)
    yes = choices.between(0, rows - 1)
    no = (yes + choices.between(1, rows - 1)) % rows
    return AdamProblem(
        replace(problem, eta=choices.pick(RATES)),
        table,
        yes,
        no,
        choices.pick(DECAYS) if decay else 0.0,
        choices.pick(EPSILONS) if epsilon else 0.0,
    )


@st.composite
def decay_problems(draw: Draw, *, beyond: float = 1.0) -> DecayProblem:
    """Draw a `DecayProblem` with η(ω + β²λ/4) ≤ 1, or up to `beyond`."""
    problem = draw(head_problems(step_size="S4"))
    choices = Choices(draw(byte_strings(7)))
    start = starting_difference(draw, choices, problem)
    curvature = problem.beta**2 * problem.curvature_upper / 4
    decay = (curvature or 1.0) * choices.pick((1.0, 1 / 4, 4.0, 1 / 64, 16.0))
    decay = float(2.0 ** np.round(np.log2(decay)))
    fraction = choices.pick(FRACTIONS) * (beyond if choices.between(0, 1) else 1.0)
    bits, exponent = np.frexp(fraction / (decay + curvature) * (1 - 2.0**-40))
    eta = float(np.ldexp(np.floor(bits * 256) / 256, int(exponent)))
    return DecayProblem(StartingHead(replace(problem, eta=eta), start), decay)
