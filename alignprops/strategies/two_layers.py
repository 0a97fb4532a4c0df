"""A layer below a frozen head, with balanced or unbalanced classes (LD-13, LD-14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.strategies.grids import BETAS, ENTRIES, SCALES, Choices, byte_strings, decode
from alignprops.strategies.heads import head_problems

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: η, from a step that hardly moves B to one that replaces it.
RATES = tuple(2.0**k for k in (0, -1, -2, -4, -8, 1, 2, -12, 4))
#: Heads that oppose what the layer has learned, −B_0Δ, are what the premise of LD-14 is about.
_HEADS = ("drawn", "drawn", "along BΔ", "against BΔ")


@st.composite
def two_layer_problems(
    draw: Draw, *, balanced: bool = True, max_n: int = 8, max_d: int = 6, max_width: int = 4
) -> TwoLayerProblem:
    """Draw a `TwoLayerProblem` with both classes; exactly balanced unless asked otherwise."""
    inputs = draw(
        head_problems(
            step_size="S",
            balanced=balanced or None,
            classes="both",
            behaviours=1,
            max_n=max_n,
            max_d=max_d,
            larger=False,
        )
    )
    choices = Choices(draw(byte_strings(6)))
    width = choices.between(1, max_width)
    drawn = draw(byte_strings(max_width * (max_d + 1)))
    table = decode(drawn, ENTRIES, max_width, max_d + 1)[:width]
    layer = np.ascontiguousarray(table[:, : inputs.d]) * choices.pick(SCALES)
    head = np.ascontiguousarray(table[:, -1])
    kind = choices.pick(_HEADS)
    if kind != "drawn":
        learned = layer @ (inputs.class_mean(1) - inputs.class_mean(-1))
        head = learned if kind == "along BΔ" else -learned
    eta, beta = choices.pick(RATES), float(choices.pick(BETAS))
    return TwoLayerProblem(inputs.features, inputs.signs, inputs.counts, layer, head, eta, beta)
