"""What is learnt: every token of the answers once, nothing of the prompt, and the same prompt in both rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    answer_lost,
    differing,
    kept,
    learnt,
    of,
    prompt_learnt,
    uncut,
    wrong_content,
)
from property_suites.preference_data.specimens import EXAMPLES, LIMITED

Values = Mapping[Symbol, Any]


@theorem(
    "preference-data.prompt.shared",
    states=Eq(differing, 0),
    given=KEPT,
    kind=KIND,
    codes=("DAT",),
    about=of(TOKENISE, COLLATE),
    source=SOURCE,
    on=preference_problems(limits=(0, 0, 8, 5)),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={"nothing is learnt": Eq(learnt, 0)},
    no_proof=NO_PROOF,
)
def shared_prompt(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Both rows of a pair have the same prompt, token by token; truncation may cut the start of one."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        differing: count.prompt_differences(case),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
    }


@theorem(
    "preference-data.prompt.not-learnt",
    states=Eq(prompt_learnt, 0),
    given=KEPT,
    kind=KIND,
    codes=("DAT", "OFF"),
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
def prompt_unlearnt(subject: Any, problem: PreferenceDataProblem) -> Values:
    """No token of the prompt is learnt, in either row; a token that spans the boundary belongs to the answer."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        prompt_learnt: count.by_example(case, count.prompt_learnt),
        learnt: count.by_example(case, count.learnt),
        kept: count.kept(case),
    }


@theorem(
    "preference-data.answer.learnt",
    states=Eq(answer_lost, 0),
    given=UNCUT,
    kind=KIND,
    codes=("DAT", "OFF"),
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
def answer_learnt(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Every token of an answer is learnt, the first and the last among them, also of answers of one token."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        answer_lost: count.by_example(case, count.answer_lost),
        learnt: count.by_example(case, count.learnt),
        uncut: count.uncut(case),
    }


@theorem(
    "preference-data.content.kept",
    states=Eq(wrong_content, 0),
    given=UNCUT,
    kind=KIND,
    codes=("DAT", "PURE"),
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
def content(subject: Any, problem: PreferenceDataProblem) -> Values:
    """Each row holds its prompt and its answer: nothing lost, doubled, or moved to another row; 0 is an id."""
    from alignprops.conformance import preference_counts as count
    from alignprops.conformance.preference_data_case import PreferenceDataCase

    case = PreferenceDataCase(subject, problem)
    return {
        wrong_content: count.by_example(case, count.content_errors),
        learnt: count.by_example(case, count.learnt),
        uncut: count.uncut(case),
    }
