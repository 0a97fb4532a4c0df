"""Other convex losses than DPO's: the rates, the direction, the loss and the accuracy (LD-23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Abs, Eq, Ge, Integer, Le, Min, Rational, Symbol, diff, sqrt

from alignprops import Mutant, Tight, Under, theorem
from alignprops.dynamics.convex import ConvexProblem
from alignprops.dynamics.convex_bounds import (
    comparator_drop,
    drop_high,
    drop_low,
    initial_rate,
    kappa,
    linear_growth,
    slope_at_zero,
    smoothness,
    step_strength,
    turning_ratio,
)
from alignprops.dynamics.convex_layer import LayerBelow
from alignprops.dynamics.notation import (
    beta,
    curvature,
    curvature_along_shift,
    eta,
    gradient_norm,
    mean_shift,
    probe_length,
    shift_length,
    t,
)
from alignprops.dynamics.priorities import Pairs
from alignprops.losses import margin as m
from alignprops.losses import pairwise_loss
from alignprops.quantity import Quantity, nonnegative, real
from alignprops.strategies.convex import SMOOTH, convex_problems, layers_below
from property_suites.learning_dynamics.convex_specimens import converged, single
from property_suites.learning_dynamics.premises import ROUNDING, im_li

Train = Any
Values = Mapping[Symbol, Any]

smooth = Quantity("smooth", r"[f' \text{ is Lipschitz}]", integer=True, nonnegative=True)
bounded_below = Quantity("bounded_below", r"[\inf f > -\infty]", integer=True, nonnegative=True)
LIPSCHITZ = {"f' is Lipschitz": Eq(smooth, 1)}
SMALL_STEP = {**LIPSCHITZ, "(S) step size": Le(2 * step_strength, 1)}
STABLE_STEP = {**LIPSCHITZ, "(S4) step size": Le(step_strength, 1)}

update = nonnegative("update", r"\lVert u_t\rVert")
increment = nonnegative("increment", r"\lVert W_{t+1} - W_t\rVert_F")
previous_increment = nonnegative("previous_increment", r"\lVert W_t - W_{t-1}\rVert_F")
drop = real("drop", r"f(0) - L(u_t)")
loss = real("any_loss", r"L(u_t)")


def constants(problem: ConvexProblem) -> dict[Symbol, Any]:
    """What every statement reads off the problem and its loss."""
    return {
        eta: problem.eta,
        beta: problem.beta,
        mean_shift: problem.mean_shift,
        curvature: problem.curvature,
        curvature_along_shift: problem.curvature_along_shift,
        slope_at_zero: problem.slope_at_zero,
        smoothness: problem.smoothness,
        smooth: int(problem.smooth),
    }


first_entry = real("first_entry", r"(u_1)_j")
shift_entry = real("shift_entry", r"\bar z_j")
behaviour_margin = real("behaviour_margin", r"\operatorname{mean}_{i\in k} m_i(1)")
alignment = real("alignment", r"\langle\bar z, \bar z_k\rangle")


@theorem(
    "learning-dynamics.convex-loss.first-step",
    states={
        "initial rate": Eq(gradient_norm, initial_rate),
        "first update": Eq(first_entry, 2 * eta * beta * slope_at_zero * shift_entry),
        "margins of the behaviours": Eq(behaviour_margin, 2 * eta * beta**2 * slope_at_zero * alignment),
    },
    kind="convex-head",
    source=im_li("Section 3"),
    on=convex_problems(step_size="any", max_steps=1, larger=False),
    rounding=ROUNDING,
    effort=0.5,
    behaviours=(1, None),
    mutants={
        "DPO's rate": {"initial rate": Eq(gradient_norm, beta * mean_shift / sqrt(2))},
        "one row": {"first update": Eq(first_entry, eta * beta * slope_at_zero * shift_entry)},
        "a₀ twice": {
            "margins of the behaviours": Eq(behaviour_margin, 2 * eta * (beta * slope_at_zero) ** 2 * alignment)
        },
        "5 % off": {"initial rate": Eq(gradient_norm, Rational(19, 20) * initial_rate)},
    },
)
def first_step(train: Train, problem: ConvexProblem) -> Values:
    """The first step is 2ηβa₀z̄, whatever the convex loss: a₀ = −f'(0) is all that it sees (LD-23, LD-3, LD-10).

    Every loss of the table, the hinge and the exponential included: ‖∇_W L(W_0)‖_F = √2βa₀‖z̄‖.
    """
    run = train(problem.with_steps(1))
    return {
        **constants(problem),
        gradient_norm: run.initial_gradient_norm[0],
        first_entry: run.entries[0],
        shift_entry: problem.mean_shift_vector,
        behaviour_margin: run.behaviour_margins[0],
        alignment: problem.alignments,
    }


@first_step.proof("a₀ of every loss of the table", domain="ε in [0, ½), τ > 0", lemma=True)
def _() -> Any:
    slopes = {"sigmoid": Rational(1, 2), "hinge": Integer(1), "squared-hinge": Integer(2), "exponential": Integer(1)}
    smoothed, robust, ipo = (pairwise_loss(name) for name in ("label-smoothed", "robust", "ipo"))
    epsilon, tau = smoothed.symbols["label_smoothing"], ipo.symbols["tau"]
    zero = real("zero", "0")  # keeps sympy from deciding before it is asked
    fixed = [Eq(pairwise_loss(name).slope_at_zero + zero, a + zero, evaluate=False) for name, a in slopes.items()]
    return (
        *fixed,
        Eq(smoothed.slope_at_zero, Rational(1, 2) - epsilon, evaluate=False),
        Eq(robust.slope_at_zero, 1 / (2 * (1 - 2 * epsilon)), evaluate=False),
        Eq(ipo.slope_at_zero, 1 / tau, evaluate=False),
    )


layer_entry = real("layer_entry", r"(B_1 - B_0)_{kj}")
head_entry = real("head_entry", "w_k")


@theorem(
    "learning-dynamics.convex-loss.layer-step",
    states={
        "along the mean shift": Eq(layer_entry, eta * beta * slope_at_zero * head_entry * shift_entry),
        "the head's own step": Eq(layer_entry, head_entry * first_entry / 2),
    },
    kind="convex-head",
    source=im_li("Section 5"),
    on=layers_below(),
    rounding=ROUNDING,
    effort=0.1,
    exact=False,
    mutants={
        "DPO's step": {"along the mean shift": Eq(layer_entry, eta * beta * head_entry * shift_entry / 2)},
        "the head's rate": {"the head's own step": Eq(layer_entry, head_entry * first_entry)},
    },
)
def layer_step(train: Train, below: LayerBelow) -> Values:
    """A step on a layer below a frozen head is B_1 = B_0 + ηβa₀wz̄ᵀ for every convex loss (LD-23, LD-13).

    By autograd through the loss, and as the head's own step at half its rate.
    """
    problem = below.problem
    run = train(problem.with_steps(1))
    return {
        eta: problem.eta,
        beta: problem.beta,
        slope_at_zero: problem.slope_at_zero,
        layer_entry: below.step(),
        head_entry: below.head[:, None],
        shift_entry: problem.mean_shift_vector,
        first_entry: run.entries[0],
    }


@layer_step.proof("the chain rule at margin 0", domain="one sample, one row of the layer", lemma=True)
def _() -> Any:
    # m = βw·b·z: ∂f(m)/∂b at b = 0 is −a₀βwz; shown for the quadratic, whose a₀ = 1/τ is free.
    b, w, z = (real(name, name) for name in "bwz")
    ipo = pairwise_loss("ipo")
    slope = diff(ipo.expression.subs(m, beta * w * b * z), b).subs(b, 0)
    return Eq(-eta * slope, eta * beta * ipo.slope_at_zero * w * z, evaluate=False)


@theorem(
    "learning-dynamics.convex-loss.update-rate",
    states={
        "linear growth": Le(update, linear_growth),
        "steps shrink": Le(increment, previous_increment),
        "paid by loss": Le(update**2 * (1 - step_strength), 2 * eta * t * drop),
    },
    given=STABLE_STEP,
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=SMOOTH, step_size="S4"),
    rounding=ROUNDING,
    effort=0.35,
    behaviours=(1, None),
    mutants={
        "DPO's rate for every loss": {"linear growth": Le(update, eta * beta * t * mean_shift)},
        "5 % off": {"linear growth": Le(update, Rational(19, 20) * linear_growth)},
        "steps shrink by 5 %": {"steps shrink": Le(increment, Rational(19, 20) * previous_increment)},
        "half the price": {"paid by loss": Le(update**2 * (1 - step_strength), eta * t * drop)},
        "5 % off the price": {"paid by loss": Le(update**2 * (1 - step_strength), Rational(19, 10) * eta * t * drop)},
        "c₂ halved": {"paid by loss": Le(update**2 * (1 - step_strength / 2), 2 * eta * t * drop)},
    },
    examples={"one full step on a quadratic": single("ipo", strength=1, steps=1, parameter=1 / 2)},
    tight={
        "the first step": Tight(single("squared-hinge", strength=1 / 2, steps=1), 1 - 2**-40, of="linear growth"),
        "a tiny step": Tight(single("ipo", strength=2.0**-12, steps=1), 0.999, of="paid by loss"),
    },
)
def update_rate(train: Train, problem: ConvexProblem) -> Values:
    """The head moves at most linearly, at the rate 2ηβa₀‖z̄‖ of its loss, and pays for it (LD-23, LD-4)."""
    run = train(problem.with_steps(problem.steps + 1))
    return {
        **constants(problem),
        t: run.t[:-1],
        update: run.update_norm[:-1],
        increment: run.step_change[1:],
        previous_increment: run.step_change[:-1],
        drop: run.loss_drop[:-1],
    }


@update_rate.proof("the losses are convex and c₂-smooth", domain="every margin, ε in (0, ½)", lemma=True)
def _() -> Any:
    # f'' of the logistic family is σ(m)σ(−m) = 1/(2 + 2cosh m) ∈ (0, ¼]; of IPO it is 2.
    from sympy import cosh

    from alignprops.atoms import expand_atoms

    second = 1 / (2 + 2 * cosh(m))
    ipo = pairwise_loss("ipo")
    family = [pairwise_loss(name).expression for name in ("sigmoid", "label-smoothed", "robust")]
    return (
        *[Eq(expand_atoms(diff(f, m, 2)), second, evaluate=False) for f in family],
        Le(0, second, evaluate=False),
        Eq(Rational(1, 4) - second, (cosh(m) - 1) / (4 * (1 + cosh(m))), evaluate=False),
        Eq(diff(ipo.expression, m), 2 * m - 1 / ipo.symbols["tau"], evaluate=False),
    )


along_deviation = real("along_deviation", r"\langle u_t - 2\eta\beta a_0 t\bar z, v\rangle")
deviation = nonnegative("convex_deviation", r"\lVert u_t - 2\eta\beta a_0 t\bar z\rVert")
bend = 2 * eta * beta * slope_at_zero * t * eta * beta**2 * smoothness * (t - 1) * shift_length * probe_length


@theorem(
    "learning-dynamics.convex-loss.direction",
    states={
        "every direction": Le(Abs(along_deviation), bend),
        "deviation": Le(deviation, turning_ratio * linear_growth),
    },
    given=SMALL_STEP,
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=SMOOTH, step_size="S", max_steps=12),
    rounding=ROUNDING,
    effort=0.4,
    behaviours=(1, None),
    mutants={
        "half the constant": {"every direction": Le(Abs(along_deviation), bend / 2)},
        "c₂ = 1/8 for DPO": {"every direction": Le(Abs(along_deviation), bend * Min(1, 1 / (8 * smoothness)))},
        "5 % off": {"every direction": Le(Abs(along_deviation), Rational(19, 20) * bend)},
        "ρ in the norm bound": {"deviation": Le(deviation, kappa(curvature_along_shift) * linear_growth)},
        "5 % off the norm": {"deviation": Le(deviation, Rational(19, 20) * turning_ratio * linear_growth)},
        "the hinge at DPO's c₂": Mutant(
            states={"every direction": Le(Abs(along_deviation), bend.subs(smoothness, Rational(1, 4)))},
            given={},
            on=convex_problems(losses=("hinge",), step_size="S", max_steps=12),
        ),
    },
    examples={
        "one sample on the hinge": single("hinge", strength=1 / 4, steps=2),
        "two samples that nearly cancel": converged("ipo", steps=2),
        "three steps of a quadratic loss": converged("ipo", steps=3),
    },
    tight={
        "two small steps": Tight(single("sigmoid", strength=2.0**-10, steps=2), 0.999, of="every direction"),
        "a ridge at the limit": Tight(converged("ipo", steps=2), 0.98, of="deviation"),
    },
)
def direction(train: Train, problem: ConvexProblem) -> Values:
    """In every direction v, and in norm, the run stays near the straight line 2ηβa₀tz̄ (LD-23, LD-5a and LD-5c).

    The probes v are the samples, the axes and the differences z̄_j − z̄_k of behaviours: the lead of one over another is
    straight up to that bound, so their order persists while it is smaller than ⟨z̄, z̄_j − z̄_k⟩ (LD-11). Not available
    for the hinge, whose slope jumps.
    """
    run = train(problem)
    probes = np.concatenate([problem.probes, Pairs(problem).gaps])  # (p, d)
    return {
        **constants(problem),
        t: run.t[:, None],
        shift_length: problem.mean_shift_curvature_norm,
        probe_length: problem.curvature_norms(probes),
        along_deviation: run.deviation_along_each(probes),
        deviation: run.deviation[:, None],
    }


@direction.proof("√f̃ is √(c₂/2)-Lipschitz", domain="a quadratic f̃ = c₂m²/2, the extreme case", lemma=True)
def _() -> Any:
    # Convex, c₂-smooth and ≥ 0 gives f̃'² ≤ 2c₂f̃: minimise the quadratic upper model f̃ + f̃'h + c₂h²/2 over h.
    value, slope, step = nonnegative("f", r"\tilde f"), real("s", r"\tilde f'"), real("h", "h")
    model = value + slope * step + smoothness * step**2 / 2
    least = -slope / smoothness
    return (
        Eq(model.subs(step, least), value - slope**2 / (2 * smoothness), evaluate=False),
        Eq(model - model.subs(step, least), smoothness * (step - least) ** 2 / 2, evaluate=False),
        Ge(smoothness * (step - least) ** 2 / 2, 0, evaluate=False),
    )


@theorem(
    "learning-dynamics.convex-loss.loss",
    states={
        "at most": Under(STABLE_STEP, Le(drop, drop_high)),
        "at least": Under(SMALL_STEP, Ge(drop, drop_low)),
        "closed form": Under(SMALL_STEP, Ge(drop, comparator_drop)),
    },
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=SMOOTH, step_size="S4"),
    rounding=ROUNDING,
    effort=0.35,
    behaviours=(1, None),
    mutants={
        "DPO's drop for every loss": {"at most": Le(drop, eta * beta**2 * t * mean_shift**2 / 2)},
        "5 % off, above": {"at most": Le(drop, Rational(19, 20) * drop_high)},
        "without the step-size factor": {"at least": Ge(drop, drop_low / (1 - step_strength))},
        "5 % off, below": {"at least": Ge(drop, Rational(21, 20) * drop_low)},
        "the closed form doubled": {"closed form": Ge(drop, 2 * comparator_drop)},
        "5 % off, closed form": {"closed form": Ge(drop, Rational(21, 20) * comparator_drop)},
    },
    examples={"a large step on a quadratic": single("ipo", strength=1 / 2, steps=1)},
    tight={
        "tiny steps, from above": Tight(single("robust", strength=2.0**-12, steps=2), 0.99, of="at most"),
        "tiny steps, from below": Tight(single("robust", strength=2.0**-12, steps=2), 0.99, of="at least"),
        "converged": Tight(converged("ipo", steps=48), 0.95, of="closed form"),
    },
)
def loss_drop(train: Train, problem: ConvexProblem) -> Values:
    """The loss falls at most and at least linearly at first, at a rate set by a₀² (LD-23, LD-6 and LD-8)."""
    run = train(problem)
    return {**constants(problem), t: run.t, drop: run.loss_drop}


@loss_drop.proof("the closed form is the best multiple of z̄", domain="T' = S > 0, ρ ≥ 0", lemma=True)
def _() -> Any:
    # L(v) ≤ f(0) − a₀β⟨v,z̄⟩ + c₂β²vᵀMv/2 at v = a·z̄, and its price a²‖z̄‖²/(4ηS): minimise over a.
    a, steps = real("a", "a"), Symbol("S", positive=True)
    rho, size = curvature_along_shift, mean_shift
    cost = -slope_at_zero * beta * a * size**2 + a**2 * size**2 * (
        smoothness * beta**2 * rho / 2 + 1 / (4 * eta * steps)
    )
    top = slope_at_zero * beta / (smoothness * beta**2 * rho + 1 / (2 * eta * steps))
    best = eta * beta**2 * slope_at_zero**2 * steps * size**2 / (1 + 2 * eta * steps * smoothness * beta**2 * rho)
    return Eq(cost.subs(a, top), -best, evaluate=False), Eq(diff(cost, a).subs(a, top), 0, evaluate=False)
