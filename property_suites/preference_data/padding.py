"""Padding: the declared id, on the declared side, and nothing of it in the content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.preference_data import COLLATE, TOKENISE, PreferenceDataProblem
from alignprops.strategies.preference_data import preference_problems
from property_suites.preference_data.notation import (
    KEPT,
    KIND,
    NO_PROOF,
    ROUNDING,
    SOURCE,
    UNCUT,
    kept,
    knows_padding,
    learnt,
    modified,
    of,
    uncut,
    unlike_alone,
    unrepeated,
    wrong_padding,
)
from property_suites.preference_data.specimens import EXAMPLES, RAGGED

Values = Mapping[Symbol, Any]


@theorem(
    "preference-data.padding.declared",
    states=Eq(wrong_padding, 0),
    given=UNCUT,
    kind=KIND,
    codes=("PAD", "DAT"),
    about=knows_padding,
    source=SOURCE,
    on=preference_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={"nothing is learnt": Eq(learnt, 0)},
    no_proof=NO_PROOF,
)
def declared(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Where a row is shorter than the batch the id of padding stands, unmasked, on the side that is padded."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        wrong_padding: count.by_example(case, count.padding_errors),
        learnt: count.by_example(case, count.learnt),
        uncut: count.uncut(case),
    }


@theorem(
    "preference-data.padding.width",
    states=Eq(unlike_alone, 0),
    given=KEPT,
    kind=KIND,
    codes=("PAD", "PART"),
    about=of(COLLATE),
    source=SOURCE,
    on=preference_problems(limits=(0, 0, 8, 5)),
    rounding=ROUNDING,
    exact=False,
    effort=0.3,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={"nothing is learnt": Eq(learnt, 0)},
    no_proof=NO_PROOF,
)
def width(subject: Any, problem: PreferenceDataProblem) -> Values:
    """An example has the same tokens and labels in a wide batch as alone, where it is not padded at all."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase, one_example

    case = PreferenceDataCase(subject, problem)
    alone = [PreferenceDataCase(subject, one_example(problem, at)).pairs[0] for at in range(problem.count)]

    def unlike(_case: Any, at: int, side: int, row: Any) -> int:
        same = alone[at].rows[side]
        return int(not alone[at].reported and (row.content, row.labelled) != (same.content, same.labelled))

    return {
        unlike_alone: count.by_example(case, unlike),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
    }


@theorem(
    "preference-data.purity",
    states={"inputs": Eq(modified, 0), "repeated": Eq(unrepeated, 0)},
    kind=KIND,
    codes=("PURE",),
    about=of(TOKENISE, COLLATE),
    source=SOURCE,
    on=preference_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"ragged": RAGGED},
    counterfeits=True,
    mutants={"nothing is learnt": {"inputs": Eq(learnt, 0)}},
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: PreferenceDataProblem) -> Values:
    """The examples are left as they are, and give the same rows again."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case, again = PreferenceDataCase(subject, problem), PreferenceDataCase(subject, problem)

    def differs(_case: Any, at: int, side: int, row: Any) -> int:
        second = again.pairs[at].rows[side]
        parts = ("ids", "mask", "labels")
        return sum(not np.array_equal(getattr(row, part), getattr(second, part)) for part in parts)

    return {
        modified: int(case.outcome["modified"]),
        unrepeated: count.by_example(case, differs),
        learnt: count.by_example(case, count.learnt),
    }
