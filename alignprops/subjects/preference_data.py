"""The kind `preference-data`: tokenisation functions, collators, and the pairing of KTO's mismatched answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.preference_data import COLLATE, DATA_FORMATS, MISMATCH, TOKENISE, PreferenceDataProblem
from alignprops.conformance.preference_data_case import DataConformer, PreferenceDataCase
from alignprops.conformance.preference_plain import JointTokenise, PlainCollate, PlainMismatch, PlainTokenise
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.preference_data import adapt_preference_data, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.preference_data import MISTAKES
from alignprops.subjects.subject import Subject

KIND = "preference-data"


def reference(task: str, code: Callable[..., Any], variant: str | None = None) -> DataConformer:
    """An honest implementation behind the interface of the kind."""
    form = {COLLATE: "ids"}.get(task)
    made = cast(DataConformer, adapt_preference_data(code, Adaptation(loss=task, variant=variant, form=form)))
    return replace(made, assumptions=("the reference, in plain Python",))


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference of the same format and padding side, with the inputs that a subject takes."""
    if not isinstance(conformer, DataConformer):
        raise InputError(f"expected code of the kind {KIND!r}, got {type(conformer).__name__}")
    codes: dict[str, Callable[..., Any]] = {TOKENISE: PlainTokenise(), MISMATCH: PlainMismatch()}
    code = codes.get(conformer.task) or PlainCollate(conformer.variant, together=conformer.together)
    twin = reference(conformer.task, code, conformer.variant)
    takes = twin.takes & {*conformer.takes, "prompt", "chosen", "rejected", "tokenizer", "examples", "pad_token_id"}
    takes |= {"prompts", "completions"} if conformer.task == MISMATCH else set()
    form = conformer.form if conformer.task == TOKENISE else twin.form
    return replace(
        twin, form=form, takes=takes, options=twin.options & conformer.options, constants=conformer.constants
    )


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


def _case(conformer: Conformer, problem: Any) -> PreferenceDataCase:
    return PreferenceDataCase(cast(DataConformer, conformer), problem)


@lru_cache(maxsize=1)
def _references() -> dict[str, DataConformer]:
    return {
        "tokenise": reference(TOKENISE, PlainTokenise()),
        "tokenise/joint": reference(TOKENISE, JointTokenise()),
        "collate": reference(COLLATE, PlainCollate("right"), "right"),
        "collate/left": reference(COLLATE, PlainCollate("left"), "left"),
        "mismatch": reference(MISMATCH, PlainMismatch()),
    }


def _counterfeits() -> dict[str, Subject]:
    made: dict[str, Subject] = {}
    for mistake in MISTAKES:
        for honest in _references().values():
            wrong = None if mistake.name in made else mistake.plant(honest)
            if wrong is not None:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    return made


register_kind(
    Kind(
        name=KIND,
        protocol="called with a prompt and two answers as text and a tokenizer, with examples of ids, or with prompts "
        "and answers; returns ids, masks and labels of both rows, or the prompts with answers to others",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_preference_data,
        conformance=Conformance(
            "pairs",
            tuple(DATA_FORMATS),
            MISTAKES,
            honest_twin,
            PreferenceDataProblem,
            _case,
            roles,
            also={"collator": "collate", "tokenize": "tokenise"},
        ),
    )
)
