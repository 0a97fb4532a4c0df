"""Code of an aggregate equals its formula, in value and gradient.

Notation: A what the code makes of the numbers x_bt of tokens under a mask m_bt, Â the formula evaluated in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import (
    NO_PROOF,
    ROUNDING,
    SOURCE,
    defined,
    expected,
    expected_gradient,
    finite,
    found,
    gradient,
    gradient_defined,
    gradient_finite,
)
from property_suites.aggregation.specimens import PLAIN, RAGGED, UNEQUAL

Values = Mapping[Symbol, Any]
EXAMPLES = {**RAGGED, "default options": PLAIN, "unequal rows": UNEQUAL}


@theorem(
    "aggregation.reference.value",
    states=Eq(found, expected),
    given={"it is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind="aggregation",
    codes=("REF", "LIVE", "LEN"),
    source=SOURCE,
    on=aggregation_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={"negated": Eq(found, -expected), "5 % off": Eq(found, Rational(19, 20) * expected)},
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: AggregationProblem) -> Values:
    """The aggregate is the formula's, on ragged masks with rows of nothing, in float64, float32 and bfloat16."""
    from alignprops.conformance.aggregation_case import AggregationCase
    from alignprops.conformance.comparison import compare

    case = AggregationCase(subject, problem)
    seen = compare(case.output(case.found), case.expected)
    return {found: seen.found, expected: seen.expected, finite: seen.finite, defined: seen.defined}


@theorem(
    "aggregation.reference.gradient",
    states=Eq(gradient, expected_gradient),
    given={"the gradient is finite": Eq(gradient_finite, 1), "the formula is finite": Eq(gradient_defined, 1)},
    kind="aggregation",
    codes=("REF", "SGN"),
    source=SOURCE,
    on=aggregation_problems(),
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
def gradients(subject: Any, problem: AggregationProblem) -> Values:
    """The gradient in the numbers of the tokens is the formula's, through mean and variance too."""
    from alignprops.conformance.aggregation_case import AggregationCase
    from alignprops.conformance.comparison import compare

    case = AggregationCase(subject, problem)
    seen = compare(case.found.gradients["values"], case.expected_gradient)
    return {
        gradient: seen.found,
        expected_gradient: seen.expected,
        gradient_finite: seen.finite,
        gradient_defined: seen.defined,
    }
