"""Gradient flow: the bounds of gradient descent in the limit of small steps, without a premise on the step (LD-17).

The flow is integrated with a rigorous bound on its error (alignprops.dynamics.flow), which is the tolerance. It does
not shrink as the precision grows, so that balls could not decide what floats leave open: `exact=False`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Abs, Eq, Expr, Ge, Le, Max, Rational, Symbol, cosh, diff, log, sinh, tanh

from alignprops import Tight, theorem
from alignprops.dynamics.comparators import gains_at, squared_sizes
from alignprops.dynamics.flow import energy_integral
from alignprops.dynamics.notation import (
    along_probe,
    beta,
    curvature_along_shift,
    deviation,
    loss_drop,
    mean_shift,
    probe_length,
    shift_along_probe,
    shift_length,
)
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li
from property_suites.learning_dynamics.specimens import ridge_at_the_limit, single_sample

Flow = Any
Values = Mapping[Symbol, Any]

#: τ = ηt, the time of step t.
time = positive("tau", r"\tau")
update_norm = nonnegative("update_norm", r"\lVert u(\tau)\rVert")
energy = nonnegative("energy", r"\int_0^\tau \operatorname{mean}_i\log\cosh(\beta^2 s\langle\bar z, z_i\rangle/2)\,ds")
comparator_gain = real("comparator_gain", r"\log 2 - L(v)")
comparator_size = nonnegative("comparator_size", r"\lVert v\rVert^2")

EFFORT = 0.3


def times(problem: HeadProblem) -> Any:
    """τ = ηt, t = 1 … steps."""
    values = problem.eta * problem.t
    return bounded(values, EPS * values)


@theorem(
    "learning-dynamics.flow.update-rate",
    states={
        "linear growth": Le(update_norm, beta * time * mean_shift),
        "paid by loss": Le(update_norm**2, 2 * time * loss_drop),
    },
    source=im_li("Section 4"),
    on=head_problems(step_size="S4", max_steps=8, larger=False),
    kind="gradient-flow",
    rounding=ROUNDING,
    effort=EFFORT,
    exact=False,
    mutants={
        "βτ/2": {"linear growth": Le(update_norm, beta * time * mean_shift / 2)},
        "half the price": {"paid by loss": Le(update_norm**2, time * loss_drop)},
        "5 % off": {"linear growth": Le(update_norm, Rational(19, 20) * beta * time * mean_shift)},
        "5 % off, price": {"paid by loss": Le(update_norm**2, Rational(19, 20) * 2 * time * loss_drop)},
    },
    tight={
        "a short time": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999, of="linear growth"),
        "a short time, paid": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999, of="paid by loss"),
    },
)
def update_rate(flow: Flow, problem: HeadProblem) -> Values:
    """Under gradient flow the head moves at most linearly in time, and every movement is paid for by the loss.

    dW/dτ = −∇L: ‖u(τ)‖ ≤ βτ‖z̄‖ and ‖u(τ)‖² ≤ 2τ(log 2 − L), for every τ (LD-17). The flow is integrated with a
    rigorous error bound, which is the tolerance.
    """
    run = flow(problem)
    return {
        beta: problem.beta,
        time: times(problem),
        mean_shift: problem.mean_shift,
        update_norm: run.update_norm,
        loss_drop: run.loss_drop,
    }


@update_rate.proof("the gradient never grows", domain="one sample; the loss is convex along the flow", lemma=True)
def _() -> Any:
    # d‖∇L‖²/dτ = −2∇LᵀH∇L ≤ 0, and (∫₀^τ‖∇L‖)² ≤ τ∫‖∇L‖²: for two speeds a, b over equal times.
    g, h, a, b = real("g", "g"), nonnegative("h", "h"), nonnegative("a", "a"), nonnegative("b", "b")
    return (
        Le(-2 * h * g**2, 0, evaluate=False),
        Eq(2 * (a**2 + b**2) - (a + b) ** 2, (a - b) ** 2, evaluate=False),
        Ge((a - b) ** 2, 0, evaluate=False),
    )


bend: Expr = beta * time * (beta**2 * time / 4) * shift_length


@theorem(
    "learning-dynamics.flow.straight-line",
    states={
        "every direction": Le(Abs(along_probe - beta * time * shift_along_probe), bend * probe_length),
        "deviation, from the data": Le(deviation**2, 4 * energy),
        "its size": Le(4 * energy, beta**4 * time**3 * shift_length**2 / 6),
    },
    source=im_li("Section 4"),
    on=head_problems(step_size="S4", max_steps=8, larger=False),
    kind="gradient-flow",
    rounding=ROUNDING,
    effort=EFFORT,
    exact=False,
    mutants={
        "half the constant": {
            "every direction": Le(Abs(along_probe - beta * time * shift_along_probe), bend * probe_length / 2)
        },
        "half the energy": {"deviation, from the data": Le(deviation**2, 2 * energy)},
        "8 for 6": {"its size": Le(4 * energy, beta**4 * time**3 * shift_length**2 / 8)},
        "5 % less energy": {"deviation, from the data": Le(deviation**2, Rational(19, 20) * 4 * energy)},
        "5 % off": {
            "every direction": Le(
                Abs(along_probe - beta * time * shift_along_probe), Rational(19, 20) * bend * probe_length
            )
        },
        "5 % off, energy": {"its size": Le(4 * energy, Rational(19, 20) * beta**4 * time**3 * shift_length**2 / 6)},
    },
    tight={
        "a short time": Tight(single_sample(eta=2.0**-10, steps=2), at_least=0.999, of="every direction"),
        "a long time": Tight(single_sample(eta=1000.0, steps=1), at_least=0.97, of="deviation, from the data"),
        "a short time, energy": Tight(single_sample(eta=2.0**-10, steps=2), at_least=0.999, of="its size"),
    },
)
def straight_line(flow: Flow, problem: HeadProblem) -> Values:
    """Under gradient flow the head stays near the straight line βτz̄, in every direction and in norm.

    |⟨u(τ) − βτz̄, v⟩| ≤ βτ(β²τ/4)|z̄|_M|v|_M and ‖u − βτz̄‖² ≤ 4∫₀^τ E(βsz̄)ds ≤ β⁴τ³z̄ᵀMz̄/6 (LD-17). The probes v are
    the samples and the axes; E is convex on the line, which encloses the integral.
    """
    run, probes = flow(problem), problem.probes
    return {
        beta: problem.beta,
        time: times(problem)[:, None],
        shift_length: problem.mean_shift_curvature_norm,
        probe_length: problem.curvature_norms(probes),
        along_probe: run.along_each(probes),
        shift_along_probe: problem.shift_along(probes),
        deviation: run.deviation[:, None],
        energy: energy_integral(problem)[:, None],
    }


@straight_line.proof("the energy on the straight line", domain="every y ≥ 0: log cosh y ≤ y²/2", lemma=True)
def _() -> Any:
    # ∫₀^τ E(βsz̄)ds ≤ ∫₀^τ (β⁴s²/8)|z̄|²_M ds = β⁴τ³|z̄|²_M/24.
    y, s = nonnegative("y", "y"), nonnegative("s", "s")
    primitive = beta**4 * s**3 * shift_length**2 / 24
    slope = y - tanh(y)
    return (
        Eq(diff(primitive, s), (beta**2 * s * shift_length) ** 2 / 8, evaluate=False),
        Eq(diff(y**2 / 2 - log(cosh(y)), y), slope, evaluate=False),
        Eq(diff(slope, y), (sinh(y) / cosh(y)) ** 2, evaluate=False),
        Ge((sinh(y) / cosh(y)) ** 2, 0, evaluate=False),
        Eq(slope.subs(y, 0), 0, evaluate=False),
    )


@straight_line.proof("the root of the energy", domain="e ≥ 0, c = s√k > 0", lemma=True)
def _() -> Any:
    # √E ≤ c + (E − c²)/(2c): a completed square, whose integral the energy inequality bounds.
    e, c = nonnegative("e", "e"), positive("c", "c")
    return Eq(c + (e**2 - c**2) / (2 * c) - e, (e - c) ** 2 / (2 * c), evaluate=False), Ge(
        (e - c) ** 2 / (2 * c), 0, evaluate=False
    )


drop_high = beta**2 * time * mean_shift**2 / 2
certain_share = Max(1 - beta**2 * time * curvature_along_shift / 4, 0)


@theorem(
    "learning-dynamics.flow.loss",
    states={
        "at most": Le(loss_drop, drop_high),
        "at least": Ge(loss_drop, drop_high * certain_share**2),
        "comparator": Le(comparator_gain, loss_drop + comparator_size / (8 * time)),
    },
    source=im_li("Section 4"),
    on=head_problems(step_size="S4", max_steps=8, larger=False),
    kind="gradient-flow",
    rounding=ROUNDING,
    effort=EFFORT,
    exact=False,
    mutants={
        "half of what is possible": {"at most": Le(loss_drop, drop_high / 2)},
        "the share, not squared": {"at least": Ge(loss_drop, drop_high * certain_share)},
        "16τ for 8τ": {"comparator": Le(comparator_gain, loss_drop + comparator_size / (16 * time))},
        "5 % off, above": {"at most": Le(loss_drop, Rational(19, 20) * drop_high)},
        "5 % off, below": {"at least": Ge(loss_drop, Rational(21, 20) * drop_high * certain_share**2)},
        "5 % off": {"comparator": Le(comparator_gain, loss_drop + Rational(19, 20) * comparator_size / (8 * time))},
    },
    examples={"a ridge at the limit": ridge_at_the_limit()},
    tight={
        "a short time, from above": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999, of="at most"),
        "a short time, from below": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999, of="at least"),
        "v = 2u(τ), a short time": Tight(single_sample(eta=2.0**-8, steps=1), at_least=0.99, of="comparator"),
    },
)
def loss(flow: Flow, problem: HeadProblem) -> Values:
    """Under gradient flow the loss falls linearly in time at first, and below what any comparator pays for.

    (β²τ/2)‖z̄‖²(1 − β²τρ/4)₊² ≤ log 2 − L ≤ (β²τ/2)‖z̄‖², and L(u(τ)) ≤ L(v) + ‖v‖²/(8τ) for every v (LD-17). The
    comparators tried are the samples, the axes and the end point, once and doubled.
    """
    run = flow(problem)
    comparators = np.concatenate([problem.probes, run.updates[-1:], 2 * run.updates[-1:]])  # (k, d)
    return {
        beta: problem.beta,
        time: times(problem)[:, None],
        mean_shift: problem.mean_shift,
        curvature_along_shift: problem.curvature_along_shift,
        loss_drop: run.loss_drop[:, None],
        comparator_gain: gains_at(problem, comparators),
        comparator_size: squared_sizes(comparators),
    }


@loss.proof("the limits of T' and of the rates", domain="η → 0 with ηT = τ", lemma=True)
def _() -> Any:
    # ηT' = τ + √(τ(τ − η)) → 2τ: ‖v‖²/(4ηT') → ‖v‖²/(8τ).
    from sympy import limit, sqrt

    step = positive("step", "h")
    return (
        Eq(limit(time + sqrt(time * (time - step)), step, 0), 2 * time, evaluate=False),
        Eq(comparator_size / (4 * (2 * time)), comparator_size / (8 * time), evaluate=False),
    )
