"""How log-probabilities depend on length: a sum grows with it, a mean does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import (
    NO_PROOF,
    ROUNDING,
    SOURCE,
    defined,
    finite,
    logp,
    needs_sequences,
)
from property_suites.log_probabilities.specimens import PLAIN, RAGGED

Values = Mapping[Symbol, Any]

per_token = real("per_token", "c")
#: How many times c enters: n times in a sum, once in a mean; and in the other of the two.
tokens = nonnegative("tokens", "n")
tokens_of_the_other = nonnegative("tokens_of_the_other", "n'")


@theorem(
    "log-probabilities.lengths.homogeneous",
    states=Eq(logp, per_token * tokens),
    given={"it is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind="sequence-logprob",
    codes=("LEN",),
    about=needs_sequences,
    source=SOURCE,
    on=logp_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={
        "a mean for a sum, or a sum for a mean": Eq(logp, per_token * tokens_of_the_other),
        "5 % off": Eq(logp, Rational(19, 20) * per_token * tokens),
    },
    no_proof=NO_PROOF,
)
def homogeneous(subject: Any, problem: LogpProblem) -> Values:
    """Where every token has the log-probability c, n of them sum to c·n, and their mean is c for every n."""
    from dataclasses import replace

    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    constant = replace(problem, states=problem.states * 0 + 1, tokens=problem.tokens * 0 + problem.tokens[0, 0])
    case = LogpCase(subject, constant)
    each = case.expected_tokens.value[case.scored]
    seen = compare(case.values(case.found), case.expected)
    several = case.counts
    once = np.ones_like(several)
    return {
        logp: seen.found,
        finite: seen.finite,
        defined: seen.defined,
        per_token: each[0] if len(each) else 0.0,
        tokens: once if case.averaged else several,
        tokens_of_the_other: several if case.averaged else once,
    }
