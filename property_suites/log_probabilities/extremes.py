"""Where real code breaks: sure predictions, logits of ±10⁴, rows of which nothing is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Rational, Symbol

from alignprops import Under, theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.quantity import real
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
    needs_mask,
)
from property_suites.log_probabilities.specimens import CONFIDENT, EMPTY_ROW, HUGE, OFFSET, in_every_dtype

Values = Mapping[Symbol, Any]
_LOGP = {"the formula is finite": Eq(defined, 1)}
_GRADIENT = {"the formula's gradient is finite": Eq(gradient_defined, 1)}
empty_logp = real("empty_logp", r"\ell_\emptyset")
empty_gradient = real("empty_gradient", r"\nabla\ell_\emptyset")


@theorem(
    "log-probabilities.extremes.confident",
    states={
        "finite log-probability": Under(_LOGP, Eq(finite, 1)),
        "finite gradient": Under(_GRADIENT, Eq(gradient_finite, 1)),
        "log-probability": Under({**_LOGP, "it is finite": Eq(finite, 1)}, Eq(logp, expected_logp)),
        "gradient": Under(
            {**_GRADIENT, "the gradient is finite": Eq(gradient_finite, 1)}, Eq(gradient, expected_gradient)
        ),
    },
    kind="sequence-logprob",
    codes=("EXT", "REF"),
    source=SOURCE,
    on=logp_problems(sizes=(8.0, 512.0, 64.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**CONFIDENT, **HUGE, **OFFSET},
    counterfeits=True,
    mutants={
        "log-probability: never finite": {"finite log-probability": Eq(finite, 0)},
        "gradient: half of it finite": {"finite gradient": Eq(gradient_finite, Rational(1, 2))},
        "log-probability: 5 % off": {"log-probability": Eq(logp, Rational(19, 20) * expected_logp)},
        "gradient: half of it": {"gradient": Eq(gradient, expected_gradient / 2)},
    },
    no_proof=NO_PROOF,
)
def confident(subject: Any, problem: LogpProblem) -> Values:
    """At probabilities next to 0 and 1, and logits of ±10⁴, value and gradient are finite and still the formula's."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    value = compare(case.values(case.found), case.expected)
    slope = compare(case.gradients(case.found), case.expected_gradients)
    return {
        logp: value.found,
        expected_logp: value.expected,
        finite: value.finite,
        defined: value.defined,
        gradient: slope.found,
        expected_gradient: slope.expected,
        gradient_finite: slope.finite,
        gradient_defined: slope.defined,
    }


@theorem(
    "log-probabilities.extremes.empty-rows",
    states={
        "finite log-probability": Eq(finite, 1),
        "finite gradient": Eq(gradient_finite, 1),
        "log-probability": Under({"it is finite": Eq(finite, 1)}, Eq(empty_logp, 0)),
        "gradient": Under({"the gradient is finite": Eq(gradient_finite, 1)}, Eq(empty_gradient, 0)),
    },
    kind="sequence-logprob",
    codes=("EXT",),
    about=needs_mask,
    source=SOURCE,
    on=logp_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=in_every_dtype("a row of nothing", EMPTY_ROW),
    counterfeits=True,
    mutants={"log-probability: 1": {"log-probability": Eq(empty_logp, 1)}},
    no_proof=NO_PROOF,
)
def empty_rows(subject: Any, problem: LogpProblem) -> Values:
    """A row of which nothing is scored has the log-probability 0, be it a sum or a mean, and the gradient 0."""
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, replace(problem, mask=problem.mask * (np.arange(len(problem.mask)) % 2 == 1)[:, None]))
    empty = case.counts == 0
    values, slopes = case.values(case.found)[empty], case.found.gradients[case.form.leaves[0]][empty]
    return {
        finite: np.isfinite(values).astype(np.int64),
        gradient_finite: np.isfinite(slopes).all().astype(np.int64),
        empty_logp: np.where(np.isfinite(values), values, 0.0),
        empty_gradient: np.abs(np.nan_to_num(slopes)).max(initial=0.0),
    }
