"""How fast the loss falls: quadratically in the mean shift, from the first step on (LD-6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Le, Max, Rational, Symbol, cosh, diff, log, sqrt, tanh

from alignprops import Tight, Under, theorem
from alignprops.atoms import expand_atoms, log_cosh, softplus
from alignprops.dynamics.bounds import certain_share, drop_high, drop_low, first_drop_high, first_drop_low
from alignprops.dynamics.notation import (
    along_shift,
    beta,
    curvature,
    curvature_along_shift,
    eta,
    head_change,
    loss_drop,
    mean_shift,
    t,
)
from alignprops.dynamics.problem import HeadProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, SMALL_STEP, STABLE_STEP, im_li
from property_suites.learning_dynamics.specimens import single_sample

Train = Any
Values = Mapping[Symbol, Any]


@theorem(
    "learning-dynamics.loss.first-step",
    states={"at most": Le(loss_drop, first_drop_high), "at least": Ge(loss_drop, first_drop_low)},
    source=im_li("Section 4"),
    on=head_problems(step_size="any", max_steps=1),
    rounding=ROUNDING,
    mutants={
        "ρ/8 for ρ/4": {"at least": Ge(loss_drop, first_drop_high * (1 - eta * beta**2 * curvature_along_shift / 8))},
        "ηβ²/4 for ηβ²/2": {"at most": Le(loss_drop, first_drop_high / 2)},
        "5 % off, above": {"at most": Le(loss_drop, Rational(19, 20) * first_drop_high)},
        "5 % off, below": {"at least": Ge(loss_drop, Rational(21, 20) * first_drop_low)},
    },
    tight={
        "a tiny step, from above": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999, of="at most"),
        "a tiny step, from below": Tight(single_sample(eta=2.0**-12, steps=1), at_least=0.999, of="at least"),
    },
)
def first_step(train: Train, problem: HeadProblem) -> Values:
    """The first step lowers the loss by (ηβ²/2)‖z̄‖², up to a factor 1 − ηβ²ρ/4: quadratic in the mean shift.

    For every η. With exactly balanced classes ‖z̄‖ = δ/2: quadratic in the preference distinguishability (LD-6).
    """
    run = train(problem.with_steps(1))
    return {
        eta: problem.eta,
        beta: problem.beta,
        mean_shift: problem.mean_shift,
        curvature_along_shift: problem.curvature_along_shift,
        loss_drop: run.loss_drop,
    }


@first_step.proof("the loss splits into a line and log cosh", domain="every margin", lemma=True)
def _() -> Any:
    # ℓ(m) = log 2 − m/2 + log cosh(m/2): equal at 0, with equal slopes; and 0 ≤ log cosh y ≤ y²/2 likewise.
    m, y = real("m", "m"), nonnegative("y", "y")
    split = log(2) - m / 2 + log_cosh(m / 2)
    slope = diff(y**2 / 2 - log(cosh(y)), y)
    return (
        Eq(expand_atoms(softplus(-m) - split).subs(m, 0), 0, evaluate=False),
        Eq(diff(softplus(-m), m), diff(split, m), evaluate=False),
        Ge(log_cosh(y), 0, evaluate=False),
        Eq(diff(slope, y), tanh(y) ** 2, evaluate=False),
        Ge(tanh(y) ** 2, 0, evaluate=False),
    )


@theorem(
    "learning-dynamics.loss.any-step",
    states={
        "at most": Under(STABLE_STEP, Le(loss_drop, drop_high)),
        "at least": Under(SMALL_STEP, Ge(loss_drop, drop_low)),
        "no drop without alignment": Le(loss_drop, beta * along_shift / 2),
        "no drop without change": Le(loss_drop, beta * mean_shift * head_change / sqrt(2)),
    },
    source=im_li("Section 4"),
    on=head_problems(step_size="S4") | head_problems(step_size="any"),
    rounding=ROUNDING,
    mutants={
        "half of what is possible": {"at most": Le(loss_drop, drop_high / 2)},
        "5 % off, above": {"at most": Le(loss_drop, Rational(19, 20) * drop_high)},
        "without the step-size factor": {"at least": Ge(loss_drop, drop_high * Max(certain_share, 0))},
        "5 % off, below": {"at least": Ge(loss_drop, Rational(21, 20) * drop_low)},
        "half the alignment": {"no drop without alignment": Le(loss_drop, beta * along_shift / 4)},
        "half the change": {"no drop without change": Le(loss_drop, beta * mean_shift * head_change / 2)},
    },
    tight={
        "tiny steps, from above": Tight(single_sample(eta=2.0**-12, steps=2), at_least=0.999, of="at most"),
        "tiny steps, from below": Tight(single_sample(eta=2.0**-12, steps=2), at_least=0.999, of="at least"),
    },
)
def any_step(train: Train, problem: HeadProblem) -> Values:
    """The loss falls at most linearly in t, at least linearly at first, and never without head change.

    The three bounds of LD-6 for every t: the upper one under (S4), the lower one under (S), the last for every η.
    """
    run = train(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: run.t,
        mean_shift: problem.mean_shift,
        curvature: problem.curvature,
        curvature_along_shift: problem.curvature_along_shift,
        loss_drop: run.loss_drop,
        along_shift: run.along_shift,
        head_change: run.head_change,
    }


@any_step.proof(
    "what is paid and what is kept multiply to the bound", domain="c = ηβ²λ/4 < 1, k = κ_t(ρ) ≤ 1", lemma=True
)
def _() -> Any:
    # LD-4b with ‖W‖ ≥ (1−κ)·linear growth: (1−c)·((1−k)ηβt‖z̄‖/√2)²/(ηt) is the lower bound of LD-6.
    c, k = nonnegative("c", "c"), nonnegative("k", "k")
    kept = (1 - k) * eta * beta * t * mean_shift / sqrt(2)
    return Eq((1 - c) * kept**2 / (eta * t), (1 - c) * drop_high * (1 - k) ** 2, evaluate=False)


@any_step.proof("‖W − W₀‖ = ‖u‖/√2 and Cauchy–Schwarz", domain="two coordinates of u and z̄", lemma=True)
def _() -> Any:
    a, b, p, q = (real(name, name) for name in "abpq")
    gap = (a**2 + b**2) * (p**2 + q**2) - (a * p + b * q) ** 2
    return Eq(gap, (a * q - b * p) ** 2, evaluate=False), Ge((a * q - b * p) ** 2, 0, evaluate=False)
