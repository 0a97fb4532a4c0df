"""Mini-batch problems: samples and an order of batches, or a scheme that draws them (LD-16)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignprops.dynamics.batch_schemes import BatchScheme, Scheme
from alignprops.dynamics.minibatch import MiniBatchProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.strategies.grids import Choices, byte_strings
from alignprops.strategies.heads import FRACTIONS, LIMITS, Classes, StepSize, head_problems

Draw = Callable[[st.SearchStrategy[Any]], Any]
MOST_SAMPLES, MOST_STEPS, MOST_VISITS = 8, 12, 48
#: Schemes with few enough sequences of batches to enumerate: samples, batch size, steps.
SMALL: dict[Scheme, tuple[tuple[int, int, int], ...]] = {
    "replaced": ((1, 1, 3), (2, 1, 4), (2, 2, 3), (3, 1, 4), (3, 2, 2), (4, 1, 3), (4, 2, 2), (5, 1, 2)),
    "distinct": ((2, 1, 4), (2, 2, 3), (3, 2, 4), (4, 2, 3), (4, 3, 3), (5, 2, 2), (5, 4, 2)),
    "reshuffled": ((2, 1, 4), (3, 1, 4), (4, 2, 4), (4, 1, 4), (3, 3, 3), (6, 3, 4)),
    "stratified": ((2, 2, 2), (3, 2, 2), (4, 2, 1), (5, 4, 1), (6, 4, 1)),
}


def at_fraction(curvature: Any, *, beta: float, step_size: StepSize, fraction: float) -> float:
    """η at a fraction of limit/(β²λ) for a measured λ: never above the limit for fraction ≤ 1, 8 bits below it."""
    upper = float(curvature.value + 2 * curvature.error)
    if upper == 0:
        return float(fraction)
    wanted = fraction * LIMITS[step_size] / (beta**2 * upper)
    if fraction == 1:
        return float(np.nextafter(wanted * (1 - 2.0**-50), 0))
    bits, exponent = np.frexp(wanted)
    return float(np.ldexp(np.floor(bits * 256) / 256, int(exponent)))


def of_single_samples(problem: HeadProblem) -> HeadProblem:
    """The same rows, each counted once."""
    return replace(problem, counts=np.ones_like(problem.counts))


@st.composite
def mini_batch_problems(draw: Draw, /, *, step_size: StepSize = "S", **options: Any) -> MiniBatchProblem:
    """Draw a `MiniBatchProblem` with η within the premise for λ_B; the options are those of `head_problems`."""
    problem = of_single_samples(draw(head_problems(step_size="any", max_n=MOST_SAMPLES, larger=False, **options)))
    choices = Choices(draw(byte_strings(5)))
    steps = choices.between(1, MOST_STEPS)
    drawn = np.frombuffer(draw(byte_strings(MOST_STEPS * MOST_SAMPLES)), np.uint8).reshape(MOST_STEPS, MOST_SAMPLES)
    sizes = [size for size in range(1, problem.n + 1) if problem.n % size == 0]
    size = choices.pick(sizes) if choices.between(0, 2) else choices.between(1, problem.n)
    reshuffle = choices.between(0, 2) != 2
    rows = _reshuffled(drawn, problem.n, size, steps) if reshuffle else drawn[:steps, :size] % problem.n
    made = MiniBatchProblem(problem, np.ascontiguousarray(rows, dtype=np.int64))
    eta = at_fraction(made.curvature, beta=problem.beta, step_size=step_size, fraction=choices.pick(FRACTIONS))
    return replace(made, problem=replace(problem, eta=eta, steps=steps))


def _reshuffled(drawn: NDArray[np.uint8], n: int, size: int, steps: int) -> NDArray[Any]:
    """Epochs without replacement, in the orders of the draws; an epoch's rest is dropped."""
    per_epoch = n // size
    orders = np.argsort(drawn[:, :n], axis=1, kind="stable")
    return orders[:, : per_epoch * size].reshape(-1, size)[:steps]


@st.composite
def batch_schemes(
    draw: Draw, *, step_size: StepSize = "S", schemes: Sequence[Scheme] = ("replaced", "distinct", "reshuffled")
) -> BatchScheme:
    """Draw a `BatchScheme` whose sequences of batches are few, η within the premise for λ_B over all batches."""
    choices = Choices(draw(byte_strings(4)))
    scheme = choices.pick(tuple(schemes))
    n, size, steps = choices.pick(SMALL[scheme])
    classes: Classes = "both" if scheme == "stratified" else "any"
    drawn = draw(head_problems(step_size="any", max_n=8, max_d=3, larger=False, classes=classes))
    take = np.arange(n) % drawn.n
    if scheme == "stratified":  # the first and the last sample are of different classes
        take[-1] = drawn.n - 1
    many = np.ones(n, np.int64)
    problem = replace(
        drawn,
        features=np.ascontiguousarray(drawn.features[take]),
        signs=drawn.signs[take],
        counts=many,
        behaviours=many * 0,
        steps=steps,
    )
    made = BatchScheme(problem, size, scheme)
    eta = at_fraction(made.curvature, beta=problem.beta, step_size=step_size, fraction=choices.pick(FRACTIONS))
    return BatchScheme(replace(problem, eta=eta), size, scheme)
