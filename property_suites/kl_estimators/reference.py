"""Code of an estimator equals its formula, in value and gradient.

Notation: k the estimate at a position by its formula, k̂ what the code returns, and gradients in the policy's input with
an upstream that differs from position to position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.kl import KlProblem
from alignprops.strategies.kl import kl_problems
from property_suites.kl_estimators.notation import (
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    defined,
    estimate,
    finite,
    formula,
    formula_gradient,
    gradient,
    gradient_defined,
    gradient_finite,
)
from property_suites.kl_estimators.specimens import EVERYWHERE, EXTREME, RAGGED

Values = Mapping[Symbol, Any]


@theorem(
    "kl-estimators.reference.value",
    states=Eq(estimate, formula),
    given={"the estimate is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind="kl-estimator",
    codes=("REF", "KL", "LIVE"),
    source=SCHULMAN,
    on=kl_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=EVERYWHERE,
    counterfeits=True,
    mutants={"sign": Eq(estimate, -formula), "5 % off": Eq(estimate, Rational(19, 20) * formula)},
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: KlProblem) -> Values:
    """The estimate is the formula's, in float64, float32 and bfloat16, for every value of its options.

    Position by position, or their mean or sum over the mask. The tolerance is that of code which writes the formula in
    elementary functions: exp(L) − 1 − L may cancel here (`kl-estimators.nonnegative` does not let it).
    """
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import KL, KlCase

    case = KlCase(subject, problem)
    seen = compare(case.found.outputs[KL], case.expected_value)
    return {estimate: seen.found, formula: seen.expected, finite: seen.finite, defined: seen.defined}


@theorem(
    "kl-estimators.reference.gradient",
    states=Eq(gradient, formula_gradient),
    given={"the gradient is finite": Eq(gradient_finite, 1), "the formula is finite": Eq(gradient_defined, 1)},
    kind="kl-estimator",
    codes=("REF", "KL", "SGN"),
    source=SCHULMAN,
    on=kl_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=EVERYWHERE,
    counterfeits=True,
    mutants={"sign": Eq(gradient, -formula_gradient), "5 % off": Eq(gradient, Rational(19, 20) * formula_gradient)},
    no_proof=NO_PROOF,
)
def gradients(subject: Any, problem: KlProblem) -> Values:
    """The gradient in the policy's input is that of the convention which the code follows.

    Where k1 or k3 is given the gradient of k2, or is corrected by the score of the sample, that is a convention.
    """
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import KlCase

    case = KlCase(subject, problem)
    seen = compare(case.gradient(case.found), case.expected_gradient)
    return {
        gradient: seen.found,
        formula_gradient: seen.expected,
        gradient_finite: seen.finite,
        gradient_defined: seen.defined,
    }


@theorem(
    "kl-estimators.finite",
    states={"value": Ge(finite, defined), "gradient": Ge(gradient_finite, gradient_defined)},
    kind="kl-estimator",
    codes=("EXT",),
    source=SCHULMAN,
    on=kl_problems(sizes=(32.0, 1.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**EXTREME, **RAGGED},
    counterfeits=True,
    mutants={
        "value: never": {"value": Ge(finite, 2 * defined)},
        "gradient: never": {"gradient": Ge(gradient_finite, 2 * gradient_defined)},
    },
    no_proof=NO_PROOF,
)
def stays_finite(subject: Any, problem: KlProblem) -> Values:
    """Where the formula has a finite value the code returns a finite number, and so for the gradient.

    Log-ratios of ±200 and more, logits hundreds apart, in every dtype; what would exceed 1e18 is not asked for.
    """
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.kl_case import KL, KlCase

    case = KlCase(subject, problem)
    told = compare(case.found.outputs[KL], case.expected_value)
    slope = compare(case.gradient(case.found), case.expected_gradient)
    return {
        finite: told.finite,
        defined: told.defined,
        gradient_finite: slope.finite,
        gradient_defined: slope.defined,
    }
