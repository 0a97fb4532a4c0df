"""What log-probabilities are, whatever the formula: logarithms of numbers that sum to 1, and no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol, exp, log, simplify

from alignprops import bounded, theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.losses.logprobs.formula import log_softmax, logit_symbols
from alignprops.quantity import nonnegative, real
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import ROUNDING, SOURCE, finite, gradient_finite
from property_suites.log_probabilities.specimens import PLAIN, RAGGED, SINGLE

Values = Mapping[Symbol, Any]

total_probability = nonnegative("total_probability", r"\sum_v p_v")
slopes = real("slopes", r"\sum_v \partial\ell/\partial l_v")
largest = nonnegative("largest", r"\max_v |\partial\ell/\partial l_v|")


@theorem(
    "log-probabilities.softmax.normalised",
    states=Eq(total_probability, 1),
    given={"it is finite": Eq(finite, 1)},
    kind="sequence-logprob",
    codes=("REF",),
    source=SOURCE,
    on=logp_problems(sizes=(1.0, 1 / 4), max_v=4),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **SINGLE, "default options": PLAIN},
    counterfeits=True,
    mutants={"to 2": Eq(total_probability, 2), "to 0.99": Eq(100 * total_probability, 99)},
)
def normalised(subject: Any, problem: LogpProblem) -> Values:
    """Over all ids that one scored token may have, exp ℓ sums to 1."""
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    at = np.argmax(case.scored, axis=1) + case.shift  # the first scored token of each row
    rows = np.arange(len(at))
    one = np.zeros_like(problem.mask)
    one[rows, at] = 1
    total, error = np.zeros(len(at)), np.zeros(len(at))
    for token in range(len(problem.weight)):
        tokens = problem.tokens.copy()
        tokens[rows, at] = token
        only = case.with_problem(tokens=tokens, mask=one)
        values, expected = only.values(subject(only.call())), only.expected
        if only.by_token:
            values, expected = (values[rows, at - case.shift], _at(expected, rows, at - case.shift))
        with np.errstate(over="ignore"):
            total += np.exp(values)
            error += np.exp(expected.value) * np.expm1(np.minimum(expected.error, 50.0))
    is_finite = np.isfinite(total)
    return {
        total_probability: bounded(np.where(is_finite, total, 0.0), error),
        finite: is_finite.astype(np.int64),
    }


@normalised.proof("a softmax sums to 1", domain="a vocabulary of 3", lemma=True)
def _() -> Any:
    raised = [simplify(exp(logp)) for logp in log_softmax(logit_symbols(3))]
    return Eq(sum(raised), 1, evaluate=False)


def _at(rounded: Any, rows: Any, columns: Any) -> Any:
    return type(rounded)(rounded.value[rows, columns], rounded.error[rows, columns])


@theorem(
    "log-probabilities.softmax.shift-invariant",
    states=Eq(slopes, 0),
    given={"the gradient is finite": Eq(gradient_finite, 1)},
    kind="sequence-logprob",
    codes=("SGN", "REF"),
    about=lambda subject: None if subject.form.startswith("logits") else "it takes no logits",
    source=SOURCE,
    on=logp_problems(sizes=(1.0, 1 / 4)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={"that of one": Eq(largest, 0)},
)
def shift_invariant(subject: Any, problem: LogpProblem) -> Values:
    """A number added to all logits of a position changes nothing: their slopes sum to 0."""
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    found = case.found.gradients["logits"]
    expected = case.expected_gradients
    error = np.broadcast_to(expected.error.reshape(found.shape), found.shape).sum(axis=-1)
    is_finite = np.isfinite(found).all(axis=-1)
    return {
        slopes: bounded(np.where(is_finite, found.sum(axis=-1), 0.0), error),
        largest: np.abs(np.nan_to_num(found)).max(axis=-1),
        gradient_finite: is_finite.astype(np.int64),
    }


@shift_invariant.proof("log-softmax of shifted logits", domain="a vocabulary of 3", lemma=True)
def _() -> Any:
    logits, shift = logit_symbols(3), real("s", "s")
    shifted = tuple(logit + shift for logit in logits)
    raised = sum(exp(logit) for logit in logits)
    return Eq(shifted[0] - shift - log(raised), log_softmax(logits)[0], evaluate=False)
