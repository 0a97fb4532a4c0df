"""Collators and pairings that are wrong in one step each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alignprops.conformance.preference_data import IGNORED
from alignprops.conformance.preference_plain import SIDES, Example, PlainCollate, PlainMismatch

Rows = dict[str, dict[str, list[int]]]
Batch = dict[str, list[list[int]]]

# --- collation --------------------------------------------------------------------------------------------------


class LabelsPaddedWithPad(PlainCollate):
    """The labels are padded with the id of padding, which is learnt."""

    def label_pad(self, pad_token_id: int) -> int:
        return pad_token_id


class PaddedWithZero(PlainCollate):
    """Padding is 0, a word of the vocabulary."""

    def pad(self, pad_token_id: int) -> int:
        return 0


class MaskFromIds(PlainCollate):
    """The mask is read off the ids: where padding is the end token, real end tokens vanish."""

    def finished(self, batch: Batch, pad_token_id: int) -> Batch:
        masks = {
            f"{side}_attention_mask": [[int(i != pad_token_id) for i in row] for row in batch[f"{side}_input_ids"]]
            for side in SIDES
        }
        return batch | masks


class LabelsFromIds(PlainCollate):
    """Labels are removed wherever the id is that of padding."""

    def finished(self, batch: Batch, pad_token_id: int) -> Batch:
        labels = {
            f"{side}_labels": [[IGNORED if i == pad_token_id else i for i in row] for row in batch[f"{side}_labels"]]
            for side in SIDES
        }
        return batch | labels


class RejectedPromptLearnt(PlainCollate):
    """The prompt is masked in the chosen half only."""

    def row(self, prompt: list[int], answer: list[int], side: str) -> dict[str, list[int]]:
        made = super().row(prompt, answer, side)
        return made | ({"labels": made["input_ids"]} if side == "rejected" else {})


class LastColumnLost(PlainCollate):
    """The last token of the longest row is cut away."""

    def width(self, rows: list[dict[str, list[int]]]) -> int:
        return super().width(rows) - 1

    def padded(self, part: list[int], width: int, fill: int) -> list[int]:
        return super().padded(part[:width], width, fill)


class IdsAsMask(PlainCollate):
    """The ids of the chosen rows serve as their mask."""

    def finished(self, batch: Batch, pad_token_id: int) -> Batch:
        return batch | {"chosen_attention_mask": batch["chosen_input_ids"]}


class LabelsToAnswerLength(PlainCollate):
    """Labels are those from the end of the prompt to the *length* of the answer."""

    def row(self, prompt: list[int], answer: list[int], side: str) -> dict[str, list[int]]:
        made = super().row(prompt, answer, side)
        ids = made["input_ids"]
        labels = [i if len(prompt) <= at < len(answer) else IGNORED for at, i in enumerate(ids)]
        return made | {"labels": labels}

    def require_pair(self, rows: Rows) -> None:
        del rows


class RejectedRowsReversed(PlainCollate):
    """The rejected rows come in another order than the chosen ones."""

    def finished(self, batch: Batch, pad_token_id: int) -> Batch:
        return {name: rows[::-1] if name.startswith("rejected") else rows for name, rows in batch.items()}


class ZeroIsMissing(PlainCollate):
    """Tokens with the id 0 are dropped as if they were missing."""

    def pair(self, example: Example, limit: int | None, mode: str) -> Rows:
        return super().pair({name: [i for i in part if i] for name, part in example.items()}, limit, mode)


class EndKeptOfPaddedRow(PlainCollate):
    """`keep_end` is applied to rows that are padded already: short ones lose all their tokens."""

    def __call__(
        self,
        examples: Sequence[Example],
        pad_token_id: int,
        max_length: int | None = None,
        truncation_mode: str = "keep_end",
    ) -> Batch:
        whole = super().__call__(examples, pad_token_id)
        if not max_length:
            return whole
        return {name: [self.cut(row, max_length, truncation_mode) for row in rows] for name, rows in whole.items()}


class OtherSide(PlainCollate):
    """Padding stands on the other side."""

    def padded(self, part: list[int], width: int, fill: int) -> list[int]:
        filling = [fill] * (width - len(part))
        return [*filling, *part] if self.side == "right" else [*part, *filling]


class ChosenMaskForBoth(PlainCollate):
    """The rejected rows are masked as the chosen ones."""

    def finished(self, batch: Batch, pad_token_id: int) -> Batch:
        width = len(batch["rejected_input_ids"][0])
        masks = [[*row, *[0] * width][:width] for row in batch["chosen_attention_mask"]]
        return batch | {"rejected_attention_mask": masks}


class ExamplesExtended(PlainCollate):
    """The lists of the examples are extended in place."""

    def row(self, prompt: list[int], answer: list[int], side: str) -> dict[str, list[int]]:
        made = super().row(prompt, answer, side)
        answer.append(0)
        return made


# --- pairing ----------------------------------------------------------------------------------------------------


class PairedWithThemselves(PlainMismatch):
    """Every prompt keeps its own answer."""

    def paired(self, answers: list[Any]) -> list[Any]:
        return list(answers)


class PairedBackwards(PlainMismatch):
    """The answers are reversed: the middle one stays with its prompt."""

    def paired(self, answers: list[Any]) -> list[Any]:
        return list(reversed(answers))


class PairedAcrossSteps(PlainMismatch):
    """The answers are rotated over all rows, not inside the batch of a step."""

    def __call__(
        self, prompts: list[Any], completions: list[Any], batch_size: int | None = None
    ) -> tuple[list[Any], list[Any]]:
        del batch_size
        return super().__call__(prompts, completions)


class PromptsRotatedToo(PlainMismatch):
    """Prompts and answers are rotated together: every answer stays with its prompt."""

    def kept(self, prompts: list[Any]) -> list[Any]:
        return [prompts[-1], *prompts[:-1]]


class OneAnswerForAll(PlainMismatch):
    """All prompts get one answer: the first one its own."""

    def paired(self, answers: list[Any]) -> list[Any]:
        return [answers[0]] * len(answers)
