"""Guarantees on the accuracy for other convex losses: from moments, from the loss, against a comparator (LD-23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Ge, Le, Rational, Symbol, log, sqrt

from alignprops import Mutant, Tight, Under, theorem
from alignprops.dynamics.bounds import comparator_steps
from alignprops.dynamics.comparators import squared_sizes
from alignprops.dynamics.convex import ConvexProblem
from alignprops.dynamics.convex_bounds import infimum, slope_at_zero, value_at_zero
from alignprops.dynamics.notation import accuracy, along_shift, curvature_along_shift, eta, mean_shift, t
from alignprops.quantity import nonnegative, real
from alignprops.strategies.convex import EVERY, SMOOTH, convex_problems
from property_suites.learning_dynamics.convex_loss import SMALL_STEP, bounded_below, constants, drop, loss
from property_suites.learning_dynamics.convex_specimens import nothing_to_learn, single, unbounded
from property_suites.learning_dynamics.premises import ROUNDING, im_li

Train = Any
Values = Mapping[Symbol, Any]

second_moment = nonnegative("second_moment", r"u_t^\top M u_t")
first_accuracy = nonnegative("first_accuracy", r"\mathrm{acc}(u_1)")


@theorem(
    "learning-dynamics.convex-loss.accuracy",
    states={
        "all heights": Under({"some alignment": Ge(along_shift, 0)}, Ge(accuracy * second_moment, along_shift**2)),
        "first step": Ge(first_accuracy * curvature_along_shift, mean_shift**2),
    },
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=EVERY, step_size="any", max_steps=8),
    rounding=ROUNDING,
    effort=0.3,
    behaviours=(1, None),
    mutants={
        "accuracy squared": {"all heights": Ge(accuracy**2 * second_moment, along_shift**2)},
        "half the curvature": {"first step": Ge(first_accuracy * curvature_along_shift / 2, mean_shift**2)},
        "5 % off": {"first step": Ge(first_accuracy * curvature_along_shift, Rational(21, 20) * mean_shift**2)},
    },
    tight={"one sample": Tight(single("hinge", strength=1 / 16, steps=1), 1 - 2**-40, of="first step")},
)
def accuracy_bounds(train: Train, problem: ConvexProblem) -> Values:
    """At any iterate of any convex loss the accuracy is at least (mean height)²/(mean squared height) (LD-23, LD-7)."""
    run = train(problem)
    return {
        mean_shift: problem.mean_shift,
        curvature_along_shift: problem.curvature_along_shift,
        along_shift: run.along_shift,
        accuracy: run.accuracy,
        second_moment: run.second_moment,
        first_accuracy: run.accuracy[0],
    }


@accuracy_bounds.proof("Cauchy–Schwarz against the indicator", domain="two winning samples of any weights", lemma=True)
def _() -> Any:
    a, b, p, q = (nonnegative(name, name) for name in "abpq")
    gap = (p + q) * (p * a**2 + q * b**2) - (p * a + q * b) ** 2
    return Eq(gap, p * q * (a - b) ** 2, evaluate=False), Ge(p * q * (a - b) ** 2, 0, evaluate=False)


@theorem(
    "learning-dynamics.convex-loss.from-loss",
    states=Le((1 - accuracy) * (value_at_zero - infimum), loss - infimum),
    given={"the loss is bounded below": Eq(bounded_below, 1)},
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=EVERY, step_size="any", max_steps=8),
    rounding=ROUNDING,
    effort=0.3,
    behaviours=(1, None),
    mutants={
        "log 2 in place of f(0)": Le((1 - accuracy) * (log(2) - infimum), loss - infimum),
        "no floor for cDPO": Le((1 - accuracy) * value_at_zero, loss - infimum),
        "5 % off": Le((1 - accuracy) * (value_at_zero - infimum), Rational(19, 20) * (loss - infimum)),
        "robust as if bounded by 0": Mutant(
            states=Le((1 - accuracy) * value_at_zero, loss), given={}, on=convex_problems(losses=("robust",))
        ),
    },
    examples={"IPO, nothing learned": nothing_to_learn("ipo", parameter=2.0), "robust DPO, far out": unbounded()},
    tight={"nothing moves": Tight(nothing_to_learn("label-smoothed"), 1 - 2**-40)},
)
def from_loss(train: Train, problem: ConvexProblem) -> Values:
    """The loss bounds the errors where it is bounded below: 1 − acc ≤ (L − inf f)/(f(0) − inf f) (LD-23, LD-8).

    IPO: f(0) = 1/(4τ²), inf 0. cDPO: the floor is the entropy H(ε). Robust DPO is unbounded below: its loss says
    nothing of the accuracy.
    """
    run = train(problem)
    return {
        accuracy: run.accuracy,
        bounded_below: int(problem.bounded_below),
        value_at_zero: problem.value_at_zero,
        infimum: problem.infimum,
        loss: run.loss,
    }


@from_loss.proof("an error costs at least f(0)", domain="every margin m = −a ≤ 0, slope f'(0) = −a₀", lemma=True)
def _() -> Any:
    # Convexity puts f above its tangent at 0: f(−a) ≥ f(0) + a₀a.
    a = nonnegative("a", "a")
    tangent = value_at_zero + slope_at_zero * a
    return Eq(tangent - value_at_zero, slope_at_zero * a, evaluate=False), Ge(slope_at_zero * a, 0, evaluate=False)


comparator_gain = real("comparator_gain", r"f(0) - L(v)")
comparator_size = nonnegative("comparator_size", r"\lVert v\rVert^2")


@theorem(
    "learning-dynamics.convex-loss.comparator",
    states=Le(comparator_gain, drop + comparator_size / (4 * eta * comparator_steps)),
    given=SMALL_STEP,
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=SMOOTH, step_size="S", max_steps=12),
    rounding=ROUNDING,
    effort=0.4,
    behaviours=(1, None),
    mutants={
        "16ηT for 4ηT'": Le(comparator_gain, drop + comparator_size / (16 * eta * t)),
        "without the ‖v‖² term": Le(comparator_gain, drop),
        "5 % off": Le(comparator_gain, drop + Rational(19, 20) * comparator_size / (4 * eta * comparator_steps)),
    },
    tight={"v = 2u_T, many small steps": Tight(single("ipo", strength=2.0**-18, steps=64), at_least=0.99)},
)
def comparator(train: Train, problem: ConvexProblem) -> Values:
    """No run loses to a comparator v by more than ‖v‖²/(4ηT'), for every smooth convex loss (LD-23, LD-8).

    The comparators are the samples, the axes and the run's own end point, once and doubled.
    """
    run = train(problem)
    comparators = np.concatenate([problem.probes, run.updates[-1:], 2 * run.updates[-1:]])  # (k, d)
    return {
        **constants(problem),
        t: run.t[:, None],
        drop: run.loss_drop[:, None],
        comparator_gain: problem.gains_at(comparators),
        comparator_size: squared_sizes(comparators),
    }


@comparator.proof("T' is what one more square root buys", domain="every T ≥ 1", lemma=True)
def _() -> Any:
    x, g = nonnegative("x", "x"), nonnegative("G", "G")
    root = sqrt(t * (t - 1))
    gap = x**2 + (2 * eta) ** 2 * g**2 * t * (t - 1) - 2 * (2 * eta) * g * x * root
    return Eq(gap, (x - 2 * eta * g * root) ** 2, evaluate=False), Ge((x - 2 * eta * g * root) ** 2, 0, evaluate=False)
