"""Particular losses: label smoothing scales every rate, IPO has a closed form, the hinge runs straight (LD-23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Le, Lt, Rational, Symbol, diff, integrate, log

from alignprops import Mutant, Tight, Under, theorem
from alignprops.atoms import expand_atoms, log_cosh
from alignprops.dynamics.convex import HingeOnAxes, HingeProblem, IpoProblem, SmoothedProblem
from alignprops.dynamics.convex_bounds import infimum, kappa, linear_growth
from alignprops.dynamics.hinge_flow import flow_path, line_energy
from alignprops.dynamics.notation import beta, curvature_along_shift, eta, mean_shift, t
from alignprops.dynamics.quadratic import closed_form
from alignprops.losses import margin as m
from alignprops.losses import pairwise_loss
from alignprops.measured import EPS, bounded
from alignprops.quantity import Quantity, nonnegative, positive, real
from alignprops.strategies.convex import convex_problems, hinge_flow_problems
from property_suites.learning_dynamics.convex_loss import STABLE_STEP, constants, deviation, loss, update
from property_suites.learning_dynamics.convex_specimens import converged, kink_passed, single
from property_suites.learning_dynamics.premises import ROUNDING, im_li

Train = Any
Values = Mapping[Symbol, Any]

named = Quantity("named", r"[f \text{ is that loss}]", integer=True, nonnegative=True)
CDPO, IPO, HINGE = ({f"the loss is {title}": Eq(named, 1)} for title in ("cDPO", "IPO", "the hinge"))

#: ε of the problem; 0 for a loss without label smoothing.
epsilon = nonnegative("epsilon", r"\varepsilon")
energy = real("energy", r"\operatorname{mean}_i[f(m_i) - f(0) + a_0 m_i]")
logistic_energy = nonnegative("logistic_energy", r"\operatorname{mean}_i \log\cosh(m_i/2)")
first_entry = real("first_entry", r"(u_1)_j")
shift_entry = real("shift_entry", r"\bar z_j")


@theorem(
    "learning-dynamics.convex-loss.label-smoothing",
    states={
        "the same energy": Eq(energy, logistic_energy),
        "first update": Eq(first_entry, (1 - 2 * epsilon) * eta * beta * shift_entry),
        "linear growth": Under(STABLE_STEP, Le(update, (1 - 2 * epsilon) * eta * beta * t * mean_shift)),
        "floor": Ge(loss, infimum),
    },
    given=CDPO,
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=("label-smoothed",), step_size="S4", max_n=5, max_steps=6, larger=False),
    rounding=ROUNDING,
    effort=0.3,
    behaviours=(1, None),
    mutants={
        "cDPO at DPO's rate": {"first update": Eq(first_entry, eta * beta * shift_entry)},
        "1 − ε for 1 − 2ε": {"first update": Eq(first_entry, (1 - epsilon) * eta * beta * shift_entry)},
        "5 % off": {"linear growth": Le(update, Rational(19, 20) * (1 - 2 * epsilon) * eta * beta * t * mean_shift)},
        "an energy of its own": {"the same energy": Eq(energy, (1 - 2 * epsilon) * logistic_energy)},
        "5 % above the floor": {"floor": Ge(loss, Rational(21, 20) * infimum)},
    },
    tight={
        "the first step": Tight(single("label-smoothed", strength=1 / 2, steps=1), 1 - 2**-40, of="linear growth"),
        "at the optimum": Tight(single("label-smoothed", strength=1, steps=12), 0.99, of="floor"),
    },
)
def label_smoothing(train: Train, problem: SmoothedProblem) -> Values:
    """With a share ε of the labels believed wrong every rate is DPO's times 1 − 2ε: the energy is the same (LD-23).

    (1−ε)ℓ(m) + εℓ(−m) = log 2 − (½−ε)m + log cosh(m/2); the loss stays above the entropy H(ε).
    """
    run = train(problem)
    return {
        **constants(problem),
        t: run.t[:, None],
        named: int(problem.loss_name == "label-smoothed"),
        epsilon: problem.parameter,
        energy: run.energy[:, None],
        logistic_energy: run.logistic_energy[:, None],
        first_entry: run.entries[0],
        shift_entry: problem.mean_shift_vector,
        update: run.update_norm[:, None],
        loss: run.loss[:, None],
        infimum: problem.infimum,
    }


@label_smoothing.proof("the loss is DPO's energy and a line", domain="every margin, ε in [0, ½)", lemma=True)
def _() -> Any:
    f = pairwise_loss("label-smoothed")
    split = log(2) - f.slope_at_zero * m + log_cosh(m / 2)
    return (
        Eq(diff(f.expression, m), diff(split, m), evaluate=False),
        Eq(expand_atoms(f.expression).subs(m, 0), expand_atoms(split).subs(m, 0) + 0 * m, evaluate=False),
    )


entry = real("entry", r"(u_T)_j")
closed = real("closed", r"2\eta\beta a_0\left[\sum_{s<T}(I - 4\eta\beta^2 M)^s\,\bar z\right]_j")
drift_ratio = nonnegative("drift_ratio", r"\lVert M\bar z\rVert/\lVert\bar z\rVert")


@theorem(
    "learning-dynamics.convex-loss.quadratic",
    states={
        "closed form": Eq(entry, closed),
        "sharper deviation": Under(STABLE_STEP, Le(deviation, kappa(drift_ratio) * linear_growth)),
    },
    given=IPO,
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=("ipo",), step_size="S4", max_n=5, max_steps=8, larger=False),
    rounding=ROUNDING,
    effort=0.3,
    behaviours=(1, None),
    mutants={
        "half of it": {"closed form": Eq(entry, closed / 2)},
        "5 % off": {"sharper deviation": Le(deviation, Rational(19, 20) * kappa(drift_ratio) * linear_growth)},
        "ρ in the norm bound": {"sharper deviation": Le(deviation, kappa(curvature_along_shift) * linear_growth)},
    },
    examples={"two samples that nearly cancel": converged("ipo", steps=3)},
    tight={"two steps": Tight(single("ipo", strength=1 / 2, steps=2), 1 - 2**-40, of="sharper deviation")},
)
def quadratic(train: Train, problem: IpoProblem) -> Values:
    """IPO's loss is quadratic: the run has a closed form, and deviates by ‖Mz̄‖, not by √(λρ)‖z̄‖ (LD-23)."""
    run = train(problem)
    return {
        **constants(problem),
        t: run.t,
        named: int(problem.loss_name == "ipo"),
        entry: run.entries[-1],
        closed: closed_form(problem),
        deviation: run.deviation,
        drift_ratio: problem.drift_ratio,
    }


@quadratic.proof("the geometric sum", domain="one eigenvalue p = 1 − 4ηβ²μ of the step, every t", lemma=True)
def _() -> Any:
    # S_t = (1 − pᵗ)/(1 − p) solves S_{t+1} = pS_t + 1, S_0 = 0, and f' = 2m − 1/τ is linear.
    p = Symbol("p", positive=True)
    s = real("S", "S")
    ipo = pairwise_loss("ipo")
    steps = (1 - p**t) / (1 - p)
    return (
        Eq(steps.subs(t, t + 1), p * steps + 1, evaluate=False),
        Eq(diff(ipo.expression, m), 2 * m - ipo.slope_at_zero, evaluate=False),
        Eq(
            s + 2 * eta * beta * (ipo.slope_at_zero - 2 * beta * s),
            (1 - 4 * eta * beta**2) * s + 2 * eta * beta / ipo.symbols["tau"],
            evaluate=False,
        ),
    )


#: Entries of u_t and of the straight line, whether every margin stayed below 1 until the step before.
run_entry = real("run_entry", r"(u_t)_j")
furthest = real("furthest", r"\max_i \langle\bar z, z_i\rangle")


@theorem(
    "learning-dynamics.convex-loss.hinge",
    states=Eq(run_entry, 2 * eta * beta * t * shift_entry),
    given={**HINGE, "no margin has reached 1": Lt(2 * eta * beta**2 * (t - 1) * furthest, 1)},
    kind="convex-head",
    source=im_li("Section 4"),
    on=convex_problems(losses=("hinge",), step_size="S"),
    rounding=ROUNDING,
    effort=0.3,
    behaviours=(1, None),
    mutants={
        "for ever": Mutant(given=HINGE, on=convex_problems(losses=("hinge",), step_size="any")),
        "DPO's rate": Eq(run_entry, eta * beta * t * shift_entry),
        "one step longer": Mutant(
            given={**HINGE, "no margin has reached 1": Lt(2 * eta * beta**2 * (t - 2) * furthest, 1)}
        ),
    },
    examples={"past the kink": single("hinge", strength=1 / 4, steps=3)},
)
def hinge(train: Train, problem: HingeProblem) -> Values:
    """On the hinge the run is exactly straight, u_t = 2ηβtz̄, until a margin reaches 1 (LD-23)."""
    run = train(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t[:, None],
        named: int(problem.loss_name == "hinge"),
        run_entry: run.entries,
        shift_entry: problem.mean_shift_vector,
        furthest: problem.furthest,
    }


@hinge.proof("the slope is −1 below the kink", domain="every margin m = 1 − a < 1", lemma=True)
def _() -> Any:
    a = positive("a", "a")
    return Eq(pairwise_loss("hinge").derivative.subs(m, 1 - a) + a, a - 1, evaluate=False)


tau = nonnegative("tau", r"\tau")
flow_length = nonnegative("flow_length", r"\lVert u(\tau)\rVert")
flow_deviation = nonnegative("flow_deviation", r"\lVert u(\tau) - 2\beta\tau\bar z\rVert")
line_cost = nonnegative("line_cost", r"\int_0^\tau E(2\beta s\bar z)\,ds")
flow_entry = real("flow_entry", r"u(\eta t)_j")
on_axes = Quantity("on_axes", r"[z_i \text{ on the axes}]", integer=True, nonnegative=True)


@theorem(
    "learning-dynamics.convex-loss.hinge-flow",
    states={
        "linear growth": Le(flow_length, 2 * beta * tau * mean_shift),
        "deviation": Le(flow_deviation**2, 4 * line_cost),
        "the steps follow the flow": Under(
            {"no margin has reached 1": Le(2 * eta * beta**2 * t * furthest, 1)}, Eq(run_entry, flow_entry)
        ),
    },
    given={**HINGE, "the flow is solved exactly": Eq(on_axes, 1)},
    kind="convex-head",
    source=im_li("Section 4"),
    on=hinge_flow_problems(),
    rounding=ROUNDING,
    effort=0.3,
    exact=False,
    mutants={
        "half the rate": {"linear growth": Le(flow_length, beta * tau * mean_shift)},
        "5 % off, growth": {"linear growth": Le(flow_length, Rational(19, 20) * 2 * beta * tau * mean_shift)},
        "half the energy": {"deviation": Le(flow_deviation**2, 2 * line_cost)},
        "5 % off, deviation": {"deviation": Le(flow_deviation**2, Rational(19, 5) * line_cost)},
        "half the step": {"the steps follow the flow": Eq(run_entry, flow_entry / 2)},
    },
    tight={
        "before the kink": Tight(kink_passed(), 1 - 2**-40, of="linear growth"),
        "past the kink": Tight(kink_passed(), 1 - 2**-40, of="deviation"),
    },
)
def hinge_gradient_flow(train: Train, problem: HingeOnAxes) -> Values:
    """Gradient flow on the hinge moves at most at the rate of its first moment, and bends by its energy (LD-23).

    ‖u(τ)‖ ≤ 2βτ‖z̄‖ and ‖u(τ) − 2βτz̄‖² ≤ 4∫E(2βsz̄)ds, where samples lie on the axes and the flow is solved exactly.
    """
    run, times = train(problem), problem.eta * problem.t
    path = flow_path(problem, times)
    return {
        eta: problem.eta,
        beta: problem.beta,
        mean_shift: problem.mean_shift,
        t: run.t[:, None],
        named: int(problem.loss_name == "hinge"),
        tau: bounded(times, EPS * times)[:, None],
        flow_length: path.length[:, None],
        flow_deviation: path.deviation[:, None],
        line_cost: line_energy(problem, times)[:, None],
        run_entry: run.entries,
        flow_entry: path.entries,
        furthest: problem.furthest,
        on_axes: int(path.solved),
    }


@hinge_gradient_flow.proof(
    "one sample attains the deviation", domain="z = 1, β = 1, τ = (1 + a)/2 past the kink", lemma=True
)
def _() -> Any:
    # u stays at 1, so D = 2τ − 1 = a, and 4∫(2s − 1)₊ds = 4·a²/4.
    a, s = nonnegative("a", "a"), real("s", "s")
    cost = integrate(2 * s - 1, (s, Rational(1, 2), (1 + a) / 2))
    return Eq(4 * cost, a**2, evaluate=False)
