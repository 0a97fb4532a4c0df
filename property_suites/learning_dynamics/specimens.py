"""Instances that the theory singles out: where a bound is attained, or where a popular wrong version of it breaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alignprops.dynamics.clouds import Cloud, Noise
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.strategies.step_sizes import step_size_within


def single_sample(*, eta: float, steps: int, beta: float = 1.0) -> HeadProblem:
    """One sample with feature 1: M = λ = ρ = ‖z̄‖ = 1."""
    return HeadProblem.of([[1.0]], [1], eta=eta, beta=beta, steps=steps)


def ridge(*, step_strength: float, remainder: float = 2.0**-20, steps: int = 300) -> HeadProblem:
    """z = (1, −1 + 2e): hardly any mean shift, full curvature; η = step_strength/(β²λ)."""
    rows = np.array([[1.0], [-1.0 + 2 * remainder]])
    curvature = float((rows**2).mean())
    return HeadProblem.of(rows, [1, 1], eta=step_strength / curvature, beta=1.0, steps=steps)


def ridge_at_the_limit(*, steps: int = 2) -> HeadProblem:
    """The ridge with small margins, η hardly below the limit of (S): as large a deviation as may be."""
    return ridge(step_strength=2 - 2.0**-20, remainder=2.0**-10, steps=steps)


def slight_turn() -> HeadProblem:
    """The ridge in a plane, the mean shift mostly across it, η at the limit of (S): no wider an angle with that r."""
    near, across = 2.0**-10, 2.0**-7
    rows = np.array([[1.0, across], [-1.0 + 2 * near, across]])
    eta = step_size_within(rows, np.array([1, 1]), beta=1.0, limit=2)
    return HeadProblem.of(rows, [1, 1], eta=eta, beta=1.0, steps=2)


def faint_majority() -> HeadProblem:
    """Three informative samples against 10⁸ duplicates of a weak one, two steps, η at the limit of (S).

    Saturation unbalances contributions that cancel in Mz̄: bounds that hold for a quadratic loss break.
    """
    rows = np.array([[-2.0, 155.0], [0.0, 17.0], [-2.5, -58.0], [2.0**-12, 0.0]])
    counts = np.array([1, 1, 1, 10**8])
    eta = step_size_within(rows, counts, beta=1.0, limit=2)
    return HeadProblem.of(rows, [1, 1, 1, 1], eta=eta, beta=1.0, steps=2, counts=counts)


def two_heights() -> HeadProblem:
    """Half of the samples are 0: the heights ⟨u, z_i⟩ take two values, 0 (a tie, so an error) and a > 0."""
    return HeadProblem.of([[1.0], [0.0]], [1, 1], eta=1.0, beta=1.0, steps=2)


def idle_run() -> HeadProblem:
    """Nothing to learn: u_t = 0, every margin is a tie, the loss stays log 2."""
    return HeadProblem.of([[0.0]], [1], eta=1.0, beta=1.0, steps=1)


def long_comparator() -> HeadProblem:
    """Many tiny steps: 2u_T is the comparator that nearly pays for itself."""
    return HeadProblem.of([[1.0]], [1], eta=2.0**-20, beta=1.0, steps=256)


def unbalanced_pair() -> HeadProblem:
    """Common offset 10: δ = 4 balanced loses to δ = 1 with a share of 0.9 of one class, the two being equally large."""
    offset = 10.0
    big = [offset + 2.0] * 5 + [offset - 2.0] * 5
    small = [offset + 0.5] * 9 + [offset - 0.5]
    return HeadProblem.of(
        np.array([*big, *small])[:, None],
        [1] * 5 + [-1] * 5 + [1] * 9 + [-1],
        eta=0.001,
        beta=1.0,
        behaviours=[0] * 10 + [1] * 10,
    )


def opposite_behaviours() -> HeadProblem:
    """Two class differences that nearly cancel: d_1 = 2, d_2 = −2 + 2⁻¹⁰, where the normalised gap is close to 2."""
    near = 1.0 - 2.0**-11
    rows = np.array([[1.0], [-1.0], [-near], [near]])
    return HeadProblem.of(rows, [1, -1, 1, -1], eta=1.0, beta=1.0, behaviours=[0, 0, 1, 1])


def crowded_out() -> HeadProblem:
    """Mean shifts (1.2, 0), (0, 1), (0, 1): the largest one is outvoted by two that agree."""
    return HeadProblem.of([[1.2, 0.0], [0.0, 1.0], [0.0, 1.0]], [1, 1, 1], eta=1.0, beta=1.0, behaviours=[0, 1, 2])


def many_small_preferences() -> HeadProblem:
    """Mean shifts (2, 0, 0, 0), (0, 1.1, 1.1, 1.1): the second is smaller, and leads 3.3 to 2 under Adam."""
    rows = [[2.0, 0.0, 0.0, 0.0], [0.0, 1.1, 1.1, 1.1]]
    return HeadProblem.of(rows, [1, 1], eta=0.5, beta=1.0, behaviours=[0, 1])


def two_small_steps() -> HeadProblem:
    """Two behaviours on one axis, features 1 and 0, two small steps: the lead bends as much as it may."""
    return HeadProblem.of([[1.0], [0.0]], [1, 1], eta=2.0**-10, beta=1.0, steps=2, behaviours=[0, 1])


def in_orthogonal_blocks(problem: HeadProblem) -> HeadProblem:
    """The same samples with the features of each behaviour in coordinates of their own."""
    blocks = np.zeros((problem.n, problem.behaviour_count, problem.d))
    blocks[np.arange(problem.n), problem.behaviours] = problem.features
    return replace(problem, features=blocks.reshape(problem.n, -1))


def lopsided_classes() -> TwoLayerProblem:
    """μ_+ = (1, −4), μ_- = (0, −5), four fifths positive: ⟨z̄, Δ⟩ < 0, so the projection falls."""
    return TwoLayerProblem.of(
        [[1.0, -4.0], [0.0, -5.0]], [1, -1], counts=[4, 1], layer=[[1.0, 0.0]], head=[1.0], eta=0.5, beta=1.0
    )


def learned_wrongly() -> TwoLayerProblem:
    """w = −B_0Δ and a small step: alignment first has to unlearn, and the distinguishability falls."""
    return TwoLayerProblem.of([[1.0], [-1.0]], [1, -1], layer=[[1.0]], head=[-2.0], eta=2.0**-6, beta=1.0)


def along_the_direction(noise: Noise) -> Cloud:
    """Noise on the line of u with the heaviest tail allowed, m/K = ¾: as many errors as the bound admits.

    So many trials that a bound that is off by 5 %, or an exponent, is found out.
    """
    return Cloud(np.array([0.75]), np.array([1.0]), alpha=1.0, scale=1.0, trials=2**17, seed=0, noise=noise)


def unlearning(problem: TwoLayerProblem) -> TwoLayerProblem:
    """The same with a head that opposes what the layer has learned, w = −B_0Δ, and a step too small to turn it."""
    size = float(problem.difference @ problem.difference)
    step = 2.0 ** np.floor(np.log2(4 / (problem.beta * size))) if size > 0 else problem.eta
    return replace(problem, head=-(problem.layer @ problem.difference), eta=float(step))
