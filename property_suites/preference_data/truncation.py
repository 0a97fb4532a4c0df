"""Truncation keeps the limit, an answer on each side, and what tells the answers apart; or it refuses the pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Symbol

from alignprops import theorem
from alignprops.conformance.preference_data import COLLATE, TOKENISE, PreferenceDataProblem
from alignprops.strategies.preference_data import preference_problems
from property_suites.preference_data.notation import (
    KEPT,
    KIND,
    NO_PROOF,
    ROUNDING,
    SOURCE,
    accepted,
    beyond,
    identical,
    kept,
    learnt,
    live,
    of,
    shortest,
)
from property_suites.preference_data.specimens import LIMITED

Values = Mapping[Symbol, Any]
_LIMITS = (6, 4, 3, 8, 2, 5)


@theorem(
    "preference-data.truncation.limit",
    states=Eq(beyond, 0),
    given=KEPT,
    kind=KIND,
    codes=("DAT", "LIVE"),
    about=of(TOKENISE, COLLATE, needs="max_length"),
    source=SOURCE,
    on=preference_problems(limits=_LIMITS),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=LIMITED,
    counterfeits=True,
    mutants={"nothing is learnt": Eq(learnt, 0)},
    no_proof=NO_PROOF,
)
def limit(subject: Any, problem: PreferenceDataProblem) -> Values:
    """No row is longer than the limit: neither the chosen nor the rejected."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        beyond: count.by_example(case, count.beyond_limit),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
    }


@theorem(
    "preference-data.truncation.answers",
    states={"an answer on each side": Ge(shortest, 1), "that differ": Eq(identical, 0)},
    given=KEPT,
    kind=KIND,
    codes=("DAT", "EXT"),
    about=of(TOKENISE, COLLATE, needs="max_length"),
    source=SOURCE,
    on=preference_problems(limits=_LIMITS),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=LIMITED,
    counterfeits=True,
    mutants={
        "three tokens on each side": {"an answer on each side": Ge(shortest, 3)},
        "nothing is learnt": {"that differ": Eq(learnt, 0)},
    },
    no_proof=NO_PROOF,
)
def answers(subject: Any, problem: PreferenceDataProblem) -> Values:
    """What is not refused keeps a token of each answer, and a difference between them."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        shortest: count.shortest_answer(case),
        identical: count.identical(case),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
    }


def _takes_options(subject: Any) -> str | None:
    return of(TOKENISE, COLLATE)(subject) or (None if subject.options or subject.extras else "it takes no options")


@theorem(
    "preference-data.options.live",
    states=Ge(live, accepted),
    kind=KIND,
    codes=("LIVE",),
    about=_takes_options,
    source=SOURCE,
    on=preference_problems(limits=_LIMITS),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples={"a tight limit": LIMITED["a tight limit"]},
    counterfeits=True,
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Every keyword that is accepted changes a row, or whether an example is refused, or raises."""
    from alignprops.conformance.liveness import liveness
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    told = liveness(subject, PreferenceDataCase(subject, LIMITED["a tight limit"]))
    del problem
    return {live: told.live, accepted: told.accepted}
