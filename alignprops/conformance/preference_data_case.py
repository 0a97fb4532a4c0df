"""One subject on one problem of preference data: what it is given, and the rows that it makes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from alignprops.conformance.call import Call, Found
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.preference_data import (
    COLLATE,
    IGNORED,
    MISMATCH,
    TOKENISE,
    Ints,
    Pair,
    PreferenceDataProblem,
    Row,
)

#: How a collator wants its examples.
IDS, FULL, INPUT_IDS = "ids", "full", "input-ids"
EXAMPLE_FORMS = {
    IDS: "examples with prompt_ids, chosen_ids, rejected_ids",
    FULL: "examples with …_input_ids, …_attention_mask and …_labels of whole rows",
    INPUT_IDS: "examples with prompt_input_ids, chosen_input_ids, rejected_input_ids",
}
#: What texts a tokenisation function is given.
TEXT, PLAIN = "text", "plain"
TEXT_FORMS = {
    TEXT: "texts, some of them ending with the end token already, as a chat template leaves them",
    PLAIN: "texts without end tokens of their own, which the code adds",
}
#: A limit that nothing reaches, for code that must be given one.
NO_LIMIT = 4096


@dataclass(frozen=True, eq=False)
class DataConformer(Conformer):
    """Somebody's code of preference data.

    Attributes:
        takes: what it is given, by the kind's names ("examples", "max_length", "tokenizer" …).
        how: how it is called, from which a mistake can be planted in its place.
        ends: whether it puts an end token behind an answer that has none.
        together: whether its chosen and rejected rows are padded to one width.
    """

    takes: frozenset[str] = frozenset()
    how: Any = field(default=None)
    ends: bool = True
    together: bool = False

    @property
    def task(self) -> str:
        """Which of the three formats it is of."""
        return self.specification.name


@dataclass(frozen=True, eq=False)
class PreferenceDataCase:
    """A subject of kind `preference-data` on a problem; for code of plain texts no answer has an end token."""

    subject: DataConformer
    problem: PreferenceDataProblem

    def __post_init__(self) -> None:
        if self.subject.form == PLAIN:
            object.__setattr__(self, "problem", replace(self.problem, templated=0 * self.problem.templated))

    def call(self) -> Call:
        """Fresh examples and options; there are no tensors."""
        problem, subject = self.problem, self.subject
        chosen = subject.specification.chosen(problem.choices, subject.options, subject.constants)
        # The examples are what there is; of the rest it is given what it takes.
        needed = {"examples", "prompts", "completions", *subject.takes}
        inputs = {name: value for name, value in self._inputs().items() if name in needed}
        return Call({}, {**chosen, **inputs})

    def _inputs(self) -> dict[str, Any]:
        problem, rows = self.problem, range(self.problem.count)
        if self.subject.task == MISMATCH:
            prompts = [problem.ids(row)["prompt_ids"] for row in rows]
            answers = [problem.completion(row) for row in rows]
            batch = {"prompts": prompts, "completions": answers}
            return {**batch, "batch": {"prompt": prompts, "completion": answers}, "batch_size": self.block}
        tokenizer = problem.tokenizer
        made: dict[str, Any] = {"tokenizer": tokenizer, "pad_token_id": tokenizer.pad_token_id}
        made |= {"max_length": problem.max_length or NO_LIMIT, "eos_token_id": tokenizer.eos_token_id}
        if self.subject.task == TOKENISE:
            return {**made, "examples": [problem.texts(row) for row in rows]}
        return {**made, "examples": [self.example(row) for row in rows]}

    def example(self, row: int) -> dict[str, list[int]]:
        """An example of ids in the form that a collator wants."""
        ids = self.problem.ids(row)
        if self.subject.form == INPUT_IDS:
            parts = {name.replace("_ids", "_input_ids"): part for name, part in ids.items()}
            masks = {name.replace("_ids", "_attention_mask"): [1] * len(part) for name, part in ids.items()}
            return {**parts, **masks}
        if self.subject.form != FULL:
            return ids
        made: dict[str, list[int]] = {}
        for side in ("chosen", "rejected"):
            answer = ids[f"{side}_ids"]
            made[f"{side}_input_ids"] = [*ids["prompt_ids"], *answer]
            made[f"{side}_attention_mask"] = [1] * len(made[f"{side}_input_ids"])
            made[f"{side}_labels"] = [IGNORED] * len(ids["prompt_ids"]) + list(answer)
        return made

    @property
    def block(self) -> int:
        """Rows that are paired with each other."""
        return self.problem.block if "batch_size" in self.subject.takes else self.problem.count

    @cached_property
    def outcome(self) -> dict[str, Any]:
        """What the subject makes of the problem: `pairs` or `sources`, and whether its inputs were changed."""
        return dict(self.subject.function(self.call()))

    @property
    def pairs(self) -> list[Pair]:
        """The rows of every example."""
        pairs: list[Pair] = self.outcome["pairs"]
        return pairs

    @property
    def limited(self) -> bool:
        """Whether rows may have been cut."""
        return bool(self.problem.max_length) and "max_length" in self.subject.takes

    def cut(self, row: int) -> bool:
        """Whether an example is longer than the limit, in either of its rows."""
        return self.limited and any(len(self.whole(row, side)) > self.problem.max_length for side in (0, 1))

    def whole(self, row: int, side: int) -> list[int]:
        """The ids of a row before truncation, as a collator is given them; of text the longest they can be."""
        ids = self.problem.ids(row)
        return [*ids["prompt_ids"], *ids[("chosen_ids", "rejected_ids")[side]]]

    @property
    def kept_rows(self) -> list[tuple[int, int, Row]]:
        """(example, side, row) of all examples that were not refused."""
        return [
            (at, side, row)
            for at, pair in enumerate(self.pairs)
            for side, row in enumerate(pair.rows)
            if not pair.reported
        ]

    # --- for the diagnosis ------------------------------------------------------------------------------------------

    def run(self, call: Call) -> Found:
        """The same as flat arrays."""
        outcome = dict(self.subject.function(call))
        if self.subject.task == MISMATCH:
            return _found({name: outcome[name] for name in ("prompt_rows", "sources")}, outcome)
        made: dict[str, Any] = {"reported": np.array([float(pair.reported) for pair in outcome["pairs"]])}
        for side, name in enumerate(("chosen", "rejected")):
            rows = [pair.rows[side] for pair in outcome["pairs"]]
            # What every layout has in common, and where prompt and answer are one row, the whole of it.
            parts = ("content", "labelled") + (() if any(row.apart for row in rows) else ("ids", "mask", "labels"))
            for part in parts:
                made[f"{name}_{part}"] = np.concatenate([getattr(row, part) for row in rows])
        return _found(made, outcome)


def _found(arrays: dict[str, Any], outcome: dict[str, Any]) -> Found:
    floats = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
    changed = ("examples",) if outcome["modified"] else ()
    return Found(floats, attached=dict.fromkeys(floats, False), modified=changed)


def one_example(problem: PreferenceDataProblem, row: int) -> PreferenceDataProblem:
    """A batch of one example."""
    names = ("prompts", "chosen", "rejected", "prompt_lengths", "chosen_lengths", "rejected_lengths")
    kept: dict[str, Ints] = {name: getattr(problem, name)[row : row + 1] for name in (*names, "templated", "history")}
    return replace(problem, **kept)  # type: ignore[arg-type]


__all__ = ["COLLATE", "MISMATCH", "TOKENISE", "DataConformer", "PreferenceDataCase", "one_example"]
