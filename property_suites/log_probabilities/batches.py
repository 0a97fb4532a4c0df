"""A batch is its rows: none depends on the others, on their order, or on how often it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Symbol

from alignprops import Under, theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import (
    NO_PROOF,
    ROUNDING,
    SOURCE,
    finite,
    gradient,
    gradient_finite,
    logp,
)
from property_suites.log_probabilities.specimens import PLAIN, RAGGED, SINGLE

Values = Mapping[Symbol, Any]

alone = real("alone", r"\ell^{\mathrm{alone}}")
gradient_alone = real("gradient_alone", r"\nabla\ell^{\mathrm{alone}}")
reordered = real("reordered", r"\ell^{\mathrm{reversed}}")
again = real("again", r"\ell^{\mathrm{again}}")
modified = nonnegative("modified", r"\#\mathrm{modified}")
_FINITE = {"it is finite": Eq(finite, 1)}


@theorem(
    "log-probabilities.batches.partition",
    states={
        "alone": Under(_FINITE, Eq(alone, logp)),
        "order": Under(_FINITE, Eq(reordered, logp)),
        "gradient alone": Under({"the gradient is finite": Eq(gradient_finite, 1)}, Eq(gradient_alone, gradient)),
    },
    kind="sequence-logprob",
    codes=("PART",),
    source=SOURCE,
    on=logp_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **SINGLE, "default options": PLAIN},
    counterfeits=True,
    mutants={
        "alone: negated": {"alone": Eq(alone, -logp)},
        "order: doubled": {"order": Eq(reordered, 2 * logp)},
        "gradient alone: negated": {"gradient alone": Eq(gradient_alone, -gradient)},
    },
    no_proof=NO_PROOF,
)
def partition(subject: Any, problem: LogpProblem) -> Values:
    """A row has the same log-probability and the same gradient alone and in the batch, in whatever order."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    slopes = case.row_gradients([case])
    parts = [case.with_rows([row]) for row in range(len(problem.tokens))]
    back = case.with_rows(range(len(problem.tokens))[::-1])
    seen = compare(case.values(case.found), case.expected)
    slope = compare(slopes, case.expected_row_gradients)
    return {
        logp: seen.found,
        finite: seen.finite,
        alone: compare(case.row_values(parts), case.expected).found,
        reordered: compare(back.values(back.found)[::-1], case.expected).found,
        gradient: slope.found,
        gradient_finite: slope.finite,
        gradient_alone: compare(case.row_gradients(parts), case.expected_row_gradients).found,
    }


@theorem(
    "log-probabilities.batches.purity",
    states={"inputs": Eq(modified, 0), "repeated": Under(_FINITE, Eq(again, logp))},
    kind="sequence-logprob",
    codes=("PURE",),
    source=SOURCE,
    on=logp_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged sequences": RAGGED["ragged sequences in float64"], **SINGLE},
    counterfeits=True,
    mutants={
        "inputs: one modified": {"inputs": Eq(modified, 1)},
        "repeated: doubled": {"repeated": Eq(again, 2 * logp)},
    },
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: LogpProblem) -> Values:
    """The inputs are left as they are, and the same call gives the same log-probabilities again."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    call = case.call()
    first, second = case.run(call), subject(call)
    seen = compare(case.values(first), case.expected)
    return {
        modified: len(first.modified),
        logp: seen.found,
        finite: seen.finite,
        again: compare(case.values(second), case.expected).found,
    }
