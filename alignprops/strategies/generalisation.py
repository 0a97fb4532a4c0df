"""What statements about fresh samples are attacked with: finite populations, and training sets with class means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alignprops.dynamics.class_means import SampledClasses, TrainedOnClasses
from alignprops.dynamics.clouds import Noise
from alignprops.dynamics.stability import StabilityProblem
from alignprops.strategies.grids import BETAS, ENTRIES, SCALES, Choices, byte_strings, decode
from alignprops.strategies.heads import FRACTIONS, head_problems

Draw = Callable[[st.SearchStrategy[Any]], Any]
NOISES: tuple[Noise, ...] = ("one-sided", "two-sided", "radial")


@st.composite
def stability_problems(draw: Draw, *, most_steps: int = 6) -> StabilityProblem:
    """Two or three atoms, up to four draws, ηβ²R² up to 4."""
    choices = Choices(draw(byte_strings(9)))
    count, d, draws = choices.between(2, 3), choices.between(1, 3), choices.between(1, 4)
    atoms = np.ascontiguousarray(decode(draw(byte_strings(9)), ENTRIES, 3, 3)[:count, :d]) * choices.pick(SCALES)
    weights = np.array([choices.between(1, 4) for _ in range(count)], dtype=np.int64)
    beta, steps = float(choices.pick(BETAS)), choices.between(1, most_steps)
    squared = float((atoms**2).sum(axis=1).max())
    fraction = float(draw(st.sampled_from(FRACTIONS)))
    # Exactly representable numbers, 1/256 short of the limit.
    eta = fraction * 2.0 ** np.floor(np.log2(4 * (1 - 2.0**-8) / (beta**2 * squared))) if squared else fraction
    return StabilityProblem(atoms, weights, draws, float(eta), beta, steps)


@st.composite
def trained_on_classes(draw: Draw, *, trials: int = 1000) -> TrainedOnClasses:
    """A training set of both classes, class means near its own or far off, and noise for fresh samples."""
    problem = draw(
        head_problems(step_size="S", classes="both", behaviours=1, max_n=8, max_d=4, max_steps=8, larger=False)
    )
    choices = Choices(draw(byte_strings(6)))
    own = np.stack([problem.class_mean(1), problem.class_mean(-1)])
    off = decode(draw(byte_strings(8)), ENTRIES, 2, 4)[:, : problem.d] * float(
        choices.pick((0.0, 2.0**-8, 2.0**-4, 0.5))
    )
    scale = max(float(np.abs(own).max()), 1.0)
    return TrainedOnClasses(
        problem,
        own + scale * off,
        looseness=float(choices.pick((1.0, 1.5, 4.0))),
        alpha=float(choices.pick((1.0, 2.0, 0.5))),
        share=float(choices.pick((1.0, 0.5, 2.0, 0.25))),
        noise=choices.pick(NOISES),
        trials=trials,
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@st.composite
def sampled_classes(draw: Draw, *, trials: int = 250) -> SampledClasses:
    """Class means and bounded noise: many training sets of n samples."""
    choices = Choices(draw(byte_strings(8)))
    d = choices.between(1, 4)
    means = decode(draw(byte_strings(8)), ENTRIES, 2, 4)[:, :d]
    return SampledClasses(
        means=np.ascontiguousarray(means),
        radius=float(choices.pick(SCALES)),
        share=float(choices.pick((1.0, 0.25, 1 / 16))),
        samples=2 * choices.between(1, 6),
        delta=float(choices.pick((0.5, 0.75, 0.25, 1 / 64))),
        trials=trials,
        seed=draw(st.integers(0, 2**32 - 1)),
    )
