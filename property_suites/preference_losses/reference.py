"""Code of a preference loss equals the paper's formula, in value and gradient.

Notation: L_i the loss of pair i, L̂_i the formula evaluated in float64, g_i an upstream gradient that differs from pair
to pair. Log-probabilities, masks and options are ragged, asymmetric and not the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import (
    NO_PROOF,
    RAFAILOV,
    ROUNDING,
    defined,
    expected_gradient,
    expected_loss,
    finite,
    gradient,
    gradient_defined,
    gradient_finite,
    loss,
)
from property_suites.preference_losses.specimens import RAGGED, SINGLE

Values = Mapping[Symbol, Any]


@theorem(
    "preference-losses.reference.value",
    states=Eq(loss, expected_loss),
    given={"the loss is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind="pairwise-loss",
    codes=("REF", "LIVE", "LEN"),
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "sign": Eq(loss, -expected_loss),
        "5 % off": Eq(loss, Rational(19, 20) * expected_loss),
    },
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: PairwiseProblem) -> Values:
    """The loss is the formula's, in float64, float32 and bfloat16, for every value of its options."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import LOSS, PairwiseCase

    case = PairwiseCase(subject, problem)
    seen = compare(case.found.outputs[LOSS], case.expected_loss)
    return {loss: seen.found, expected_loss: seen.expected, finite: seen.finite, defined: seen.defined}


@theorem(
    "preference-losses.reference.gradient",
    states=Eq(gradient, expected_gradient),
    given={"the gradient is finite": Eq(gradient_finite, 1), "the formula is finite": Eq(gradient_defined, 1)},
    kind="pairwise-loss",
    codes=("REF", "SGN"),
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "sign": Eq(gradient, -expected_gradient),
        "5 % off": Eq(gradient, Rational(19, 20) * expected_gradient),
    },
    no_proof=NO_PROOF,
)
def gradients(subject: Any, problem: PairwiseProblem) -> Values:
    """The gradient in the policy's log-probabilities is the formula's, for an upstream that differs between pairs."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import PairwiseCase

    case = PairwiseCase(subject, problem)
    seen = compare(case.gradients(case.found), case.expected_gradients)
    return {
        gradient: seen.found,
        expected_gradient: seen.expected,
        gradient_finite: seen.finite,
        gradient_defined: seen.defined,
    }
