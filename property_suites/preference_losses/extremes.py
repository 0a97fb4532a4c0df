"""Where real code breaks: margins of thousands, log-probabilities of 0 and of −10⁴, in every dtype.

A loss may be right at every margin that a test draws and be infinite, or have a gradient of NaN or 0, where a
sigmoid underflows: the stable form of log σ costs nothing and never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import Under, theorem
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
from property_suites.preference_losses.specimens import EXTREME

Values = Mapping[Symbol, Any]
_LOSS = {"the formula is finite": Eq(defined, 1)}
_GRADIENT = {"the formula's gradient is finite": Eq(gradient_defined, 1)}


@theorem(
    "preference-losses.extremes",
    states={
        "finite loss": Under(_LOSS, Eq(finite, 1)),
        "finite gradient": Under(_GRADIENT, Eq(gradient_finite, 1)),
        "loss": Under({**_LOSS, "the loss is finite": Eq(finite, 1)}, Eq(loss, expected_loss)),
        "gradient": Under(
            {**_GRADIENT, "the gradient is finite": Eq(gradient_finite, 1)}, Eq(gradient, expected_gradient)
        ),
    },
    kind="pairwise-loss",
    codes=("EXT", "REF"),
    source=RAFAILOV,
    on=pairwise_problems(sizes=(256.0, 2048.0, 64.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples=EXTREME,
    counterfeits=True,
    mutants={
        "loss: never finite": {"finite loss": Eq(finite, 0)},
        "gradient: half of it finite": {"finite gradient": Eq(gradient_finite, Rational(1, 2))},
        "loss: 5 % off": {"loss": Eq(loss, Rational(19, 20) * expected_loss)},
        "gradient: half of it": {"gradient": Eq(gradient, expected_gradient / 2)},
    },
    no_proof=NO_PROOF,
)
def extremes(subject: Any, problem: PairwiseProblem) -> Values:
    """At margins of thousands loss and gradient are finite, and still the formula's."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import LOSS, PairwiseCase

    case = PairwiseCase(subject, problem)
    value = compare(case.found.outputs[LOSS], case.expected_loss)
    slope = compare(case.gradients(case.found), case.expected_gradients)
    return {
        loss: value.found,
        expected_loss: value.expected,
        finite: value.finite,
        defined: value.defined,
        gradient: slope.found,
        expected_gradient: slope.expected,
        gradient_finite: slope.finite,
        gradient_defined: slope.defined,
    }
