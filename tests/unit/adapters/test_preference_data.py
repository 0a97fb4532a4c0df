"""Tokenisation functions, collators and pairings in the forms that the field writes them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from alignprops._errors import InputError, UnknownNameError
from alignprops.conformance.preference_data_case import PreferenceDataCase
from alignprops.engine import evaluate
from alignprops.registry import find_theorems
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject, kind_named, parse_subject
from alignprops.subjects.adapters import Adaptation
from property_suites.preference_data.specimens import RAGGED

KIND = "preference-data"
Example = dict[str, Any]


def tokenize_row(features: Example, processing_class: Any, max_completion_length: int | None) -> Example:
    """A trainer's function: parts without special tokens, an end token always appended."""
    ids = {
        name: processing_class(features[name], add_special_tokens=False)["input_ids"]
        for name in ("prompt", "chosen", "rejected")
    }
    end = [processing_class.eos_token_id]
    return {
        "prompt_input_ids": ids["prompt"],
        "chosen_input_ids": (ids["chosen"] + end)[:max_completion_length],
        "rejected_input_ids": (ids["rejected"] + end)[:max_completion_length],
    }


def stacked(examples: list[Example], pad_token_id: int) -> dict[str, Tensor]:
    """One table, the chosen rows before the rejected, with a mask of the completions."""
    rows = [(example["prompt_ids"], example[f"{side}_ids"]) for side in ("chosen", "rejected") for example in examples]
    ids = [torch.tensor(prompt + answer) for prompt, answer in rows]
    kept = [torch.tensor([0] * len(prompt) + [1] * len(answer)) for prompt, answer in rows]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad_token_id),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
        "completion_mask": pad_sequence(kept, batch_first=True),
    }


class Apart:
    """A class: prompts padded on the left, answers on the right, by the keys of the parts."""

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, examples: list[Example]) -> dict[str, Tensor]:
        """Three tables with their masks."""
        made = {}
        for name, side in (("prompt", "left"), ("chosen", "right"), ("rejected", "right")):
            ids = [torch.tensor(example[f"{name}_input_ids"]) for example in examples]
            ones = [torch.ones_like(row) for row in ids]
            made[f"{name}_input_ids"] = pad_sequence(ids, True, self.pad_token_id, padding_side=side)
            made[f"{name}_attention_mask"] = pad_sequence(ones, True, 0, padding_side=side)
        return made


def left_padded(features: list[Example], pad_token_id: int) -> dict[str, Tensor]:
    """Whole rows with their labels, padded on the left."""
    fills = {"input_ids": pad_token_id, "attention_mask": 0, "labels": -100}
    return {
        f"{side}_{name}": pad_sequence(
            [torch.tensor(example[f"{side}_{name}"]) for example in features], True, fill, padding_side="left"
        )
        for side in ("chosen", "rejected")
        for name, fill in fills.items()
    }


def labels_by_id(examples: list[Example], pad_token_id: int) -> dict[str, Tensor]:
    """What is not padding is learnt, the prompt and all; an end token is padding."""
    made = stacked(examples, pad_token_id)
    labels = made["input_ids"].masked_fill(made["input_ids"] == pad_token_id, -100)
    return {"input_ids": made["input_ids"], "attention_mask": made["attention_mask"], "labels": labels}


def rotate(batch: dict[str, list[Any]], total_batch_size: int) -> dict[str, list[Any]]:
    """A mapping of columns; the answers are rotated inside every batch."""
    answers, made = batch["completion"], []
    for at in range(0, len(answers), total_batch_size):
        block = answers[at : at + total_batch_size]
        made += block[-1:] + block[:-1]
    return {"prompt": batch["prompt"], "completion": made}


def made(code: Any, **parameters: Any) -> Subject:
    """The code as a subject."""
    return parse_subject(code, KIND, adaptation=Adaptation.of(parameters))


def judge(subject: Subject) -> dict[str, Verdict]:
    """The verdict of every theorem that speaks of it."""
    theorems = [theorem for theorem in find_theorems() if theorem.kind == KIND and subject.silence(theorem) is None]
    settings = Settings(max_examples=12)
    return {theorem.id.partition(".")[2]: evaluate(theorem, subject, settings).verdict for theorem in theorems}


def refuted(subject: Subject) -> set[str]:
    """The theorems that refute it; all others hold."""
    verdicts = judge(subject)
    assert set(verdicts.values()) <= {Verdict.HELD, Verdict.REFUTED}, verdicts
    return {name for name, verdict in verdicts.items() if verdict is Verdict.REFUTED}


def test_a_function_of_plain_texts_is_right_on_them_and_doubles_the_end_of_templated_ones() -> None:
    """`form="plain"` says that texts bring no end token; without it the known bug is found."""
    fixed = {"fixed": {"max_completion_length": None}, "loss": "tokenise"}

    assert refuted(made(tokenize_row, form="plain", **fixed)) == set()
    assert "specials.once" in refuted(made(tokenize_row, **fixed))


@pytest.mark.parametrize(
    ("code", "form", "side"),
    [(stacked, "ids", "right"), (Apart, "input-ids", "right"), (left_padded, "full", "left")],
    ids=["one table", "parts apart", "whole rows"],
)
def test_collators_in_every_layout_are_right(code: Callable[..., Any], form: str, side: str) -> None:
    """The form of their examples and the side of their padding are found and told."""
    subject = made(code, loss="collate")

    assert (subject.get().form, subject.get().variant) == (form, side)
    assert any("it runs on them" in line for line in subject.get().assumptions)
    assert any(f"it pads on the {side}" in line for line in subject.get().assumptions)
    assert refuted(subject) == set()


def test_a_collator_that_labels_by_ids_is_refuted() -> None:
    """The prompt is learnt, and the end token is not."""
    assert {"prompt.not-learnt", "answer.learnt", "specials.once"} <= refuted(made(labels_by_id, loss="collate"))


def test_pairing_is_judged_in_columns_and_in_lists() -> None:
    """Inside the batch of a step; a shuffle that may leave an answer in its place is refuted."""

    def reverse(prompts: list[Any], completions: list[Any]) -> list[Any]:
        del prompts
        return completions[::-1]

    assert refuted(made(rotate, loss="mismatch")) == set()
    assert refuted(made(reverse, loss="mismatch")) == {"pairing.derangement"}


def test_what_cannot_be_read_is_told() -> None:
    """The format, the arguments, the layouts, and code that fails on two ordinary examples."""
    with pytest.raises(InputError, match="what does it do"):
        made(stacked)
    with pytest.raises(UnknownNameError, match="collate"):
        made(stacked, loss="colate")
    with pytest.raises(InputError, match="form is 'lists'; expected 'ids'"):
        made(stacked, loss="collate", form="lists")

    def wrong_layout(examples: list[Example]) -> dict[str, Tensor]:
        return {"tokens": torch.zeros(len(examples))}

    with pytest.raises(InputError, match="a mapping of tokens came back"):
        made(wrong_layout, loss="collate")

    def unbatched(examples: list[Example]) -> list[Example]:
        return examples

    with pytest.raises(InputError, match="a list came back; expected a mapping"):
        made(unbatched, loss="collate")

    def half(examples: list[Example], pad_token_id: int) -> dict[str, Tensor]:
        return {name: part[: len(examples)] for name, part in stacked(examples, pad_token_id).items()}

    with pytest.raises(InputError, match="input_ids has 2 rows; expected 4"):
        made(half, loss="collate", form="ids")

    def fussy(examples: list[Example]) -> dict[str, Tensor]:
        raise ValueError(len(examples))

    with pytest.raises(InputError, match="it refused a small input"):
        made(fussy, loss="collate")

    def pathless(value: int) -> int:
        return value

    with pytest.raises(InputError, match="nothing says what they are"):
        made(pathless, loss="mismatch")

    def unnamed(prompts: list[Any]) -> list[Any]:
        return prompts

    with pytest.raises(InputError, match="it needs arguments for prompts, completions or batch"):
        made(unnamed, loss="mismatch")


def test_a_mistake_is_told_from_its_rows() -> None:
    """The twin has the subject's padding side; a planted mistake gives other rows than the twin."""
    conformance = kind_named(KIND).conformance
    assert conformance is not None
    subject = made(left_padded, loss="collate").get()
    twin = conformance.twin(subject)
    case = conformance.case(twin, RAGGED)
    wrong = next(m for m in conformance.mistakes if m.name == "labels-padded-with-pad").plant(twin)
    assert wrong is not None

    seen, right = (conformance.case(c, RAGGED) for c in (subject, twin))
    found, expected = seen.run(seen.call()), right.run(right.call())
    planted = PreferenceDataCase(wrong, RAGGED).run(case.call())  # type: ignore[arg-type]

    assert all((found.outputs[name] == expected.outputs[name]).all() for name in expected.outputs)
    assert (planted.outputs["chosen_labels"] != expected.outputs["chosen_labels"]).any()
    with pytest.raises(InputError, match="expected code of the kind 'preference-data'"):
        conformance.twin(object())  # type: ignore[arg-type]
