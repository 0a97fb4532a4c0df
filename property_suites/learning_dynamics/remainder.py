"""Linearisation with an explicit remainder, for responses of several tokens (LD-20)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Abs, Eq, Ge, Le, Rational, Symbol, diff, exp, log, sqrt

from alignprops import Tight, theorem
from alignprops.dynamics.notation import beta, eta, loss_drop, t
from alignprops.dynamics.remainder import Remainder
from alignprops.dynamics.token_head import TokenHeadProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.token_heads import token_head_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li

Train = Any
Values = Mapping[Symbol, Any]

smoothness = nonnegative("smoothness_of_ratio", "H_i")
mean_smoothness = nonnegative("mean_smoothness", r"\bar H")
root_smoothness = nonnegative("root_smoothness", "H_2")
distance = nonnegative("distance", r"\lVert\theta - \theta_{\mathrm{ref}}\rVert")
turn = nonnegative("turn", r"\lVert\nabla h_i(\theta) - \nabla h_i(\theta_{\mathrm{ref}})\rVert")
leftover = real("leftover", r"h_i(\theta) - \langle\varphi_i, \theta - \theta_{\mathrm{ref}}\rangle")


def curved(
    *, size: float = 2.0**-10, beta_: float = 1.0, eta_: float = 2.0**-10, steps: int = 2, rejected: bool = False
) -> TokenHeadProblem:
    """One pair of two tokens out of two, all of its curvature at the second token of the chosen response, or rejected.

    It slows the margin down in the chosen response, and speeds it up in the rejected one.
    """
    states = np.array([[[[0.0], [1.0]], [[0.0], [0.0]]]])
    tokens = np.array([[[0, 0], [1, 0]]])
    if rejected:
        states, tokens = states[:, ::-1].copy(), tokens[:, ::-1].copy()
    probe = size * np.array([[1.0], [-1.0]])
    ones, shared = np.ones((1, 2, 2), np.int64), np.array([1])
    return TokenHeadProblem(np.zeros((2, 1)), states, tokens, ones, shared, probe, eta_, beta_, steps)


@theorem(
    "learning-dynamics.remainder.smoothness",
    states={
        "gradients": Le(turn, smoothness * distance),
        "remainder": Le(Abs(leftover), smoothness * distance**2 / 2),
    },
    kind="token-head",
    source=im_li("Section 3"),
    on=token_head_problems(),
    rounding=ROUNDING,
    effort=0.25,
    mutants={
        "¼ max for ½ max": {"gradients": Le(turn, smoothness * distance / 2)},
        "H/4 for H/2": {"remainder": Le(Abs(leftover), smoothness * distance**2 / 4)},
        "5 % off": {"gradients": Le(turn, Rational(19, 20) * smoothness * distance)},
        "5 % off the remainder": {"remainder": Le(Abs(leftover), Rational(19, 40) * smoothness * distance**2)},
        "no remainder": {"remainder": Le(Abs(leftover), 0)},
    },
    tight={
        "two tokens of two": Tight(curved(), 0.999, of="gradients"),
        "two tokens of two, remainder": Tight(curved(), 0.999, of="remainder"),
    },
)
def smooth_ratios(train: Train, problem: TokenHeadProblem) -> Values:
    """A head on whole responses is linear up to H_i = ½ max(Σ_chosen‖x_t‖², Σ_rejected‖x_t‖²), for every W (LD-20a, d).

    Log-partitions no longer cancel, but those of the common prefix do. ‖∇h_i(W) − ∇h_i(W_0)‖ ≤ H_i‖W − W_0‖ and
    |h_i(W) − ⟨φ_i, W − W_0⟩| ≤ (H_i/2)‖W − W_0‖², on a run and along a probe; one-hot states are a tabular softmax.
    """
    remainder = Remainder(problem, train(problem))
    return {
        smoothness: remainder.smoothness,
        distance: remainder.distances,
        turn: remainder.turns,
        leftover: remainder.leftovers,
    }


@smooth_ratios.proof("diag p − ppᵀ is at most ½", domain="two tokens, p = 1/(1 + e^a); and along any axis", lemma=True)
def _() -> Any:
    # The Hessian of log Σ exp of two logits along (1, −1)/√2 is 2p(1−p) ≤ ½.
    a = real("a", "a")
    p = 1 / (1 + exp(a))
    q = 1 / (1 + exp(sqrt(2) * a))
    second = diff(log(exp(a / sqrt(2)) + exp(-a / sqrt(2))), a, 2)
    return (
        Eq(Rational(1, 2) - 2 * p * (1 - p), (1 - 2 * p) ** 2 / 2, evaluate=False),
        Ge((1 - 2 * p) ** 2 / 2, 0, evaluate=False),
        Eq(second, 2 * q * (1 - q), evaluate=False),
    )


@smooth_ratios.proof("integrating the gradient", domain="a line from θ_ref of length r", lemma=True)
def _() -> Any:
    from sympy import integrate

    r, s = nonnegative("r", "r"), nonnegative("s", "s")
    return Eq(integrate(smoothness * s, (s, 0, r)), smoothness * r**2 / 2, evaluate=False)


gradient_size = nonnegative("gradient_size", r"\lVert G\rVert")
mean_margin = real("mean_margin", r"\operatorname{mean}_i \beta h_i(\theta_1)")
squared_reach = nonnegative(
    "squared_reach", r"\operatorname{mean}_i(\eta|\langle\varphi_i, G\rangle| + H_i\eta^2\lVert G\rVert^2/2)^2"
)
first_drop = eta * gradient_size**2
slack = beta * mean_smoothness / 4 * eta**2 * gradient_size**2


@theorem(
    "learning-dynamics.remainder.first-step",
    states={
        "mean margin": Le(Abs(mean_margin - 2 * first_drop), 2 * slack),
        "the loss falls at most": Le(loss_drop - first_drop, slack),
        "the loss falls at least": Le(first_drop - loss_drop, slack + beta**2 / 8 * squared_reach),
    },
    kind="token-head",
    source=im_li("Section 3"),
    on=token_head_problems(max_steps=1),
    rounding=ROUNDING,
    effort=0.25,
    mutants={
        "half the slack": {"mean margin": Le(Abs(mean_margin - 2 * first_drop), slack)},
        "5 % off": {"mean margin": Le(Abs(mean_margin - 2 * first_drop), Rational(19, 10) * slack)},
        "no slack above": {"the loss falls at most": Le(loss_drop, first_drop)},
        "half the slack above": {"the loss falls at most": Le(loss_drop - first_drop, slack / 2)},
        "no slack below": {"the loss falls at least": Ge(loss_drop, first_drop)},
        "β²/16 for β²/8": {"the loss falls at least": Ge(loss_drop, first_drop - slack - beta**2 / 16 * squared_reach)},
    },
    tight={
        "one small step": Tight(curved(steps=1), 0.999, of="mean margin"),
        "a margin that speeds up": Tight(
            curved(beta_=2.0**-8, eta_=1.0, steps=1, rejected=True), 0.99, of="the loss falls at most"
        ),
        "one small step, the loss from below": Tight(curved(steps=1), 0.999, of="the loss falls at least"),
    },
)
def first_step(train: Train, problem: TokenHeadProblem) -> Values:
    """After one SGD step the mean margin is 2η‖G‖² and the loss has fallen by η‖G‖², up to a remainder (LD-20b).

    G = −(β/2)φ̄; the remainder is quadratic in η: (βH̄/2)η²‖G‖² for the margin.
    """
    remainder = Remainder(problem, train(problem))
    return {
        eta: problem.eta,
        beta: problem.beta,
        gradient_size: remainder.gradient_size,
        mean_smoothness: remainder.mean_smoothness,
        mean_margin: remainder.mean_margin,
        loss_drop: remainder.loss_drop,
        squared_reach: remainder.squared_reach,
    }


@first_step.proof("the mean margin of the linear part", domain="one parameter", lemma=True)
def _() -> Any:
    phi = real("phi", r"\bar\varphi")
    g = -beta * phi / 2
    return Eq(beta * phi * (-eta * g), 2 * eta * g**2, evaluate=False)


mean_feature = nonnegative("mean_feature", r"\lVert\bar\varphi\rVert")
curvature = nonnegative("feature_curvature", r"\Lambda")
deviation = nonnegative(
    "remainder_deviation", r"\lVert\theta_t - \theta_{\mathrm{ref}} - (\eta\beta t/2)\bar\varphi\rVert"
)

a = beta**2 * curvature / 4 + beta * mean_smoothness
c = beta**2 * sqrt(curvature) * root_smoothness / 8
bend = a + c * eta * beta * t * mean_feature
line = eta * beta * t / 2 * mean_feature


def bound(rate: Any) -> Any:
    """η(t−1)·rate/(2 − ηt·rate) times the straight line's length."""
    return eta * (t - 1) * rate / (2 - eta * t * rate) * line


@theorem(
    "learning-dynamics.remainder.run",
    states=Le(deviation, bound(bend)),
    given={"x ≤ 1": Le(eta * t * bend, 1)},
    kind="token-head",
    source=im_li("Section 3"),
    on=token_head_problems(),
    rounding=ROUNDING,
    effort=0.25,
    mutants={
        "H := 0": Le(deviation, bound(beta**2 * curvature / 4)),
        "half the bend": Le(deviation, bound(bend) / 2),
        "5 % off": Le(deviation, Rational(19, 20) * bound(bend)),
        "t − 2 for t − 1": Le(deviation, bound(bend) * Abs(t - 2) / (t - 1)),
    },
    examples={"small β": curved(beta_=2.0**-6, eta_=1.0)},
    tight={"large β, two small steps": Tight(curved(beta_=1024.0, eta_=2.0**-24), 0.98)},
)
def run_remainder(train: Train, problem: TokenHeadProblem) -> Values:
    """For T steps the run stays near the straight line (ηβt/2)φ̄, with constants of the model's own curvature (LD-20c).

    a = β²Λ/4 + βH̄, c = β²√ΛH_2/8, R = ηβt‖φ̄‖, x = ηt(a + cR) ≤ 1:
    ‖θ_t − θ_ref − (ηβt/2)φ̄‖ ≤ (η(t−1)(a + cR)/(2−x))·(ηβt/2)‖φ̄‖.
    """
    remainder = Remainder(problem, train(problem))
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: remainder.t,
        mean_feature: remainder.mean_feature_size,
        curvature: remainder.curvature,
        mean_smoothness: remainder.mean_smoothness,
        root_smoothness: remainder.root_mean_square_smoothness,
        deviation: remainder.deviation,
    }


@run_remainder.proof("the induction closes", domain="r_s ≤ (ηβs/2)‖φ̄‖·2/(2−x), every s < t", lemma=True)
def _() -> Any:
    # Σ_{s<t} η(a + cR)·r_s with Σ s = t(t−1)/2 is the bound.
    from sympy import Symbol as Free

    rate, x = Free("k", positive=True), real("x", "x")
    summed = eta * rate * (eta * beta / 2 * mean_feature) * 2 / (2 - x) * t * (t - 1) / 2
    return Eq(summed, eta * (t - 1) * rate / (2 - x) * line, evaluate=False)
