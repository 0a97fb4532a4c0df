"""Populations and training sets that the theory singles out (LD-21, LD-22)."""

from __future__ import annotations

import numpy as np

from alignprops.dynamics.class_means import SampledClasses, TrainedOnClasses
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.stability import StabilityProblem
from alignprops.strategies.step_sizes import step_size_within


def two_opposite_atoms(*, eta: float, size: float = 1.0) -> StabilityProblem:
    """z = ±size, one draw: trained on the one, it errs on the other. A gap of 1/8 of its bound."""
    return StabilityProblem(np.array([[size], [-size]]), np.array([1, 1]), 1, eta, 1.0, 1)


def many_draws_of_one() -> StabilityProblem:
    """One atom 2⁻⁴, so many draws that nothing is lost to stability; 2u_T = 2ηTz is its mean shift."""
    return StabilityProblem(np.array([[2.0**-4]]), np.array([1]), 10**6, 2.0**-9, 1.0, 256)


def _trained(
    features: list[list[float]], signs: list[int], means: list[list[float]], **settings: float
) -> TrainedOnClasses:
    problem = HeadProblem.of(features, signs, eta=settings["eta"], beta=1.0, steps=int(settings["steps"]))
    return TrainedOnClasses(
        problem,
        np.array(means),
        looseness=1.0,
        alpha=settings.get("alpha", 1.0),
        share=settings.get("share", 1.0),
        noise="one-sided",
        trials=int(settings.get("trials", 400)),
        seed=0,  # fresh samples of the class + only
    )


def drifted_means() -> TrainedOnClasses:
    """Class means ±1 of which the sample has ±½, one step: all of ε lies against the means."""
    return _trained([[0.5], [-0.5]], [1, -1], [[1.0], [-1.0]], eta=0.5, steps=1)


def vanishing_share() -> TrainedOnClasses:
    """The class means themselves, many steps: what is missing is the curvature."""
    return _trained([[1.0], [-1.0]], [1, -1], [[1.0], [-1.0]], eta=2.0**-8, steps=2)


def heaviest_noise() -> TrainedOnClasses:
    """The class means themselves, one step, noise on the line of u as heavy as its tail admits."""
    return _trained([[0.75], [-0.75]], [1, -1], [[0.75], [-0.75]], eta=0.5, steps=1, share=4 / 3, trials=2**17)


def few_errors() -> TrainedOnClasses:
    """The same with lighter noise: the bound is above ½, so that 5 % of it shows."""
    return _trained([[0.75], [-0.75]], [1, -1], [[0.75], [-0.75]], eta=0.5, steps=1, share=2 / 3, trials=2**16)


def across_the_offset() -> TrainedOnClasses:
    """z* = (1, 0), μ_± = (±1, 64): a drift of 1/128 against μ_+ takes half of its margin, and hardly turns z̄."""
    offset = 64.0
    drift = np.array([1.0, offset]) / (-2 * offset * np.hypot(1.0, offset))
    means = [[1.0, offset], [-1.0, offset]]
    rows = [[1.0 + drift[0], offset + drift[1]], [-1.0 - drift[0], offset - drift[1]]]
    return _trained(rows, [1, -1], means, eta=2.0**-14, steps=1, share=1 / 2, trials=2**16)


def slightly_turned_means() -> TrainedOnClasses:
    """The class means themselves, two steps at the limit of (S): the ridge in a plane, along which μ_± mostly lie."""
    near, across = 2.0**-10, 2.0**-7
    rows = [[1.0, across], [1.0 - 2 * near, -across]]
    eta = step_size_within(np.array([rows[0], [-rows[1][0], across]]), np.array([1, 1]), beta=1.0, limit=2)
    return _trained(rows, [1, -1], rows, eta=eta, steps=2, share=8.0, trials=2**16)


def in_many_dimensions() -> SampledClasses:
    """Where the distance of a mean hardly varies: half of Chebyshev's radius at δ = ¾ holds next to none."""
    return SampledClasses(np.zeros((2, 8)), 1.0, 1.0, samples=12, delta=0.75, trials=400, seed=0)


def one_draw_a_class(*, delta: float) -> SampledClasses:
    """Noise ±1 on both samples: it cancels with probability ½, which is all that Chebyshev allows at δ = ½."""
    return SampledClasses(np.zeros((2, 1)), 1.0, 1.0, samples=2, delta=delta, trials=2**15, seed=0)


def twelve_signs() -> SampledClasses:
    """Noise ±1 on twelve samples: rarely ten of them agree, and the mean is further out than McDiarmid's radius."""
    return SampledClasses(np.zeros((2, 1)), 1.0, 1.0, samples=12, delta=0.25, trials=2**10, seed=0)
