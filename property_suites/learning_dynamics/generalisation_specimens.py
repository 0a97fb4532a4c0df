"""Populations and training sets that the theory singles out (LD-21, LD-22)."""

from __future__ import annotations

import numpy as np

from alignprops.dynamics.class_means import SampledClasses, TrainedOnClasses
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.stability import StabilityProblem


def two_opposite_atoms(*, eta: float, size: float = 1.0) -> StabilityProblem:
    """z = ±size, one draw: trained on the one, it errs on the other. A gap of 1/8 of its bound."""
    return StabilityProblem(np.array([[size], [-size]]), np.array([1, 1]), 1, eta, 1.0, 1)


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
        seed=0,
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


def in_many_dimensions() -> SampledClasses:
    """Where the distance of a mean hardly varies: half of Chebyshev's radius at δ = ¾ holds next to none."""
    return SampledClasses(np.zeros((2, 8)), 1.0, 1.0, samples=12, delta=0.75, trials=400, seed=0)
