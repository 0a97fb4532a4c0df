"""Where real code breaks: ratios of e^±200, advantages that are all 0, a response that is masked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import Under, theorem
from alignprops.conformance.policy import ExtremeProblem
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import (
    KIND,
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    defined,
    finite,
    gradient_defined,
    gradient_finite,
)
from property_suites.policy_losses.specimens import EXTREME, far

Values = Mapping[Symbol, Any]


@theorem(
    "policy-losses.extremes",
    states={
        "finite loss": Under({"the formula is finite": Eq(defined, 1)}, Eq(finite, 1)),
        "finite gradient": Under({"the formula's gradient is finite": Eq(gradient_defined, 1)}, Eq(gradient_finite, 1)),
    },
    kind=KIND,
    codes=("EXT",),
    source=SCHULMAN,
    on=policy_problems(max_b=3, max_t=4).map(far),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=EXTREME,
    counterfeits=True,
    mutants={
        "loss: never finite": {"finite loss": Eq(finite, 0)},
        "gradient: half of it finite": {"finite gradient": Eq(gradient_finite, Rational(1, 2))},
    },
    no_proof=NO_PROOF,
)
def extremes(subject: Any, problem: ExtremeProblem) -> Values:
    """Loss and gradient are finite where the formula is: what the clip cuts may not come back as 0 · ∞."""
    from alignprops.conformance.policy_case import PolicyCase

    case = PolicyCase(subject, problem)
    value, slope = case.value_read(), case.slope_read()
    return {
        finite: value.finite,
        defined: value.defined,
        gradient_finite: slope.finite,
        gradient_defined: slope.defined,
    }
