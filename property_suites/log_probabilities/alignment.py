"""Each token is predicted from one position: there its logits count once, elsewhere not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import Under, bounded, theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import NO_PROOF, ROUNDING, SOURCE, finite
from property_suites.log_probabilities.specimens import PLAIN, RAGGED, SINGLE

Values = Mapping[Symbol, Any]

change = real("change", r"\Delta\ell")
expected_change = real("expected_change", r"\Delta\hat\ell")
predicts = nonnegative("predicts", r"1_{t\in S}")
reach = nonnegative("reach", r"\#\{\ell : \Delta\ell \neq 0\}")


@theorem(
    "log-probabilities.alignment.one-hot",
    states={
        "where a scored token is predicted": Under({"it predicts one": Eq(predicts, 1)}, Eq(change, expected_change)),
        "elsewhere": Under({"it predicts none": Eq(predicts, 0)}, Eq(change, 0)),
    },
    given={"it is finite": Eq(finite, 1)},
    kind="sequence-logprob",
    codes=("OFF",),
    source=SOURCE,
    on=logp_problems(sizes=(1.0,), max_t=4, max_b=2, empty_rows=False),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **SINGLE, "the same with default options": PLAIN},
    counterfeits=True,
    mutants={
        "elsewhere: too": {"elsewhere": Eq(change, expected_change + 1)},
        "negated": {"where a scored token is predicted": Eq(change, -expected_change)},
    },
    no_proof=NO_PROOF,
)
def one_hot(subject: Any, problem: LogpProblem) -> Values:
    """Other logits at t − 1 change exactly the log-probability of the token at t, if it is scored; elsewhere nothing.

    The first and the last scored token included; no position of the prompt or of the padding has any part.
    """
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    before, parts = case.values(case.found), []
    for at in range(problem.tokens.shape[1]):
        states = problem.states.copy()
        states[:, at] = 1 - states[:, at]
        other = case.with_problem(states=states)
        after = other.values(subject(case.call(**{case.first: other.arrays[case.first]})))
        touches = case.predicting[:, at]
        parts.append(_row(case, at, after - before, other.expected.value - case.expected.value, other, touches))
    made = [np.stack(column) for column in zip(*parts, strict=True)]
    found, wanted, error, touched, is_finite = made
    return {
        change: bounded(np.where(is_finite > 0, found, 0.0), error),
        expected_change: wanted,
        predicts: touched.astype(np.int64),
        finite: is_finite.astype(np.int64),
    }


def _row(case: Any, at: int, found: Any, wanted: Any, other: Any, touches: Any) -> tuple[Any, ...]:
    """Change, expected change, its error, whether this position predicts what is looked at, whether all is finite."""
    own = np.broadcast_to(touches, found.shape) if found.ndim == 1 else touches[:, None] & _own(case, at)
    error = np.where(own, case.expected.error + other.expected.error, 0.0)
    return found, np.where(own, wanted, 0.0), np.nan_to_num(error, posinf=0.0), own, np.isfinite(found)


def _own(case: Any, at: int) -> Any:
    """(1, T − s): the token that position `at` predicts, among those whose log-probabilities are returned."""
    return (np.arange(case.scored.shape[1]) == at)[None, :]
