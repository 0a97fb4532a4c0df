"""Labels, masks and special tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Symbol

from alignprops import Under, theorem
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
    learnt,
    of,
    stray_starts,
    uncut,
    wrong_ends,
    wrong_labels,
    wrong_mask,
)
from property_suites.preference_data.specimens import EXAMPLES, LIMITED

Values = Mapping[Symbol, Any]


@theorem(
    "preference-data.labels.ids",
    states=Eq(wrong_labels, 0),
    given=KEPT,
    kind=KIND,
    codes=("DAT", "PAD"),
    about=of(TOKENISE, COLLATE),
    source=SOURCE,
    on=preference_problems(limits=(0, 0, 8, 5)),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES | LIMITED,
    counterfeits=True,
    mutants={"nothing is learnt": Eq(learnt, 0)},
    no_proof=NO_PROOF,
)
def labels(subject: Any, problem: PreferenceDataProblem) -> Values:
    """A label is −100 or the id in its place, and −100 wherever there is no token."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        wrong_labels: count.by_example(case, count.label_errors),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
    }


@theorem(
    "preference-data.mask.real-tokens",
    states=Eq(wrong_mask, 0),
    given=UNCUT,
    kind=KIND,
    codes=("DAT", "PAD"),
    about=of(TOKENISE, COLLATE),
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
def mask(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Masks are 0 or 1, and 1 as often as there are tokens; an end token counts where padding has its id too."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        wrong_mask: count.by_example(case, count.mask_errors),
        learnt: count.by_example(case, count.learnt),
        uncut: count.uncut(case),
    }


@theorem(
    "preference-data.specials.once",
    states={"start": Eq(stray_starts, 0), "end": Under(UNCUT, Eq(wrong_ends, 0))},
    given=KEPT,
    kind=KIND,
    codes=("DAT",),
    about=of(TOKENISE, COLLATE),
    source=SOURCE,
    on=preference_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={"nothing is learnt": {"start": Eq(learnt, 0)}},
    no_proof=NO_PROOF,
)
def specials(subject: Any, problem: PreferenceDataProblem) -> Values:
    """BOS stands in front or nowhere, and each answer ends with one end token that is learnt, whatever its text."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        stray_starts: count.by_example(case, count.stray_starts),
        wrong_ends: count.by_example(case, count.end_errors),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
        uncut: count.uncut(case),
    }
