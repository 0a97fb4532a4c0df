"""Clouds of LD-9 with α from 0.5 to 2 and margins around the scale K, where the bound is neither 0 nor 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.clouds import Cloud, Noise
from alignprops.strategies.grids import ENTRIES, SCALES, Choices, byte_strings, decode

Draw = Callable[[st.SearchStrategy[Any]], Any]
ALPHAS = (1.0, 2.0, 1 / 2, 3 / 4, 3 / 2)
#: m/K: the margin of the class mean in units of the scale of the noise. (¾)^α is just above log 2 for α = 1.
MARGINS = (1.0, 1 / 2, 2.0, 1 / 4, 1 / 8, 3.0, 3 / 4)
NOISES: tuple[Noise, ...] = ("radial", "two-sided", "one-sided")


@st.composite
def clouds(draw: Draw, *, trials: int = 4000, max_d: int = 6) -> Cloud:
    """Draw a `Cloud`; its margin is positive by construction."""
    choices = Choices(draw(byte_strings(6)))
    d = choices.between(1, max_d)
    direction, across = decode(draw(byte_strings(2 * max_d)), ENTRIES, 2, max_d)[:, :d]
    if not direction.any():
        direction = np.eye(d)[0]
    scale = choices.pick(SCALES)
    along = direction / np.linalg.norm(direction)
    mean = choices.pick(MARGINS) * scale * along + (across - (across @ along) * along)
    alpha, noise = choices.pick(ALPHAS), choices.pick(NOISES)
    seed = draw(st.integers(0, 2**32 - 1))
    return Cloud(mean, np.ascontiguousarray(direction), alpha, scale, trials, seed, noise)
