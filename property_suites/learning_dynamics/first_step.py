"""The first step of any model, at two step sizes: what the first order leaves over shrinks quadratically (LD-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Abs, Eq, Expr, Ge, Le, Rational, Symbol, diff, integrate

from alignprops import Rounding, Tight, Under, theorem
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


def _upper(wobble: Expr) -> Expr:
    """(1 + w)/2, the most that a remainder can be as a multiple of Kη²."""
    return (1 + wobble) / 2


def _lower(wobble: Expr) -> Expr:
    """(1 − w)/2, the least."""
    return (1 - wobble) / 2


def _shrinks(half: Expr, whole: Expr, predicted: Expr, share: Expr) -> Le:
    """The half step's remainder is at most `share` of the whole step's."""
    return Le(Abs(half - predicted / 2), share * Abs(whole - predicted))


def _quarter(wobble: Expr) -> Expr:
    """(1 + w)/(1 − w)/4, how much of the whole step's remainder the half step's is at most."""
    return (1 + wobble) / (1 - wobble) / 4


def tabular_softmax(chosen: list[int], rejected: list[int], *, eta_: float, seed: int) -> PolicyProblem:
    """One pair."""
    responses = np.array([chosen]), np.array([rejected])
    return PolicyProblem("table", np.array([[0]]), *responses, 4, seed, eta_, beta=1.0, steps=1)


def a_small_step(*, seed: int = 3) -> PolicyProblem:
    """The slopes move along a line up to a few thousandths; the wobble has the other sign with seed 2."""
    return tabular_softmax([1, 2], [2, 1], eta_=2.0**-8, seed=seed)


def a_large_step() -> PolicyProblem:
    """The remainder is 4 % of the margin, the wobble too: a prediction that is 5 % off has no remainder left."""
    return tabular_softmax([1, 1, 1, 1], [2, 3, 0, 2], eta_=0.5, seed=2)


left_of_margin = Abs(whole_margin - predicted_margin)
left_of_drop = Abs(whole_drop - predicted_drop)
margin_scale = Abs(margin_bend) * eta**2
drop_scale = Abs(drop_bend) * eta**2


@theorem(
    "learning-dynamics.first-step",
    states={
        "mean margin": Under(STRAIGHT_MARGIN, Le(left_of_margin, _upper(margin_wobble) * margin_scale)),
        "what the margin's first order leaves over": Under(
            STRAIGHT_MARGIN, Ge(left_of_margin, _lower(margin_wobble) * margin_scale)
        ),
        "its remainder shrinks quadratically": Under(
            STRAIGHT_MARGIN, _shrinks(half_margin, whole_margin, predicted_margin, _quarter(margin_wobble))
        ),
        "loss": Under(STRAIGHT_DROP, Le(left_of_drop, _upper(drop_wobble) * drop_scale)),
        "what the loss's first order leaves over": Under(
            STRAIGHT_DROP, Ge(left_of_drop, _lower(drop_wobble) * drop_scale)
        ),
        "the loss's remainder shrinks quadratically": Under(
            STRAIGHT_DROP, _shrinks(half_drop, whole_drop, predicted_drop, _quarter(drop_wobble))
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
            "mean margin": Le(Abs(whole_margin - predicted_margin / 2), _upper(margin_wobble) * margin_scale)
        },
        "5 % off": {"mean margin": Le(left_of_margin, Rational(19, 20) * _upper(margin_wobble) * margin_scale)},
        "5 % more is left over": {
            "what the margin's first order leaves over": Ge(
                left_of_margin, Rational(21, 20) * _lower(margin_wobble) * margin_scale
            )
        },
        "cubic": {
            "its remainder shrinks quadratically": _shrinks(
                half_margin, whole_margin, predicted_margin, _quarter(margin_wobble) / 2
            )
        },
        "twice the fall": {"loss": Le(Abs(whole_drop - 2 * predicted_drop), _upper(drop_wobble) * drop_scale)},
        "5 % more of the loss is left over": {
            "what the loss's first order leaves over": Ge(
                left_of_drop, Rational(21, 20) * _lower(drop_wobble) * drop_scale
            )
        },
        "the loss, cubic": {
            "the loss's remainder shrinks quadratically": _shrinks(
                half_drop, whole_drop, predicted_drop, _quarter(drop_wobble) / 2
            )
        },
    },
    examples={"the other way": a_small_step(seed=2), "a large step": a_large_step()},
    tight={
        "a tabular softmax": Tight(a_small_step(), 0.99, of="mean margin"),
        "a tabular softmax, from below": Tight(a_small_step(), 0.99, of="what the margin's first order leaves over"),
        "a tabular softmax, half the step": Tight(a_small_step(), 0.99, of="its remainder shrinks quadratically"),
        "a tabular softmax, the loss": Tight(a_small_step(), 0.99, of="loss"),
        "a tabular softmax, the loss from below": Tight(
            a_small_step(), 0.99, of="what the loss's first order leaves over"
        ),
        "a tabular softmax, the loss of half the step": Tight(
            a_small_step(), 0.99, of="the loss's remainder shrinks quadratically"
        ),
    },
    counterfeits=True,
)
def first_step(build: Build, problem: PolicyProblem) -> Values:
    """After one SGD step the mean margin is 2η‖G‖² and the loss has fallen by η‖G‖², up to a remainder like η².

    For any differentiable policy, G = ∇L(θ_ref) (LD-15). Where a slope along the step moves along a straight line up to
    a share w ≤ ¼ of its move Kη, the remainder at η is Kη²/2 up to that share, and the one at η/2 is at most
    (1 + w)/(1 − w) quarters of it. w is measured at five points of the way, which is the only thing that this finite
    form takes on trust.
    """
    step = build(problem).first_step
    return {
        eta: problem.eta,
        gradient_size: step.policy.gradient_size,
        half_margin: step.margins[0],
        whole_margin: step.margins[1],
        margin_bend: step.margin_bend,
        margin_wobble: step.measured_margin_wobble,
        half_drop: step.drops[0],
        whole_drop: step.drops[1],
        drop_bend: step.drop_bend,
        drop_wobble: step.measured_drop_wobble,
    }


@first_step.proof("the remainder is the integral of the slope", domain="slope within K·s·(1 ± w), w < 1", lemma=True)
def _() -> Any:
    # ∫_0^η K·s·(1 ± w) ds = (1 ± w)·Kη²/2, and the worst quotient of the halves' is (1 + w)/(1 − w)/4.
    s, k, w, tilt = real("s", "s"), real("K", "K"), real("w", "w"), real("tilt", r"\tau")
    remainder = integrate(k * s * (1 + tilt), (s, 0, eta))
    upper, lower = remainder.subs(tilt, w), remainder.subs(tilt, -w)
    return (
        Eq(diff(remainder, eta), k * eta * (1 + tilt), evaluate=False),
        Eq(upper, _upper(w) * k * eta**2, evaluate=False),
        Eq(lower, _lower(w) * k * eta**2, evaluate=False),
        Eq(upper.subs(eta, eta / 2) * (1 - w), _quarter(w) * (1 - w) * lower, evaluate=False),
    )
