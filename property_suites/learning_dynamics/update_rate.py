"""How fast the head moves: at a rate set by the mean shift, along the mean shift (LD-4, LD-5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Abs, Eq, Expr, Ge, Le, Lt, Rational, Symbol, cosh, diff, log, sinh, sqrt, tanh

from alignprops import Mutant, Tight, Under, theorem
from alignprops.dynamics.bounds import certain_share, kappa, linear_growth, straight_along_shift, turning_ratio
from alignprops.dynamics.notation import (
    along_probe,
    beta,
    cosine,
    curvature,
    curvature_along_shift,
    deviation,
    eta,
    head_change,
    loss_drop,
    mean_shift,
    previous_step_change,
    probe_length,
    run_curvature,
    shift_along_probe,
    shift_length,
    step_change,
    t,
)
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.pull import pull_curvature
from alignprops.quantity import nonnegative, real
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, SMALL_STEP_ON_RUN, SOME_SHIFT, STABLE_STEP, im_li
from property_suites.learning_dynamics.specimens import (
    faint_majority,
    ridge,
    ridge_at_the_limit,
    single_sample,
    slight_turn,
)

Train = Any
Values = Mapping[Symbol, Any]


@theorem(
    "learning-dynamics.update-rate.upper-bound",
    states={
        "linear growth": Le(head_change, linear_growth),
        "steps shrink": Le(step_change, previous_step_change),
    },
    given=STABLE_STEP,
    source=im_li("Section 4"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "4.2 for 4 in the premise": Mutant(given={"(S4) step size": Le(eta * beta**2 * curvature, Rational(21, 5))}),
        "ηβt‖z̄‖/2": {"linear growth": Le(head_change, eta * beta * t * mean_shift / 2)},
        "t − 1 for t": {"linear growth": Le(head_change, linear_growth * (t - 1) / t)},
        "5 % off": {"linear growth": Le(head_change, Rational(19, 20) * linear_growth)},
        "steps shrink by 5 %": {"steps shrink": Le(step_change, Rational(19, 20) * previous_step_change)},
    },
    examples={"two samples that nearly cancel, η = 4.2/(β²λ)": ridge(step_strength=4.2 - 2**-20)},
    tight={"the first step": Tight(single_sample(eta=0.5, steps=1), at_least=1 - 2**-40, of="linear growth")},
)
def upper_bound(train: Train, problem: HeadProblem) -> Values:
    """The head moves at most linearly in the step count, at a rate set by the mean shift; no step exceeds the last.

    Gradient descent on a last layer with frozen features: ‖W_t − W_0‖_F ≤ (ηβ/√2)·t·‖z̄‖ (LD-4a); 4 is the best
    constant in the premise. With exactly balanced classes ‖z̄‖ is half the preference distinguishability.
    """
    run = train(problem.with_steps(problem.steps + 1))
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t[:-1],
        mean_shift: problem.mean_shift,
        curvature: problem.curvature,
        head_change: run.head_change[:-1],
        previous_step_change: run.step_change[:-1],
        step_change: run.step_change[1:],
    }


@upper_bound.proof("a step is non-expansive", domain="curvature a ∈ [0, 1] of the loss along the step", lemma=True)
def _() -> Any:
    # u ↦ u − γ∇L(u) multiplies differences by 1 − γh with 0 ≤ γh ≤ 2: write γh = 2a.
    a = nonnegative("a", "a")
    share = a / (1 + a)  # runs over [0, 1)
    return Le((1 - 2 * share) ** 2, 1, evaluate=False)


@theorem(
    "learning-dynamics.update-rate.paid-by-loss",
    states=Le((1 - eta * beta**2 * curvature / 4) * head_change**2, eta * t * loss_drop),
    given=STABLE_STEP,
    source=im_li("Section 4"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "half the price": Le((1 - eta * beta**2 * curvature / 4) * head_change**2, eta * t * loss_drop / 2),
        "without the step-size factor": Le(head_change**2, eta * t * loss_drop),
        "η/8 for η/4 in the factor": Le((1 - eta * beta**2 * curvature / 8) * head_change**2, eta * t * loss_drop),
        "t − 1 for t": Le((1 - eta * beta**2 * curvature / 4) * head_change**2, eta * (t - 1) * loss_drop),
        "5 % off": Le((1 - eta * beta**2 * curvature / 4) * head_change**2, Rational(19, 20) * eta * t * loss_drop),
    },
    tight={"one tiny step": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999)},
)
def paid_by_loss(train: Train, problem: HeadProblem) -> Values:
    """The square of the head's movement is paid for by the fall of the loss: growth like √t in the long run (LD-4b)."""
    run = train(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t,
        curvature: problem.curvature,
        head_change: run.head_change,
        loss_drop: run.loss_drop,
    }


@paid_by_loss.proof(
    "the steps' lengths telescope", domain="any number of steps (Cauchy–Schwarz on two of them)", lemma=True
)
def _() -> Any:
    # ‖Σ∇L‖² ≤ t·Σ‖∇L‖² by induction: (a + b)² ≤ (s + 1)(a²/s + b²), where a² ≤ s·Σ of the first s squares.
    a, b = real("a", "a"), real("b", "b")
    s = Symbol("s", positive=True)
    gap = (s + 1) * (a**2 / s + b**2) - (a + b) ** 2
    return Eq(gap, (a - s * b) ** 2 / s, evaluate=False), Ge((a - s * b) ** 2 / s, 0, evaluate=False)


shortfall = real("shortfall", r"\eta\beta t\lVert\bar z\rVert^2 - \langle u_t, \bar z\rangle")


@theorem(
    "learning-dynamics.update-rate.lower-bound",
    states={
        "falls short by little": Le(shortfall, kappa(curvature_along_shift) * straight_along_shift),
        "never overshoots": Ge(shortfall, 0),
        "the head moves": Ge(head_change, certain_share * linear_growth),
    },
    given=SMALL_STEP_ON_RUN,
    source=im_li("Section 4"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "half the constant": {
            "falls short by little": Le(shortfall, kappa(curvature_along_shift) / 2 * straight_along_shift)
        },
        "‖z̄‖² for ρ": {"falls short by little": Le(shortfall, kappa(mean_shift**2) * straight_along_shift)},
        "t − 2 for t − 1": {
            "falls short by little": Le(
                shortfall, kappa(curvature_along_shift) * (t - 2) / (t - 1) * straight_along_shift
            )
        },
        "5 % off": {
            "falls short by little": Le(
                shortfall, Rational(19, 20) * kappa(curvature_along_shift) * straight_along_shift
            )
        },
        "never falls short": {"never overshoots": Le(shortfall, 0)},
        "moves 5 % more": {"the head moves": Ge(head_change, Rational(21, 20) * certain_share * linear_growth)},
    },
    tight={"two small steps": Tight(single_sample(eta=2.0**-10, steps=2), at_least=0.999, of="falls short by little")},
)
def lower_bound(train: Train, problem: HeadProblem) -> Values:
    """Along the mean shift the run keeps its first speed up to a share κ_t(ρ), whatever the common offset (LD-5b)."""
    run = train(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t,
        mean_shift: problem.mean_shift,
        curvature: problem.curvature,
        run_curvature: pull_curvature(run),
        curvature_along_shift: problem.curvature_along_shift,
        shortfall: run.shortfall,
        head_change: run.head_change,
    }


@lower_bound.proof(
    "√(log cosh) is 1/√8-Lipschitz in the margin", domain="every y ≥ 0 (both sides are even)", lemma=True
)
def _() -> Any:
    # tanh² ≤ 2 log cosh: the difference f vanishes at 0 and f' = 2 tanh³ ≥ 0.
    y = nonnegative("y", "y")
    f = 2 * log(cosh(y)) - tanh(y) ** 2
    return (
        Eq(f.subs(y, 0), 0, evaluate=False),
        Eq(diff(f, y), 2 * tanh(y) ** 3, evaluate=False),
        Ge(2 * tanh(y) ** 3, 0, evaluate=False),
    )


@lower_bound.proof("the linear term is a completed square", domain="e_s ≥ 0, c > 0", lemma=True)
def _() -> Any:
    # e ≤ c + (e² − c²)/(2c) for c > 0: the step before Abel summation.
    e, c = nonnegative("e", "e"), Symbol("c", positive=True)
    gap = c + (e**2 - c**2) / (2 * c) - e
    return Eq(gap, (e - c) ** 2 / (2 * c), evaluate=False), Ge((e - c) ** 2 / (2 * c), 0, evaluate=False)


energy = nonnegative("energy", r"\sum_{s<t}\operatorname{mean}_i\log\cosh(\eta\beta^2 s\langle\bar z, z_i\rangle/2)")
drift_ratio = nonnegative("drift_ratio", r"\lVert M\bar z\rVert/\lVert\bar z\rVert")
straight_length = eta * beta * t * mean_shift


@theorem(
    "learning-dynamics.update-rate.direction",
    states={
        "deviation": Le(deviation, turning_ratio * straight_length),
        "deviation, from the data": Le(deviation**2, 4 * eta * energy),
        "angle": Under(
            {**SOME_SHIFT, "the turn is bounded": Lt(turning_ratio, 1)}, Ge(cosine, sqrt(1 - turning_ratio**2))
        ),
        "angle, from the share": Under(SOME_SHIFT, Ge(cosine, certain_share)),
    },
    given=SMALL_STEP_ON_RUN,
    source=im_li("Section 4"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "half the constant": {"deviation": Le(deviation, turning_ratio / 2 * straight_length)},
        "κ_t(ρ) for r": {"deviation": Le(deviation, kappa(curvature_along_shift) * straight_length)},
        "‖Mz̄‖/‖z̄‖ for √(λρ)": {"deviation": Le(deviation, kappa(drift_ratio) * straight_length)},
        "5 % off": {"deviation": Le(deviation, Rational(19, 20) * turning_ratio * straight_length)},
        "half the energy": {"deviation, from the data": Le(deviation**2, 2 * eta * energy)},
        "5 % less energy": {"deviation, from the data": Le(deviation**2, Rational(19, 20) * 4 * eta * energy)},
        "a straighter angle": {"angle": Ge(cosine, sqrt(1 - turning_ratio**2 / 100))},
        "an angle 5 % straighter": {"angle": Ge(cosine, sqrt(1 - Rational(19, 20) * turning_ratio**2))},
        "a larger share": {"angle, from the share": Ge(cosine, 1 - kappa(curvature_along_shift) / 5)},
    },
    examples={
        "three samples against 10⁸ duplicates of a weak one": faint_majority(),
        "a slight turn": slight_turn(),
    },
    tight={
        "a ridge at the limit": Tight(ridge_at_the_limit(), at_least=0.999, of="deviation"),
        "a ridge at the limit, from the data": Tight(
            ridge_at_the_limit(), at_least=0.999, of="deviation, from the data"
        ),
    },
)
def direction(train: Train, problem: HeadProblem) -> Values:
    """The head moves along the mean shift: its deviation from the line, and the angle, are bounded (LD-5c, d)."""
    run = train(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t,
        mean_shift: problem.mean_shift,
        curvature: problem.curvature,
        run_curvature: pull_curvature(run),
        curvature_along_shift: problem.curvature_along_shift,
        drift_ratio: problem.drift_ratio,
        deviation: run.deviation,
        energy: run.straight_energy,
        cosine: run.cosine,
    }


@direction.proof("how far a vector in a ball can turn", domain="‖D‖ ≤ r·‖a‖, 0 ≤ r < 1", lemma=True)
def _() -> Any:
    # With p along and q across the line, p² + q² = r²: (1+p)² − (1−r²)((1+p)² + q²) is the square (p + r²)².
    p, r = real("p", "p"), nonnegative("r", "r")
    across = r**2 - p**2
    gap = (1 + p) ** 2 - (1 - r**2) * ((1 + p) ** 2 + across)
    return Eq(gap, (p + r**2) ** 2, evaluate=False), Ge((p + r**2) ** 2, 0, evaluate=False)


@direction.proof("log cosh y ≤ y²/2", domain="every y ≥ 0 (both sides are even)", lemma=True)
def _() -> Any:
    y = nonnegative("y", "y")
    f = y**2 / 2 - log(cosh(y))
    slope = y - tanh(y)
    return (
        Eq(f.subs(y, 0), 0, evaluate=False),
        Eq(diff(f, y), slope, evaluate=False),
        Eq(slope.subs(y, 0), 0, evaluate=False),
        Eq(diff(slope, y), (sinh(y) / cosh(y)) ** 2, evaluate=False),
        Ge((sinh(y) / cosh(y)) ** 2, 0, evaluate=False),
    )


@direction.proof("the squares telescope", domain="every t ≥ 1", lemma=True)
def _() -> Any:
    # Σ_{s<t} s² = (t−1)t(2t−1)/6 ≤ t²(t−1)/3.
    partial: Expr = (t - 1) * t * (2 * t - 1) / 6
    step = partial.subs(t, t + 1) - partial
    gap = t**2 * (t - 1) / 3 - partial
    return (
        Eq(step, t**2, evaluate=False),
        Eq(partial.subs(t, 1), 0, evaluate=False),
        Eq(gap, t * (t - 1) / 6, evaluate=False),
        Ge((t - 1) * t / 6, 0, evaluate=False),
    )


@theorem(
    "learning-dynamics.update-rate.straight-line",
    states=Le(
        Abs(along_probe - eta * beta * t * shift_along_probe),
        eta * beta * t * (eta * beta**2 * (t - 1) / 4) * shift_length * probe_length,
    ),
    given=SMALL_STEP_ON_RUN,
    source=im_li("Section 4"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "half the constant": Le(
            Abs(along_probe - eta * beta * t * shift_along_probe),
            eta * beta * t * (eta * beta**2 * (t - 1) / 8) * shift_length * probe_length,
        ),
        "t − 2 for t − 1": Le(
            Abs(along_probe - eta * beta * t * shift_along_probe),
            eta * beta * t * (eta * beta**2 * Abs(t - 2) / 4) * shift_length * probe_length,
        ),
        "|z̄|_M twice": Le(
            Abs(along_probe - eta * beta * t * shift_along_probe),
            eta * beta * t * (eta * beta**2 * (t - 1) / 4) * shift_length**2,
        ),
        "5 % off": Le(
            Abs(along_probe - eta * beta * t * shift_along_probe),
            Rational(19, 20) * eta * beta * t * (eta * beta**2 * (t - 1) / 4) * shift_length * probe_length,
        ),
    },
    tight={"two small steps": Tight(single_sample(eta=2.0**-10, steps=2), at_least=0.999)},
)
def straight_line(train: Train, problem: HeadProblem) -> Values:
    """In every direction v the run stays near the straight line ηβt⟨z̄,v⟩: offset-free, for every v (LD-5a).

    The probes v are the samples themselves and the axes of the feature space.
    """
    run = train(problem)
    probes = problem.probes  # (p, d)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t[:, None],
        curvature: problem.curvature,
        run_curvature: pull_curvature(run)[:, None],
        shift_length: problem.mean_shift_curvature_norm,
        probe_length: problem.curvature_norms(probes),
        along_probe: run.along_each(probes),
        shift_along_probe: problem.shift_along(probes),
    }


@straight_line.proof("the weights telescope", domain="every t ≥ 1", lemma=True)
def _() -> Any:
    # Σ_{s<t} s = t(t−1)/2, and (β/2)·√2·√k·γ·t(t−1)/2 with k = β⁴|z̄|²_M/32, γ = 2η is the bound.
    partial: Expr = t * (t - 1) / 2
    length = shift_length
    rate = beta / 2 * sqrt(2) * (2 * eta) ** 2 * (beta**2 * length / sqrt(32)) * partial
    return (
        Eq(partial.subs(t, t + 1) - partial, t, evaluate=False),
        Eq(rate, eta * beta * t * (eta * beta**2 * (t - 1) / 4) * length, evaluate=False),
    )
