"""Problems of preference data: prompts with two answers each, and what tokenisation and collation may do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.specification import Option, Specification
from alignprops.conformance.stub_tokenizer import BOS, EOS, EOS_TEXT, StubTokenizer

Ints = NDArray[np.int64]
#: What a label is where nothing is to be learnt.
IGNORED = -100
#: The three formats that code of this kind comes in.
TOKENISE, COLLATE, MISMATCH = "tokenise", "collate", "mismatch"
_LETTERS = "abcdef"
_TRUNCATION = Option("truncation_mode", ("keep_end", "keep_start"), "which end of a row is kept", neutral=True)

DATA_FORMATS = {
    made.name: made
    for made in (
        Specification(
            TOKENISE,
            "a prompt and two answers as text -> ids of both rows, with labels on the answers",
            "conventions of the field: labels are ids or -100",
            options=(_TRUNCATION,),
        ),
        Specification(
            COLLATE,
            "examples of ids -> a padded batch with masks and labels",
            "conventions of the field: labels are ids or -100",
            options=(_TRUNCATION,),
            variants={"right": "padding on the right", "left": "padding on the left"},
        ),
        Specification(
            MISMATCH,
            "prompts and answers -> the same prompts with answers to others, for KTO's reference point",
            "Ethayarajh et al. 2024, Section 4.1",
        ),
    )
}


@dataclass(frozen=True, eq=False)
class PreferenceDataProblem:
    """Prompts with a chosen and a rejected answer each.

    Attributes:
        prompts, chosen, rejected: (B, L) int64, letters 0–5 (a–f), token ids as well; arbitrary behind the end.
        prompt_lengths, chosen_lengths, rejected_lengths: (B,) int64, at least 1.
        templated: (B,) int64, 1 where the answers' texts end with the end token already, as from a chat template.
        history: (B,) int64, 1 where the prompt holds an earlier answer, with its end token.
        adds_bos, pad_is_eos: 0 or 1, of the tokenizer.
        max_length: of a row in tokens; 0: no limit.
        block: rows in a step, for pairing; at least 2.
        choices: (8,) int64, which of its values every option takes.
    """

    prompts: Ints
    prompt_lengths: Ints
    chosen: Ints
    chosen_lengths: Ints
    rejected: Ints
    rejected_lengths: Ints
    templated: Ints
    history: Ints
    adds_bos: int
    pad_is_eos: int
    max_length: int
    block: int
    choices: Ints

    @property
    def count(self) -> int:
        """B."""
        return int(self.prompt_lengths.size)

    @property
    def tokenizer(self) -> StubTokenizer:
        """A fresh tokenizer of this problem's sort."""
        return StubTokenizer(adds_bos=bool(self.adds_bos), pad_is_eos=bool(self.pad_is_eos))

    def letters(self, side: str, row: int) -> list[int]:
        """The ids of a prompt or an answer, without special tokens."""
        length = int(getattr(self, f"{side.removesuffix('s')}_lengths")[row])
        return [int(i) for i in getattr(self, side)[row, :length]]

    def answer(self, side: str, row: int) -> str:
        """The text of an answer, without an end token."""
        return "".join(_LETTERS[i] for i in self.letters(side, row))

    def prompt(self, row: int) -> str:
        """The text of a prompt; with a history it holds an end token."""
        text = "".join(_LETTERS[i] for i in self.letters("prompts", row))
        return text[:1] + EOS_TEXT + text[1:] if self.history[row] else text

    def texts(self, row: int) -> dict[str, str]:
        """An example as text."""
        end = EOS_TEXT if self.templated[row] else ""
        answers = {side: self.answer(side, row) + end for side in ("chosen", "rejected")}
        return {"prompt": self.prompt(row), **answers}

    def ids(self, row: int) -> dict[str, list[int]]:
        """An example as ids: the prompt with its BOS, the answers with one end token each."""
        prompt = self.letters("prompts", row)
        prompt = [prompt[0], EOS, *prompt[1:]] if self.history[row] else prompt
        answers = {f"{side}_ids": [*self.letters(side, row), EOS] for side in ("chosen", "rejected")}
        return {"prompt_ids": [BOS, *prompt] if self.adds_bos else prompt, **answers}

    def completion(self, row: int) -> list[int]:
        """An answer for pairing, unlike all others: its letters and the number of its row."""
        return [*self.letters("chosen", row), 1000 + row]


@dataclass(frozen=True, eq=False)
class Row:
    """One answer with its prompt as code returned it.

    Attributes:
        ids, mask, labels: (T,) int64; labels are −100 where nothing is learnt.
        apart: whether prompt and answer came apart, each padded on a side of its own.
    """

    ids: Ints
    mask: Ints
    labels: Ints
    apart: bool = False

    @property
    def real(self) -> NDArray[np.bool_]:
        """(T,), which positions the mask keeps."""
        kept: NDArray[np.bool_] = self.mask != 0
        return kept

    @property
    def content(self) -> list[int]:
        """The ids that the mask keeps."""
        return [int(i) for i in self.ids[self.real]]

    @property
    def labelled(self) -> list[int]:
        """The labels that are learnt."""
        return [int(i) for i in self.labels[self.labels != IGNORED]]

    @property
    def unlabelled(self) -> list[int]:
        """The kept ids in front of the first label: what serves as the prompt."""
        learnt = np.flatnonzero((self.labels != IGNORED) & self.real)
        end = int(learnt[0]) if learnt.size else self.ids.size
        return [int(i) for i in self.ids[:end][self.real[:end]]]


@dataclass(frozen=True, eq=False)
class Pair:
    """Both rows of an example, or that the code refused it."""

    chosen: Row
    rejected: Row
    reported: bool = False

    @property
    def rows(self) -> tuple[Row, Row]:
        """The chosen and the rejected."""
        return self.chosen, self.rejected


def row_of(ids: Any, mask: Any = None, labels: Any = None) -> Row:
    """A row from lists or tensors."""
    found = np.asarray(ids, dtype=np.int64)
    kept = np.ones(found.shape, dtype=np.int64) if mask is None else np.asarray(mask, dtype=np.int64)
    return Row(found, kept, found if labels is None else np.asarray(labels, dtype=np.int64))


def joined(prompt: Any, answer: Any, prompt_mask: Any = None, answer_mask: Any = None) -> Row:
    """A row from a prompt and an answer that came apart: the answer is what is learnt, where its mask keeps it."""
    first, second = row_of(prompt, prompt_mask), row_of(answer, answer_mask)
    labels = np.where(second.real, second.ids, IGNORED)
    return Row(
        np.concatenate([first.ids, second.ids]),
        np.concatenate([first.mask, second.mask]),
        np.concatenate([np.full(first.ids.shape, IGNORED), labels]),
        apart=True,
    )


#: What stands in the place of a refused example.
NOTHING = row_of([])
REFUSED = Pair(NOTHING, NOTHING, reported=True)
