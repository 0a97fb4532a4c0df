"""The first step of any model, at two step sizes: what the first order leaves over shrinks quadratically (LD-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Abs, Eq, Expr, Le, Rational, Symbol, diff, integrate

from alignprops import Rounding, Under, theorem
from alignprops.dynamics.notation import eta
from alignprops.dynamics.policy_problem import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policies import policy_problems
from property_suites.learning_dynamics.premises import im_li

Build = Any
Values = Mapping[Symbol, Any]

gradient_size = nonnegative("gradient_size", r"\lVert\nabla L(\theta_{\mathrm{ref}})\rVert")
half_margin = real("half_margin", r"\bar m(\eta/2)")
whole_margin = real("whole_margin", r"\bar m(\eta)")
margin_bend = real("margin_bend", r"\bar m''")
margin_wobble = nonnegative("margin_wobble", r"\operatorname{wobble}(\bar m')")
half_drop = real("half_drop", r"L(0) - L(\eta/2)")
whole_drop = real("whole_drop", r"L(0) - L(\eta)")
drop_bend = real("drop_bend", r"L''")
drop_wobble = nonnegative("drop_wobble", r"\operatorname{wobble}(L')")

predicted_margin: Expr = 2 * eta * gradient_size**2
predicted_drop: Expr = eta * gradient_size**2

STRAIGHT_MARGIN = {"the margin's slope moves along a line up to a quarter": Le(margin_wobble, Rational(1, 4))}
STRAIGHT_DROP = {"the loss's slope moves along a line up to a quarter": Le(drop_wobble, Rational(1, 4))}

ROUNDING = Rounding(64, "sums and products of measured quantities, which carry the rounding of the network")


def _shrinks(half: Expr, whole: Expr, predicted: Expr, share: Rational) -> Le:
    """The half step's remainder is at most `share` of the whole step's."""
    return Le(Abs(half - predicted / 2), share * Abs(whole - predicted))


@theorem(
    "learning-dynamics.first-step",
    states={
        "mean margin": Under(
            STRAIGHT_MARGIN, Le(Abs(whole_margin - predicted_margin), Rational(5, 8) * Abs(margin_bend) * eta**2)
        ),
        "its remainder shrinks quadratically": Under(
            STRAIGHT_MARGIN, _shrinks(half_margin, whole_margin, predicted_margin, Rational(5, 12))
        ),
        "loss": Under(STRAIGHT_DROP, Le(Abs(whole_drop - predicted_drop), Rational(5, 8) * Abs(drop_bend) * eta**2)),
        "the loss's remainder shrinks quadratically": Under(
            STRAIGHT_DROP, _shrinks(half_drop, whole_drop, predicted_drop, Rational(5, 12))
        ),
    },
    kind="policy",
    source=im_li("Section 3"),
    on=policy_problems(),
    rounding=ROUNDING,
    effort=0.15,
    exact=False,
    mutants={
        "the 2 lost": {
            "mean margin": Le(Abs(whole_margin - predicted_margin / 2), Rational(5, 8) * Abs(margin_bend) * eta**2)
        },
        "a fifth of the remainder": {
            "mean margin": Le(Abs(whole_margin - predicted_margin), Rational(1, 8) * Abs(margin_bend) * eta**2)
        },
        "cubic": {
            "its remainder shrinks quadratically": _shrinks(half_margin, whole_margin, predicted_margin, Rational(1, 8))
        },
        "twice the fall": {"loss": Le(Abs(whole_drop - 2 * predicted_drop), Rational(5, 8) * Abs(drop_bend) * eta**2)},
        "the loss, cubic": {
            "the loss's remainder shrinks quadratically": _shrinks(
                half_drop, whole_drop, predicted_drop, Rational(1, 8)
            )
        },
    },
    counterfeits=True,
)
def first_step(build: Build, problem: PolicyProblem) -> Values:
    """After one SGD step the mean margin is 2η‖G‖² and the loss has fallen by η‖G‖², up to a remainder like η².

    For any differentiable policy, G = ∇L(θ_ref) (LD-15). The remainder is bounded where the slopes along the step move
    along a straight line up to a quarter: they are measured at five points of the way, which is the only thing that
    this finite form takes on trust. Of two step sizes, η and η/2, the smaller one's remainder is a quarter of the
    larger one's, between 3/20 and 5/12.
    """
    step = build(problem).first_step
    return {
        eta: problem.eta,
        gradient_size: step.policy.gradient_size,
        half_margin: step.margins[0],
        whole_margin: step.margins[1],
        margin_bend: step.margin_bend,
        margin_wobble: step.margin_wobble,
        half_drop: step.drops[0],
        whole_drop: step.drops[1],
        drop_bend: step.drop_bend,
        drop_wobble: step.drop_wobble,
    }


@first_step.proof("the remainder is the integral of the slope", domain="slope within K·s·(1 ± ¼)", lemma=True)
def _() -> Any:
    # ∫_0^η K·s·(1 ± ¼) ds = (1 ± ¼)·Kη²/2, and the worst quotient of the halves' is (5/4)/(3/4)/4 = 5/12.
    s, k, tilt = real("s", "s"), real("K", "K"), real("tilt", r"\tau")
    remainder = integrate(k * s * (1 + tilt), (s, 0, eta))
    upper, lower = remainder.subs(tilt, Rational(1, 4)), remainder.subs(tilt, -Rational(1, 4))
    return (
        Eq(diff(remainder, eta), k * eta * (1 + tilt), evaluate=False),
        Eq(upper, Rational(5, 8) * k * eta**2, evaluate=False),
        Eq(upper.subs(eta, eta / 2), Rational(5, 12) * lower, evaluate=False),
    )
