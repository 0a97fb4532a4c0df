"""Code of a policy's loss equals the paper's formula, in value and gradient.

L is what the code returns, L̂ the formula evaluated in float64. Ratios lie on both sides of every range; near a kink
the bound of the expected gradient takes in both slopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import (
    KIND,
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    defined,
    expected_gradient,
    expected_loss,
    finite,
    gradient,
    gradient_defined,
    gradient_finite,
    loss,
)
from property_suites.policy_losses.specimens import RAGGED, SINGLE

Values = Mapping[Symbol, Any]


@theorem(
    "policy-losses.reference.value",
    states=Eq(loss, expected_loss),
    given={"the loss is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind=KIND,
    codes=("REF", "LIVE", "LEN", "KL"),
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "sign": Eq(loss, -expected_loss),
        "5 % off": Eq(loss, Rational(19, 20) * expected_loss),
    },
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: PolicyProblem) -> Values:
    """The loss is the formula's in the documented aggregation, in every dtype, for every value of its options."""
    from alignprops.conformance.policy_case import PolicyCase

    seen = PolicyCase(subject, problem).value_read()
    return {loss: seen.found, expected_loss: seen.expected, finite: seen.finite, defined: seen.defined}


@theorem(
    "policy-losses.reference.gradient",
    states=Eq(gradient, expected_gradient),
    given={"the gradient is finite": Eq(gradient_finite, 1), "the formula is finite": Eq(gradient_defined, 1)},
    kind=KIND,
    codes=("REF", "SGN", "KL"),
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "sign": Eq(gradient, -expected_gradient),
        "5 % off": Eq(gradient, Rational(19, 20) * expected_gradient),
    },
    no_proof=NO_PROOF,
)
def gradients(subject: Any, problem: PolicyProblem) -> Values:
    """The gradient in what is trained is the formula's: weights and old log-probabilities are held fixed."""
    from alignprops.conformance.policy_case import PolicyCase

    seen = PolicyCase(subject, problem).slope_read()
    return {
        gradient: seen.found,
        expected_gradient: seen.expected,
        gradient_finite: seen.finite,
        gradient_defined: seen.defined,
    }
