"""What remains true of any differentiable model: the first order, and the linearised run (LD-15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Le, Rational, Symbol, diff, sqrt

from alignprops import Rounding, Under, theorem
from alignprops.atoms import sigmoid, softplus
from alignprops.dynamics.bounds import drop_high, initial_rate, linear_growth
from alignprops.dynamics.notation import beta, curvature, eta, loss_drop, mean_shift, t
from alignprops.dynamics.policy_problem import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policies import policy_problems
from property_suites.learning_dynamics.premises import im_li

Build = Any
Values = Mapping[Symbol, Any]

ROUNDING = Rounding(
    4096, "a derivative of a small network passes a few thousand roundings on its way; sums of products carry their own"
)

margin_slope = real("margin_slope", r"\operatorname{mean}_j \beta\,\partial h_j/\partial\eta")
loss_slope = real("loss_slope", r"\partial L/\partial\eta")
gradient_size = nonnegative("gradient_size", r"\lVert\nabla L(\theta_{\mathrm{ref}})\rVert")
ratio_slope = real("ratio_slope", r"\partial h_j/\partial\eta")
ratio_along_gradient = real("ratio_along_gradient", r"\langle\nabla h_j, \nabla L\rangle")


@theorem(
    "learning-dynamics.first-order",
    states={
        "each log-ratio difference": Eq(ratio_slope, -ratio_along_gradient),
        "mean margin": Eq(margin_slope, 2 * gradient_size**2),
        "loss": Eq(loss_slope, -(gradient_size**2)),
    },
    kind="policy",
    source=im_li("Section 3"),
    on=policy_problems(),
    rounding=ROUNDING,
    effort=0.2,
    exact=False,
    mutants={
        "the 2 lost": {"mean margin": Eq(margin_slope, gradient_size**2)},
        "a loss that falls twice as fast": {"loss": Eq(loss_slope, -2 * gradient_size**2)},
        "a step uphill": {"each log-ratio difference": Eq(ratio_slope, ratio_along_gradient)},
        "5 % off": {"mean margin": Eq(margin_slope, Rational(19, 20) * 2 * gradient_size**2)},
    },
)
def first_order(build: Build, problem: PolicyProblem) -> Values:
    """Right after the first SGD step the mean margin is 2η‖G‖² and the loss has fallen by η‖G‖², to first order in η.

    G = ∇L(θ_ref), for any differentiable policy: dh_j/dη = −⟨∇h_j, G⟩ by forward mode against reverse mode (LD-15).
    """
    policy = build(problem)
    return {
        ratio_slope: policy.ratio_slopes,
        ratio_along_gradient: policy.ratios_along_gradient,
        margin_slope: policy.mean_margin_slope,
        loss_slope: policy.loss_slope,
        gradient_size: policy.gradient_size,
    }


@first_order.proof("the loss at the reference has slope −β/2 in every h", domain="n samples, one parameter", lemma=True)
def _() -> Any:
    # G = −(β/2)·mean φ, so −mean β⟨φ, G⟩ = 2G² and −⟨∇L, G⟩ = −G².
    mean_feature = real("phi", r"\bar\varphi")
    g = -beta / 2 * mean_feature
    return (
        Eq(-beta * mean_feature * g, 2 * g**2, evaluate=False),
        Eq(-g * g, -((beta * mean_feature / 2) ** 2), evaluate=False),
    )


parameter_entry = real("parameter_entry", r"(\theta_t - \theta_{\mathrm{ref}})_j")
head_entry = real("head_entry", r"u_{t,j}")
parameter_change = nonnegative("parameter_change", r"\lVert\theta_t - \theta_{\mathrm{ref}}\rVert")
#: The dictionary: z_i := φ_i, η := η/2, u := θ − θ_ref; ‖W − W_0‖ = ‖u‖/√2 becomes ‖θ − θ_ref‖ = √2 times that.
half_rate = {eta: eta / 2}


@theorem(
    "learning-dynamics.linearised",
    states={
        "runs like the head": Eq(parameter_entry, head_entry),
        "initial rate": Eq(gradient_size, initial_rate / sqrt(2)),
        "linear growth": Under(
            {"(S4) in the dictionary": Le(eta * beta**2 * curvature, 8)},
            Le(parameter_change, sqrt(2) * linear_growth.subs(half_rate)),
        ),
        "loss": Under(
            {"(S4) in the dictionary": Le(eta * beta**2 * curvature, 8)}, Le(loss_drop, drop_high.subs(half_rate))
        ),
    },
    kind="policy",
    source=im_li("Section 3"),
    on=policy_problems(),
    rounding=ROUNDING,
    effort=0.2,
    exact=False,
    mutants={
        "LD-4 read literally": {"linear growth": Le(parameter_change, linear_growth.subs(half_rate))},
        "η for η/2": {"runs like the head": Eq(parameter_entry, 2 * head_entry)},
        "LD-3 read literally": {"initial rate": Eq(gradient_size, initial_rate)},
        "half the fall": {"loss": Le(loss_drop, drop_high.subs(half_rate) / 2)},
        "5 % off": {"linear growth": Le(parameter_change, Rational(19, 20) * sqrt(2) * linear_growth.subs(half_rate))},
    },
)
def linearised(build: Build, problem: PolicyProblem) -> Values:
    """A model linearised at its reference runs like the last layer with z := ∇h, η := η/2 and u := θ − θ_ref (LD-15).

    Autograd training of the linearised policy against the last-layer engine on the gradients as features.
    """
    linear = build(problem).linearised
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: linear.run.t[:, None],
        mean_shift: linear.run.problem.mean_shift,
        curvature: linear.run.problem.curvature,
        parameter_entry: linear.entries,
        head_entry: linear.run.entries,
        parameter_change: linear.change[:, None],
        loss_drop: linear.loss_drop[:, None],
        gradient_size: linear.initial_gradient,
    }


@linearised.proof(
    "a step of the linearised model is a step of the head", domain="one sample, one parameter", lemma=True
)
def _() -> Any:
    change, feature = real("v", "v"), real("phi", r"\varphi")
    step = -eta * diff(softplus(-beta * feature * change), change)
    return Eq(step, 2 * (eta / 2) * beta * sigmoid(-beta * feature * change) * feature, evaluate=False)
