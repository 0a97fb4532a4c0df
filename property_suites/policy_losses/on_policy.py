"""While the policy is the one that sampled every ratio is 1: the loss is the policy gradient's, and nothing is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import (
    KIND,
    NO_PROOF,
    ROUNDING,
    WILLIAMS,
    gradient,
    loss,
    of_policy,
)
from property_suites.policy_losses.specimens import RAGGED

Values = Mapping[Symbol, Any]

mean_advantage = real("mean_advantage", r"\textstyle\sum wA")
policy_gradient = real("policy_gradient", r"-wA")
negated_loss = real("negated_loss", r"L(-A)")
largest_metric = nonnegative("largest_metric", r"\max|\mathrm{metric}|")
tokens = nonnegative("tokens", r"n")


@theorem(
    "policy-losses.on-policy",
    states={
        "loss": Eq(loss, -mean_advantage),
        "gradient": Eq(gradient, policy_gradient),
        "odd in the advantage": Eq(negated_loss, -loss),
        "metrics": Eq(largest_metric, 0),
    },
    kind=KIND,
    codes=("IS", "SGN", "MET", "LEN"),
    about=of_policy,
    source=WILLIAMS,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=RAGGED,
    counterfeits=True,
    mutants={
        "loss: sign": {"loss": Eq(loss, mean_advantage)},
        "gradient: 5 % off": {"gradient": Eq(gradient, Rational(19, 20) * policy_gradient)},
        "even in the advantage": {"odd in the advantage": Eq(negated_loss, loss)},
        "metrics: 1": {"metrics": Eq(largest_metric, tokens)},
    },
    no_proof=NO_PROOF,
)
def on_policy(subject: Any, problem: PolicyProblem) -> Values:
    """With every policy the current one L = −Σ wA (of log π: −Σ wA·log π), ∇L = −wA; clip fractions and KL are 0."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import LOSS, PolicyCase

    case = PolicyCase(subject, problem).on_policy()
    opposite = case.with_problem(advantages=-case.problem.advantages)
    metrics = [abs(float(part)) for name, part in case.found.outputs.items() if name != LOSS and part.size == 1]
    value, gradient_of_advantages = case.policy_gradient()
    return {
        loss: compare(case.value(case.found), value).found,
        mean_advantage: -value.value,
        negated_loss: compare(opposite.value(opposite.found), value).found,
        gradient: compare(case.slope(case.found), gradient_of_advantages).found,
        policy_gradient: gradient_of_advantages.value,
        largest_metric: max(metrics, default=0.0),
        tokens: int(case.mask.sum()),
    }
