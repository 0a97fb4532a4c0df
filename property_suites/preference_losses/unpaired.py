"""Code of a loss of single labelled answers (KTO, BCO) equals the formula, in value and gradient, also at extremes.

Notation: L_i the loss of answer i, L̂_i the formula evaluated in float64, g_i an upstream gradient that differs from
answer to answer. The classes are unequal in number, and one may be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import Under, theorem
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.strategies.unpaired import unpaired_problems
from property_suites.preference_losses.notation import (
    NO_PROOF,
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
from property_suites.preference_losses.unpaired_notation import ETHAYARAJH, KIND
from property_suites.preference_losses.unpaired_specimens import CLAMPED, EXTREME, MIXED, ONE_CLASS

Values = Mapping[Symbol, Any]
_LOSS = {"the formula is finite": Eq(defined, 1)}
_GRADIENT = {"the formula's gradient is finite": Eq(gradient_defined, 1)}


@theorem(
    "preference-losses.unpaired.value",
    states=Eq(loss, expected_loss),
    given={"the loss is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind=KIND,
    codes=("REF", "LIVE"),
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**MIXED, **CLAMPED},
    counterfeits=True,
    mutants={"sign": Eq(loss, -expected_loss), "5 % off": Eq(loss, Rational(19, 20) * expected_loss)},
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: UnpairedProblem) -> Values:
    """The loss of labelled answers is the formula's, in float64, float32 and bfloat16, for all values of options."""
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    seen = case.loss_in(case.found)
    return {loss: seen.found, expected_loss: seen.expected, finite: seen.finite, defined: seen.defined}


@theorem(
    "preference-losses.unpaired.gradient",
    states=Eq(gradient, expected_gradient),
    given={"the gradient is finite": Eq(gradient_finite, 1), "the formula is finite": Eq(gradient_defined, 1)},
    kind=KIND,
    codes=("REF", "SGN"),
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**MIXED, **CLAMPED},
    counterfeits=True,
    mutants={
        "sign": Eq(gradient, -expected_gradient),
        "5 % off": Eq(gradient, Rational(19, 20) * expected_gradient),
    },
    no_proof=NO_PROOF,
)
def gradients(subject: Any, problem: UnpairedProblem) -> Values:
    """The gradient in the policy's log-probabilities is the formula's, with reference point and shift held fixed."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    seen = compare(case.gradients(case.found), case.expected_gradients)
    return {
        gradient: seen.found,
        expected_gradient: seen.expected,
        gradient_finite: seen.finite,
        gradient_defined: seen.defined,
    }


@theorem(
    "preference-losses.unpaired.extremes",
    states={
        "finite loss": Under(_LOSS, Eq(finite, 1)),
        "finite gradient": Under(_GRADIENT, Eq(gradient_finite, 1)),
    },
    kind=KIND,
    codes=("EXT",),
    source=ETHAYARAJH,
    on=unpaired_problems(sizes=(256.0, 2048.0, 64.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**EXTREME, **ONE_CLASS},
    counterfeits=True,
    mutants={
        "loss: never finite": {"finite loss": Eq(finite, 0)},
        "gradient: half of it finite": {"finite gradient": Eq(gradient_finite, Rational(1, 2))},
    },
    no_proof=NO_PROOF,
)
def extremes(subject: Any, problem: UnpairedProblem) -> Values:
    """Where margins are thousands, or a class of the batch is empty, loss and gradient are finite."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    seen = case.loss_in(case.found)
    steep = compare(case.gradients(case.found), case.expected_gradients)
    return {
        finite: seen.finite,
        defined: seen.defined,
        gradient_finite: steep.finite,
        gradient_defined: steep.defined,
    }
