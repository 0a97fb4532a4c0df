"""What the theory predicts for a preference set, from the data alone: no training run.

Every figure is one of the expressions of bounds.py, the very ones that the theorems state, evaluated on the
statistics of a `HeadProblem`. A bound whose premise on the step size fails is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from alignprops.dynamics import bounds
from alignprops.dynamics.comparators import certified_loss
from alignprops.dynamics.linear_algebra import norm
from alignprops.dynamics.notation import beta, curvature, curvature_along_shift, eta, mean_shift, t
from alignprops.dynamics.priorities import Pairs
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS

Floats = NDArray[np.float64]
_SYMBOLS = (eta, beta, t, mean_shift, curvature, curvature_along_shift)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for t = 1 … steps; arrays are (steps,)."""

    t: NDArray[np.int64]
    #: Premises (S) η ≤ 2/(β²λ) and (S4) η ≤ 4/(β²λ).
    small_step: bool
    stable_step: bool
    #: ‖∇_W L(W_0)‖_F.
    initial_update_rate: float
    #: ‖W_t − W_0‖_F lies between; the upper bound needs (S4), the lower (S).
    head_change_low: Floats
    head_change_high: Floats
    #: cos∠(u_t, z̄) is at least this, under (S).
    cosine_low: Floats
    #: L(u_t) lies between; the lower bound needs (S4), the upper (S).
    loss_low: Floats
    loss_high: Floats
    #: Accuracy after one step, and ‖z̄‖²/ρ, which it is not below. Any step size.
    first_step_accuracy: float
    first_step_accuracy_bound: float
    #: acc(u_t) is at least this, under (S): the certificate of LD-8.
    accuracy_certificate: Floats


def predict(problem: HeadProblem) -> Predictions:
    """Evaluate the theory on the data of `problem`, for its η, β and number of steps."""
    steps = np.arange(1, problem.steps + 1)
    strength = problem.eta * problem.beta**2 * _number(problem.curvature)
    small, stable = strength <= 2, strength <= 4
    certified: Floats = certified_loss(problem, steps).value
    loss_high = certified
    for drop in (bounds.drop_low, bounds.comparator_drop):
        loss_high = np.minimum(loss_high, np.log(2) - evaluate(drop, problem))
    return Predictions(
        t=steps,
        small_step=bool(small),
        stable_step=bool(stable),
        initial_update_rate=float(evaluate(bounds.initial_rate, problem)[0]),
        head_change_low=_given(small, evaluate(bounds.slowest_growth, problem)),
        head_change_high=_given(stable, evaluate(bounds.linear_growth, problem)),
        cosine_low=_given(small, _cosine_low(problem)),
        loss_low=_given(stable, np.maximum(np.log(2) - evaluate(bounds.drop_high, problem), 0)),
        loss_high=_given(small, loss_high),
        first_step_accuracy=first_step_accuracy(problem),
        first_step_accuracy_bound=first_step_accuracy_bound(problem),
        accuracy_certificate=_given(small, np.clip(1 - certified / np.log(2), 0, 1)),
    )


def evaluate(expression: sp.Expr, problem: HeadProblem) -> Floats:
    """An expression of bounds.py in the symbols of the Setting, at t = 1 … steps, (steps,) float64."""
    steps = np.arange(1, problem.steps + 1, dtype=np.float64)
    statistics = (problem.mean_shift, problem.curvature, problem.curvature_along_shift)
    values = _compiled(expression)(problem.eta, problem.beta, steps, *(_number(value) for value in statistics))
    return np.broadcast_to(np.asarray(values, dtype=np.float64), steps.shape)


def first_step_accuracy(problem: HeadProblem, *, feature_error: float = 0.0) -> float:
    """Share of samples with ⟨z̄, z_i⟩ > 0: the accuracy after one step of any size; ties are errors.

    A height that rounding hides is a tie; `feature_error` is the relative error of the features, on top.
    """
    heights = problem.z @ problem.shift
    return int(problem.counts[heights > _height_slack(problem, feature_error)].sum()) / problem.total


def first_step_ties(problem: HeadProblem, *, feature_error: float = 0.0) -> int:
    """How many samples are ties after one step (see `first_step_accuracy`)."""
    heights = np.abs(problem.z @ problem.shift)
    return int(problem.counts[heights <= _height_slack(problem, feature_error)].sum())


def _height_slack(problem: HeadProblem, feature_error: float) -> Floats:
    """What rounding leaves open of ⟨z̄, z_i⟩, (n,): of the dot product and the mean, and of the features themselves."""
    rounding = (problem.d + 4) * EPS + feature_error
    slip = problem.shift_rounding / size if (size := float(norm(problem.shift))) > 0 else 0.0
    return problem.row_norms * size * (rounding + slip)


def first_step_accuracy_bound(problem: HeadProblem) -> float:
    """‖z̄‖²/ρ, which the accuracy after one step is not below; 0 if z̄ = 0."""  # LD-7
    along = _number(problem.curvature_along_shift)
    return min(_number(problem.mean_shift) ** 2 / along, 1.0) if along > 0 else 0.0


def priority_level(problem: HeadProblem) -> Floats:
    """⟨z̄, z̄_k⟩/‖z̄‖ of every behaviour, (K,): the first step's mean margins are in this order; NaN if z̄ = 0."""
    size = _number(problem.mean_shift)
    if size == 0:
        return np.full(problem.behaviour_count, np.nan)
    return np.asarray(problem.alignments.value / size)  # LD-10


def priority_horizons(problem: HeadProblem) -> Floats:
    """Up to which t behaviour j's mean margin certainly exceeds k's, (K, K); 0 if never, inf if for ever.

    The largest t with (ηβ²(t − 1)/4)·|z̄|_M·|z̄_j − z̄_k|_M < ⟨z̄, z̄_j − z̄_k⟩ (LD-11). Needs premise (S) or (S_t),
    which is not checked here.
    """
    pairs = Pairs(problem)
    lead = _antisymmetric(problem, pairs.alignment_gap.value)
    bend = problem.eta * problem.beta**2 / 4 * _number(problem.mean_shift_curvature_norm)
    bends = np.abs(_antisymmetric(problem, bend * pairs.gap_curvature_norm.value))
    with np.errstate(divide="ignore", invalid="ignore"):
        horizons = np.where(bends > 0, np.ceil(lead / bends), np.inf)
    return np.where(lead > 0, horizons, 0.0)  # LD-11


def normalised_priority_gaps(problem: HeadProblem) -> Floats:
    """The gap (⟨d̄, d_j⟩ − ⟨d̄, d_k⟩)/(‖d̄‖·max(‖d_j‖, ‖d_k‖)) ∈ (−2, 2), (K, K), of d_k = Δ_k, d̄ = (d_j + d_k)/2.

    That of the released analysis of Im & Li. NaN where d̄ = 0, where a behaviour lacks a class, and on the diagonal.
    """
    pairs = Pairs(problem)
    gaps = _antisymmetric(problem, np.where(pairs.defined == 1, pairs.normalised_gap.value, np.nan))  # LD-10
    complete = np.array([np.unique(problem.signs[problem.behaviours == k]).size == 2 for k in range(len(gaps))])
    return np.where(complete[:, None] & complete & ~np.eye(len(gaps), dtype=bool), gaps, np.nan)


def _antisymmetric(problem: HeadProblem, values: Floats) -> Floats:
    """Values of the pairs j < k as a matrix (K, K) with value[k, j] = −value[j, k]."""
    size = problem.behaviour_count
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size, k=1)] = values
    return matrix - matrix.T


def _cosine_low(problem: HeadProblem) -> Floats:
    turn = evaluate(bounds.turning_ratio, problem)
    angle = np.sqrt(np.maximum(1 - turn**2, 0))
    return np.maximum(np.where(turn < 1, angle, -1.0), evaluate(bounds.certain_share, problem)).clip(-1, 1)  # LD-5c


@lru_cache(maxsize=64)
def _compiled(expression: sp.Expr) -> Any:
    return sp.lambdify(_SYMBOLS, expression, modules="numpy")


def _number(measured: Any) -> float:
    return float(measured.value)


def _given(premise: bool, values: Floats) -> Floats:
    return values if premise else np.full_like(values, np.nan)
