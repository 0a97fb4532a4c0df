"""Last-layer problems with other convex losses (LD-23): a problem of heads.py, a loss, and η within its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.convex import ConvexProblem, at_the_share_of_the_limit
from alignprops.dynamics.convex_layer import LayerBelow
from alignprops.losses import PAIRWISE_LOSSES
from alignprops.strategies.grids import ENTRIES, Choices, byte_strings, decode
from alignprops.strategies.heads import StepSize, head_problems

Draw = Callable[[st.SearchStrategy[Any]], Any]

SMOOTH = ("sigmoid", "ipo", "label-smoothed", "robust", "squared-hinge")
EVERY = (*SMOOTH, "hinge", "exponential")
#: Dyadic hyper-parameters, the usual one first.
PARAMETERS = {"label_smoothing": (1 / 8, 1 / 4, 1 / 16, 3 / 8), "tau": (1 / 8, 1 / 2, 1.0, 1 / 4, 2.0)}


@st.composite
def convex_problems(
    draw: Draw, /, *, losses: tuple[str, ...] = EVERY, step_size: StepSize = "S", **settings: Any
) -> ConvexProblem:
    """Draw a `ConvexProblem` with one of `losses`; `settings` are those of `head_problems`."""
    problem = draw(head_problems(step_size=step_size, **settings))
    choices = Choices(draw(byte_strings(2)))
    loss = choices.pick(losses)
    named = next(iter(PAIRWISE_LOSSES[loss].parameters), None)
    return at_the_share_of_the_limit(problem, loss, None if named is None else choices.pick(PARAMETERS[named]))


@st.composite
def hinge_flow_problems(draw: Draw) -> ConvexProblem:
    """Draw a hinge problem whose samples lie on the axes, where gradient flow is solved exactly."""
    problem = draw(convex_problems(losses=("hinge",), step_size="any", max_steps=6, larger=False))
    axes = np.arange(problem.n) % problem.d
    features = np.zeros_like(problem.features)
    features[np.arange(problem.n), axes] = problem.features[np.arange(problem.n), axes]
    made: ConvexProblem = replace(problem, features=features)
    return made


@st.composite
def layers_below(draw: Draw) -> LayerBelow:
    """Draw a `LayerBelow` of one to three rows."""
    problem = draw(convex_problems(step_size="any", max_steps=1, larger=False))
    rows = Choices(draw(byte_strings(1))).between(1, 3)
    return LayerBelow(problem, decode(draw(byte_strings(3)), ENTRIES, 3)[:rows])
