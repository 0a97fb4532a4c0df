"""The honest tokenisation, collation and pairing, against ids that are written out."""

from __future__ import annotations

from typing import Any

import pytest

from alignprops.conformance.preference_data import IGNORED, joined, row_of
from alignprops.conformance.preference_plain import JointTokenise, PlainCollate, PlainMismatch, PlainTokenise
from alignprops.conformance.stub_tokenizer import BOS, EOS, PAD, StubTokenizer

AB = StubTokenizer().encode("ab", add_special_tokens=False)[0]
NO = IGNORED
EXAMPLES: list[dict[str, Any]] = [
    {"prompt_ids": [BOS, 4], "chosen_ids": [0, EOS], "rejected_ids": [5, 3, EOS]},
    {"prompt_ids": [BOS, 4, 5], "chosen_ids": [2, 2, EOS], "rejected_ids": [1, EOS]},
]


def test_texts_apart_have_one_start_and_one_end() -> None:
    """The answers' own end token is not doubled; what the boundary could merge stays apart."""
    made = PlainTokenise()("ea", "b</s>", "f", StubTokenizer())

    assert made["chosen_input_ids"] == [BOS, 4, 0, 1, EOS]
    assert made["chosen_labels"] == [NO, NO, NO, 1, EOS]
    assert made["rejected_input_ids"] == [BOS, 4, 0, 5, EOS]
    assert made["rejected_attention_mask"] == [1] * 5


def test_texts_together_keep_the_tokens_of_the_whole() -> None:
    """The token that spans the boundary is learnt, in both rows from the same place."""
    made = JointTokenise()("ea", "b", "f", StubTokenizer(adds_bos=False))

    assert made["chosen_input_ids"] == [4, AB, EOS]
    assert made["chosen_labels"] == [NO, AB, EOS]
    assert made["rejected_input_ids"] == [4, 0, 5, EOS]
    assert made["rejected_labels"] == [NO, 0, 5, EOS]


def test_truncation_keeps_an_end_and_refuses_what_is_lost() -> None:
    """From either end; an answer that is gone, or two that have become one, are refused."""
    tokenise, tokenizer = PlainTokenise(), StubTokenizer()

    assert tokenise("ee", "fa", "fe", tokenizer, max_length=4)["chosen_input_ids"] == [4, 5, 0, EOS]
    kept = tokenise("ee", "fa", "ea", tokenizer, max_length=4, truncation_mode="keep_start")
    assert kept["rejected_labels"] == [NO, NO, NO, 4]
    with pytest.raises(ValueError, match="no token of an answer is left"):
        tokenise("ee", "fa", "ea", tokenizer, max_length=3, truncation_mode="keep_start")
    with pytest.raises(ValueError, match="the same after truncation"):
        tokenise("ee", "fa", "fe", tokenizer, max_length=4, truncation_mode="keep_start")


def test_collation_pads_on_its_side() -> None:
    """With the id of padding, a mask of 0 and a label of −100."""
    right, left = PlainCollate("right")(EXAMPLES, PAD), PlainCollate("left")(EXAMPLES, PAD)

    assert right["chosen_input_ids"] == [[BOS, 4, 0, EOS, PAD, PAD], [BOS, 4, 5, 2, 2, EOS]]
    assert right["chosen_labels"] == [[NO, NO, 0, EOS, NO, NO], [NO, NO, NO, 2, 2, EOS]]
    assert left["chosen_attention_mask"] == [[0, 0, 1, 1, 1, 1], [1] * 6]
    assert left["rejected_input_ids"] == [[BOS, 4, 5, 3, EOS], [BOS, 4, 5, 1, EOS]]
    cut = PlainCollate("right")(EXAMPLES, PAD, max_length=2)
    assert cut["chosen_input_ids"] == [[0, EOS], [2, EOS]]
    with pytest.raises(ValueError, match="the same after truncation"):
        PlainCollate("right")(EXAMPLES, PAD, max_length=1)


def test_pairing_rotates_inside_a_step() -> None:
    """The prompts stay; a step of one row has no other answer."""
    pair = PlainMismatch()

    assert pair(["p", "q", "r"], ["a", "b", "c"]) == (["p", "q", "r"], ["c", "a", "b"])
    assert pair(["p", "q", "r", "s"], ["a", "b", "c", "d"], batch_size=2)[1] == ["b", "a", "d", "c"]
    with pytest.raises(ValueError, match="at least 2 rows"):
        pair(["p", "q", "r"], ["a", "b", "c"], batch_size=2)


def test_rows_are_read_with_their_masks() -> None:
    """What the mask keeps, what is learnt, and what stands in front of it."""
    row = joined([PAD, BOS, 4], [5, EOS, PAD], [0, 1, 1], [1, 1, 0])

    assert (row.content, row.labelled, row.unlabelled) == ([BOS, 4, 5, EOS], [5, EOS], [BOS, 4])
    assert row.apart
    assert row_of([4, 5], labels=[NO, NO]).unlabelled == [4, 5]
