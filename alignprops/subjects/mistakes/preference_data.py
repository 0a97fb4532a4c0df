"""Mistakes of tokenisation, collation and pairing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.preference_data import COLLATE, IGNORED, MISMATCH, TOKENISE
from alignprops.conformance.preference_data_case import DataConformer
from alignprops.conformance.preference_plain import (
    JointTokenise,
    Parts,
    PlainCollate,
    PlainMismatch,
    PlainTokenise,
)
from alignprops.conformance.stub_tokenizer import StubTokenizer
from alignprops.subjects.mistakes.collation import (
    ChosenMaskForBoth,
    EndKeptOfPaddedRow,
    ExamplesExtended,
    IdsAsMask,
    LabelsFromIds,
    LabelsPaddedWithPad,
    LabelsToAnswerLength,
    LastColumnLost,
    MaskFromIds,
    OneAnswerForAll,
    OtherSide,
    PaddedWithZero,
    PairedAcrossSteps,
    PairedBackwards,
    PairedWithThemselves,
    PromptsRotatedToo,
    RejectedPromptLearnt,
    RejectedRowsReversed,
    ZeroIsMissing,
)
from alignprops.subjects.mistakes.mistake import Mistake

Rows = dict[str, dict[str, list[int]]]
Batch = dict[str, list[list[int]]]


def _planted(task: str, make: Callable[[DataConformer], Callable[..., Any]]) -> Callable[..., Any]:
    """A plant of wrong code, made to fit the honest one."""

    def plant(honest: Conformer) -> Conformer | None:
        if not isinstance(honest, DataConformer) or honest.task != task or honest.how is None:
            return None
        from alignprops.subjects.adapters.preference_data import with_code

        return replace(with_code(honest, make(honest)), options=honest.options)

    return plant


def _tokenise(make: type[PlainTokenise]) -> Callable[..., Any]:
    return _planted(TOKENISE, lambda _: make())


def _collate(make: type[PlainCollate]) -> Callable[..., Any]:
    return _planted(COLLATE, lambda honest: make(honest.variant or "right", together=honest.together))


def _mismatch(make: type[PlainMismatch]) -> Callable[..., Any]:
    return _planted(MISMATCH, lambda _: make())


# --- tokenisation -----------------------------------------------------------------------------------------------


class EndTwice(PlainTokenise):
    """An end token is appended to what ends with one."""

    def ended(self, answer: list[int], tokenizer: StubTokenizer) -> list[int]:
        return [*answer, tokenizer.eos_token_id]


class StartForEachPart(PlainTokenise):
    """The tokenizer's BOS stands in front of the answers too."""

    def answer_ids(self, answer: str, tokenizer: StubTokenizer) -> list[int]:
        return list(tokenizer(answer)["input_ids"])


class BoundaryByLength(JointTokenise):
    """The answer is said to begin where the prompt alone ends, whatever tokens span the boundary."""

    def boundary(self, alone: list[int], rows: list[list[int]]) -> int:
        return len(alone)


class SameAfterTruncation(PlainTokenise):
    """Pairs whose answers have become one are kept."""

    def require_difference(self, answers: list[list[int]]) -> None:
        del answers


class AnswersCutAway(PlainTokenise):
    """Rows without any token of the answer are kept."""

    def require_pair(self, rows: Rows) -> None:
        del rows


class NegativeSlice(PlainTokenise):
    """The prompt is kept and the shorter answer cut by a bound that may be negative."""

    def truncated(self, rows: Rows, limit: int | None, mode: str) -> Rows:
        if not limit:
            return rows
        longest = max(len(row["input_ids"]) for row in rows.values())
        bound = None if longest <= limit else limit - longest
        return {side: {name: part[:bound] for name, part in row.items()} for side, row in rows.items()}

    def require_pair(self, rows: Rows) -> None:
        del rows


class OnlyChosenLimited(PlainTokenise):
    """The limit is applied to the chosen row alone."""

    def truncated(self, rows: Rows, limit: int | None, mode: str) -> Rows:
        return rows | super().truncated({"chosen": rows["chosen"]}, limit, mode)


class ModeIgnored(PlainTokenise):
    """Which end is kept is asked for, and always the end is kept."""

    def truncated(self, rows: Rows, limit: int | None, mode: str) -> Rows:
        return super().truncated(rows, limit, "keep_end")


class HistoryLearnt(PlainTokenise):
    """Earlier answers in the prompt are learnt with the last one."""

    def parts(self, prompt: str, answers: Mapping[str, str], tokenizer: StubTokenizer) -> Parts:
        made = super().parts(prompt, answers, tokenizer)
        return {side: self.moved(first, second, tokenizer.eos_token_id) for side, (first, second) in made.items()}

    def moved(self, prompt: list[int], answer: list[int], end: int) -> tuple[list[int], list[int]]:
        """The boundary in front of the turn that the first end token closes."""
        at = prompt.index(end) - 1 if end in prompt else len(prompt)
        return prompt[:at], [*prompt[at:], *answer]


class EndNotLearnt(PlainTokenise):
    """Labels are removed wherever the id is that of padding, which may be the end token."""

    def parts(self, prompt: str, answers: Mapping[str, str], tokenizer: StubTokenizer) -> Parts:
        self.pad = tokenizer.pad_token_id
        return super().parts(prompt, answers, tokenizer)

    def answer_labels(self, answer: list[int]) -> list[int]:
        return [IGNORED if i == self.pad else i for i in answer]


class FirstTokenNotLearnt(PlainTokenise):
    """Labels begin one token too late."""

    def answer_labels(self, answer: list[int]) -> list[int]:
        return [IGNORED, *answer[1:]]


class PromptsDiffer(PlainTokenise):
    """Each row cuts its prompt to make room for its own answer, limit or not: the rows' prompts differ."""

    def parts(self, prompt: str, answers: Mapping[str, str], tokenizer: StubTokenizer) -> Parts:
        made = super().parts(prompt, answers, tokenizer)
        first, second = made["rejected"]
        return made | {"rejected": (first[1:], second)}


MISTAKES: tuple[Mistake, ...] = (
    Mistake("end-twice", "appends an end token to answers that end with one", (34,), _tokenise(EndTwice)),
    Mistake("start-for-each-part", "puts BOS in front of the answers too", (36,), _tokenise(StartForEachPart)),
    Mistake(
        "boundary-by-length",
        "takes the length of the tokenised prompt for the place where the answer begins",
        (37,),
        _tokenise(BoundaryByLength),
    ),
    Mistake(
        "same-after-truncation",
        "keeps pairs whose answers are the same after truncation",
        (29,),
        _tokenise(SameAfterTruncation),
    ),
    Mistake(
        "answers-cut-away", "keeps rows of which truncation has left the prompt alone", (33,), _tokenise(AnswersCutAway)
    ),
    Mistake(
        "negative-slice",
        "cuts answers by a bound that may be negative, which empties the shorter one",
        (32,),
        _tokenise(NegativeSlice),
    ),
    Mistake("only-chosen-limited", "applies the limit to the chosen row alone", (45,), _tokenise(OnlyChosenLimited)),
    Mistake("truncation-mode-ignored", "accepts the mode of truncation and ignores it", (45,), _tokenise(ModeIgnored)),
    Mistake("history-learnt", "learns earlier answers in the prompt too", (44,), _tokenise(HistoryLearnt)),
    Mistake(
        "end-not-learnt",
        "removes labels by the id of padding, which is that of the end token",
        (35,),
        _tokenise(EndNotLearnt),
    ),
    Mistake("first-token-not-learnt", "begins its labels one token late", (47,), _tokenise(FirstTokenNotLearnt)),
    Mistake("prompts-differ", "gives the two rows of a pair different prompts", (26,), _tokenise(PromptsDiffer)),
    Mistake(
        "labels-padded-with-pad", "pads labels with the id of padding, not -100", (24,), _collate(LabelsPaddedWithPad)
    ),
    Mistake("padded-with-zero", "pads with 0, which is a word", (25,), _collate(PaddedWithZero)),
    Mistake(
        "mask-from-ids", "reads its mask off the ids, where padding is the end token", (35,), _collate(MaskFromIds)
    ),
    Mistake(
        "labels-from-ids",
        "removes labels by the id of padding, where it is the end token",
        (35,),
        _collate(LabelsFromIds),
    ),
    Mistake(
        "rejected-prompt-learnt", "masks the prompt in the chosen rows only", (26,), _collate(RejectedPromptLearnt)
    ),
    Mistake("last-column-lost", "cuts away the last token of the longest row", (30,), _collate(LastColumnLost)),
    Mistake("ids-as-mask", "hands out token ids as the mask of the chosen rows", (43,), _collate(IdsAsMask)),
    Mistake(
        "labels-to-answer-length",
        "keeps labels[prompt_len:answer_len], which is empty for prompts longer than answers",
        (38,),
        _collate(LabelsToAnswerLength),
    ),
    Mistake(
        "rejected-rows-reversed",
        "returns the rejected rows in another order than the chosen ones",
        (46,),
        _collate(RejectedRowsReversed),
    ),
    Mistake("zero-is-missing", "drops tokens with the id 0", (92,), _collate(ZeroIsMissing)),
    Mistake(
        "end-kept-of-padded-row",
        "keeps the end of rows that are padded already, so that short rows lose their tokens",
        (31,),
        _collate(EndKeptOfPaddedRow),
    ),
    Mistake("other-side", "pads on the other side", (78,), _collate(OtherSide)),
    Mistake("chosen-mask-for-both", "masks the rejected rows as the chosen ones", (28,), _collate(ChosenMaskForBoth)),
    Mistake("examples-extended", "changes the examples in place", (91,), _collate(ExamplesExtended)),
    Mistake("paired-with-themselves", "pairs prompts with their own answers", (14,), _mismatch(PairedWithThemselves)),
    Mistake("paired-backwards", "leaves the middle answer with its own prompt", (14,), _mismatch(PairedBackwards)),
    Mistake(
        "paired-across-steps",
        "pairs answers over all rows instead of inside the batch of a step",
        (15,),
        _mismatch(PairedAcrossSteps),
    ),
    Mistake(
        "prompts-rotated-too",
        "moves the prompts together with the answers",
        (46,),
        _mismatch(PromptsRotatedToo),
    ),
    Mistake("one-answer-for-all", "gives all prompts the same answer", (14,), _mismatch(OneAnswerForAll)),
)
