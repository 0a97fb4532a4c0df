"""What is wrong with rows of preference data, counted: exact integers, 0 where all is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alignprops.conformance.preference_data import IGNORED, TOKENISE, Ints, Row
from alignprops.conformance.preference_data_case import PreferenceDataCase
from alignprops.conformance.stub_tokenizer import BOS, EOS, MERGES

SIDES = ("chosen", "rejected")
#: (case, example, side, row) -> how many things are wrong with the row.
Count = Callable[[PreferenceDataCase, int, int, Row], int]


def by_example(case: PreferenceDataCase, count: Count) -> Ints:
    """(B,), of both rows of every example; 0 where the example was refused."""
    totals = np.zeros(case.problem.count, dtype=np.int64)
    for at, side, row in case.kept_rows:
        totals[at] += count(case, at, side, row)
    return totals


def kept(case: PreferenceDataCase) -> Ints:
    """(B,), 1 where the example was not refused."""
    return np.array([1 - int(pair.reported) for pair in case.pairs], dtype=np.int64)


def uncut(case: PreferenceDataCase) -> Ints:
    """(B,), 1 where it was neither refused nor, for its length, cut."""
    return kept(case) * np.array([1 - int(case.cut(at)) for at in range(case.problem.count)], dtype=np.int64)


# --- prompts and answers ------------------------------------------------------------------------------------------


def prompt_differences(case: PreferenceDataCase) -> Ints:
    """(B,), tokens in which the unlearnt parts of an example's rows differ; what was cut off one of them is none."""
    found = []
    for at, pair in enumerate(case.pairs):
        a, b = pair.chosen.unlabelled, pair.rejected.unlabelled
        common = min(len(a), len(b))
        differing = sum(x != y for x, y in zip(a[len(a) - common :], b[len(b) - common :], strict=True))
        found.append(differing + (0 if case.cut(at) else abs(len(a) - len(b))))
    return np.array(found, dtype=np.int64)


def learnt(_case: PreferenceDataCase, _at: int, _side: int, row: Row) -> int:
    """Tokens that are learnt."""
    return len(row.labelled)


def prompt_learnt(case: PreferenceDataCase, at: int, side: int, row: Row) -> int:
    """Tokens (of text: letters) that are learnt beyond the answer; a letter whose token spans the boundary is none."""
    labelled, answer = _answers(case, at, side, row)
    spans = case.subject.task == TOKENISE and _merges(case, at)
    return max(len(labelled) - len(answer) - int(spans), 0)


def answer_lost(case: PreferenceDataCase, at: int, side: int, row: Row) -> int:
    """Tokens (of text: letters) of the answer that are not learnt, in their order and at the end."""
    labelled, answer = _answers(case, at, side, row)
    same = 0
    while same < min(len(labelled), len(answer)) and labelled[-1 - same] == answer[-1 - same]:
        same += 1
    lost: int = len(answer) - same
    return lost


def _answers(case: PreferenceDataCase, at: int, side: int, row: Row) -> tuple[Any, Any]:
    """What is learnt and what should be: as letters without special tokens, or as ids."""
    if case.subject.task == TOKENISE:
        decoded = case.problem.tokenizer.decode(row.labelled, skip_special_tokens=True)
        return decoded, case.problem.answer(SIDES[side], at)
    return row.labelled, case.problem.ids(at)[f"{SIDES[side]}_ids"]


def _merges(case: PreferenceDataCase, at: int) -> bool:
    """Whether a token may span the boundary of the prompt and one of its answers."""
    last = case.problem.prompt(at)[-1]
    return any(last + case.problem.answer(side, at)[0] in MERGES for side in SIDES)


def content_errors(case: PreferenceDataCase, at: int, side: int, row: Row) -> int:
    """Tokens (of text: letters) of a row that are lost, added or changed."""
    found: Any = row.content
    wanted: Any = case.whole(at, side)
    if case.subject.task == TOKENISE:
        tokenizer, texts = case.problem.tokenizer, case.problem.texts(at)
        found = tokenizer.decode(found, skip_special_tokens=True)
        text = texts["prompt"] + texts[SIDES[side]]
        wanted = tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True)
    changed = sum(int(a != b) for a, b in zip(found, wanted, strict=False))
    return abs(len(found) - len(wanted)) + changed


# --- labels, masks, special tokens --------------------------------------------------------------------------------


def label_errors(_case: PreferenceDataCase, _at: int, _side: int, row: Row) -> int:
    """Labels that are neither −100 nor the id in their place, or that stand where there is no token."""
    learnt_here = row.labels != IGNORED
    return int(np.sum(learnt_here & ((row.labels != row.ids) | ~row.real)))


def mask_errors(case: PreferenceDataCase, at: int, side: int, row: Row) -> int:
    """Entries of a mask that are neither 0 nor 1, and real tokens more or less than there are."""
    odd = int(np.sum((row.mask != 0) & (row.mask != 1)))
    wanted = row.ids.size if case.subject.task == TOKENISE else len(case.whole(at, side))
    return odd + abs(int(row.real.sum()) - wanted)


def stray_starts(_case: PreferenceDataCase, _at: int, _side: int, row: Row) -> int:
    """BOS tokens anywhere but in front."""
    return row.content[1:].count(BOS)


def end_errors(case: PreferenceDataCase, at: int, _side: int, row: Row) -> int:
    """Learnt end tokens more or less than one, or one that is not the last."""
    wanted = int(case.subject.ends or bool(case.problem.templated[at]))
    found = row.labelled.count(EOS)
    return abs(found - wanted) + int(found > 0 and row.labelled[-1] != EOS)


# --- truncation and padding ---------------------------------------------------------------------------------------


def beyond_limit(case: PreferenceDataCase, _at: int, _side: int, row: Row) -> int:
    """Real tokens beyond the limit."""
    return max(int(row.real.sum()) - case.problem.max_length, 0)


def shortest_answer(case: PreferenceDataCase) -> Ints:
    """(B,), learnt tokens of the shorter answer."""
    return np.array([min(len(row.labelled) for row in pair.rows) for pair in case.pairs], dtype=np.int64)


def identical(case: PreferenceDataCase) -> Ints:
    """(B,), 1 where both answers have become one."""
    return np.array([int(pair.chosen.labelled == pair.rejected.labelled) for pair in case.pairs], dtype=np.int64)


def padding_errors(case: PreferenceDataCase, at: int, side: int, row: Row) -> int:
    """Padding that is not the declared id, or not on the declared side of the row."""
    given = case.problem.tokenizer.pad_token_id
    width, real = row.ids.size, min(len(case.whole(at, side)), row.ids.size)
    padded = ~row.real
    if not row.apart:
        padded = np.arange(width) >= real if case.subject.variant == "right" else np.arange(width) < width - real
    return int(np.sum(padded & ((row.ids != given) | row.real)))
