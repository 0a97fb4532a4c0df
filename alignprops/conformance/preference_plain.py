"""Honest tokenisation, collation and pairing in plain Python, in steps that a mistake overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignprops.conformance.preference_data import IGNORED
from alignprops.conformance.stub_tokenizer import StubTokenizer

Example = Mapping[str, Any]
#: Ids of prompt and answer, by side.
Parts = dict[str, tuple[list[int], list[int]]]
SIDES = ("chosen", "rejected")


class PlainRows:
    """What tokenisation and collation share: truncation of rows that are made of a prompt and an answer."""

    def row(self, prompt: list[int], answer: list[int], side: str) -> dict[str, list[int]]:  # mistakes look at the side
        """Ids, mask and labels of one answer behind its prompt."""
        return {
            "input_ids": [*prompt, *answer],
            "attention_mask": [1] * (len(prompt) + len(answer)),
            "labels": [IGNORED] * len(prompt) + self.answer_labels(answer),
        }

    def answer_labels(self, answer: list[int]) -> list[int]:
        """Every token of an answer is learnt."""
        return list(answer)

    def truncated(
        self, rows: dict[str, dict[str, list[int]]], limit: int | None, mode: str
    ) -> dict[str, dict[str, list[int]]]:
        """Both rows cut to the limit."""
        if not limit:
            return rows
        return {side: {name: self.cut(part, limit, mode) for name, part in row.items()} for side, row in rows.items()}

    def cut(self, part: list[int], limit: int, mode: str) -> list[int]:
        """The end or the start of a list."""
        return part[-limit:] if mode == "keep_end" else part[:limit]

    def require_pair(self, rows: dict[str, dict[str, list[int]]]) -> None:
        """Refuse a pair that has lost an answer or its difference.

        Raises:
            ValueError: no token of an answer is left, or both answers have become one.
        """
        answers = [[i for i in rows[side]["labels"] if i != IGNORED] for side in SIDES]
        self.require_answers(answers)
        self.require_difference(answers)

    def require_answers(self, answers: list[list[int]]) -> None:
        if not all(answers):
            raise ValueError("no token of an answer is left after truncation")

    def require_difference(self, answers: list[list[int]]) -> None:
        if answers[0] == answers[1]:
            raise ValueError("the answers of a pair are the same after truncation")


class PlainTokenise(PlainRows):
    """Prompt and answers tokenised apart: one BOS in front, one end token behind."""

    def __call__(
        self,
        prompt: str,
        chosen: str,
        rejected: str,
        tokenizer: StubTokenizer,
        max_length: int | None = None,
        truncation_mode: str = "keep_end",
    ) -> dict[str, list[int]]:
        """`chosen_input_ids`, `chosen_attention_mask`, `chosen_labels`, and the same of the rejected answer."""
        parts = self.parts(prompt, {"chosen": chosen, "rejected": rejected}, tokenizer)
        rows = {side: self.row(first, second, side) for side, (first, second) in parts.items()}
        rows = self.truncated(rows, max_length, truncation_mode)
        self.require_pair(rows)
        return {f"{side}_{name}": part for side, row in rows.items() for name, part in row.items()}

    def parts(self, prompt: str, answers: Mapping[str, str], tokenizer: StubTokenizer) -> Parts:
        """The ids of the prompt and of the answer, side by side."""
        first = self.prompt_ids(prompt, tokenizer)
        return {
            side: (first, self.ended(self.answer_ids(text, tokenizer), tokenizer)) for side, text in answers.items()
        }

    def prompt_ids(self, prompt: str, tokenizer: StubTokenizer) -> list[int]:
        """The prompt with its special tokens."""
        return list(tokenizer(prompt)["input_ids"])

    def answer_ids(self, answer: str, tokenizer: StubTokenizer) -> list[int]:
        """An answer without special tokens of its own."""
        return list(tokenizer(answer, add_special_tokens=False)["input_ids"])

    def ended(self, answer: list[int], tokenizer: StubTokenizer) -> list[int]:
        """The answer with one end token."""
        return answer if answer[-1:] == [tokenizer.eos_token_id] else [*answer, tokenizer.eos_token_id]


class JointTokenise(PlainTokenise):
    """Prompt and answer tokenised together: the prompt is what the tokens of both rows have in common with its own."""

    def parts(self, prompt: str, answers: Mapping[str, str], tokenizer: StubTokenizer) -> Parts:
        alone = self.prompt_ids(prompt, tokenizer)
        whole = {side: self.prompt_ids(prompt + text, tokenizer) for side, text in answers.items()}
        at = self.boundary(alone, list(whole.values()))
        return {side: (ids[:at], self.ended(ids[at:], tokenizer)) for side, ids in whole.items()}

    def boundary(self, alone: list[int], rows: list[list[int]]) -> int:
        """Where the answers begin: a token that spans the boundary belongs to the answer."""
        return len(alone) if all(ids[: len(alone)] == alone for ids in rows) else len(alone) - 1


class PlainCollate(PlainRows):
    """Examples of ids as a padded batch of lists of lists."""

    def __init__(self, side: str = "right", *, together: bool = False) -> None:
        """`together`: chosen and rejected rows are padded to one width, as in a table of all rows."""
        self.side, self.together = side, together

    def __call__(
        self,
        examples: Sequence[Example],
        pad_token_id: int,
        max_length: int | None = None,
        truncation_mode: str = "keep_end",
    ) -> dict[str, list[list[int]]]:
        """`chosen_input_ids`, `chosen_attention_mask`, `chosen_labels`, and the same of the rejected answers."""
        pairs = [self.pair(example, max_length, truncation_mode) for example in examples]
        batch: dict[str, list[list[int]]] = {}
        for side in SIDES:
            rows = [pair[side] for pair in pairs]
            width = self.width([row for pair in pairs for row in pair.values()] if self.together else rows)
            fills = {"input_ids": self.pad(pad_token_id), "attention_mask": 0, "labels": self.label_pad(pad_token_id)}
            for name, fill in fills.items():
                batch[f"{side}_{name}"] = [self.padded(row[name], width, fill) for row in rows]
        return self.finished(batch, pad_token_id)

    def pair(self, example: Example, limit: int | None, mode: str) -> dict[str, dict[str, list[int]]]:
        """The two rows of an example."""
        rows = {side: self.row(example["prompt_ids"], example[f"{side}_ids"], side) for side in SIDES}
        rows = self.truncated(rows, limit, mode)
        self.require_pair(rows)
        return rows

    def width(self, rows: list[dict[str, list[int]]]) -> int:
        """Columns of the batch: those of the longest row."""
        return max(len(row["input_ids"]) for row in rows)

    def pad(self, pad_token_id: int) -> int:
        """What stands where a row has no token."""
        return pad_token_id

    def label_pad(self, pad_token_id: int) -> int:  # mistakes look at the id
        """What the label is there."""
        del pad_token_id
        return IGNORED

    def padded(self, part: list[int], width: int, fill: int) -> list[int]:
        """One row in the width of the batch."""
        filling = [fill] * (width - len(part))
        return [*part, *filling] if self.side == "right" else [*filling, *part]

    def finished(self, batch: dict[str, list[list[int]]], pad_token_id: int) -> dict[str, list[list[int]]]:
        """The batch as it is returned."""
        del pad_token_id
        return batch


class PlainMismatch:
    """Answers rotated by one row inside each step's batch."""

    def __call__(
        self, prompts: list[Any], completions: list[Any], batch_size: int | None = None
    ) -> tuple[list[Any], list[Any]]:
        """The prompts as they are, and for each an answer to another."""
        size = batch_size or len(prompts)
        made = [
            answer for at in range(0, len(completions), size) for answer in self.paired(completions[at : at + size])
        ]
        return self.kept(prompts), made

    def kept(self, prompts: list[Any]) -> list[Any]:
        """The prompts."""
        return list(prompts)

    def paired(self, answers: list[Any]) -> list[Any]:
        """The answers of one batch, each at another's place."""
        if len(answers) < 2:
            raise ValueError("pairing answers with other prompts needs at least 2 rows in a batch")
        return [answers[-1], *answers[:-1]]
