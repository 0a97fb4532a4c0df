"""Code of log-probabilities equals the formula, in value and gradient.

Notation: z = c·l/T the scaled logits that predict a token y, log p(y) = z_y − log Σ_v e^{z_v}, ℓ what the code returns:
these of tokens, or their sum or mean over the scored tokens of a sequence. Masks are ragged and have holes, options are
not the defaults, and each row (or token) has an upstream derivative of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import (
    NO_PROOF,
    ROUNDING,
    SOURCE,
    defined,
    expected_gradient,
    expected_logp,
    finite,
    gradient,
    gradient_defined,
    gradient_finite,
    logp,
)
from property_suites.log_probabilities.specimens import PLAIN, RAGGED, SINGLE

Values = Mapping[Symbol, Any]
EXAMPLES = {**RAGGED, **SINGLE, "the same with default options": PLAIN}


@theorem(
    "log-probabilities.reference.value",
    states=Eq(logp, expected_logp),
    given={"it is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind="sequence-logprob",
    codes=("REF", "LIVE", "LEN", "OFF"),
    source=SOURCE,
    on=logp_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={
        "negated": Eq(logp, -expected_logp),
        "5 % off": Eq(logp, Rational(19, 20) * expected_logp),
    },
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: LogpProblem) -> Values:
    """Log-probabilities are the formula's, in float64, float32 and bfloat16, for every value of the options."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    seen = compare(case.values(case.found), case.expected)
    return {logp: seen.found, expected_logp: seen.expected, finite: seen.finite, defined: seen.defined}


@theorem(
    "log-probabilities.reference.gradient",
    states=Eq(gradient, expected_gradient),
    given={"the gradient is finite": Eq(gradient_finite, 1), "the formula is finite": Eq(gradient_defined, 1)},
    kind="sequence-logprob",
    codes=("REF", "SGN"),
    source=SOURCE,
    on=logp_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={
        "negated": Eq(gradient, -expected_gradient),
        "5 % off": Eq(gradient, Rational(19, 20) * expected_gradient),
    },
    no_proof=NO_PROOF,
)
def gradients(subject: Any, problem: LogpProblem) -> Values:
    """The gradient in the logits, or in states, weight and bias, is the formula's, for upstreams that differ."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    seen = compare(case.gradients(case.found), case.expected_gradients)
    return {
        gradient: seen.found,
        expected_gradient: seen.expected,
        gradient_finite: seen.finite,
        gradient_defined: seen.defined,
    }
