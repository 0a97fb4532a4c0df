"""The tiny tokenizer has what trips real tokenisation code."""

from __future__ import annotations

import pytest

from alignprops.conformance.stub_tokenizer import BOS, EOS, PAD, StubTokenizer


def test_a_merge_spans_the_boundary() -> None:
    """The tokens of the prompt are not a prefix of those of the whole."""
    tokenizer = StubTokenizer(adds_bos=False)
    prompt, whole = tokenizer.encode("ea"), tokenizer.encode("ea" + "be")

    assert whole[: len(prompt)] != prompt
    assert tokenizer.decode(whole) == "eabe"
    assert tokenizer.encode("a") == [0]


def test_special_tokens_are_added_once_a_text_and_read_in_texts() -> None:
    """As usual: a call adds BOS unless it is asked not to; special tokens written out are one token."""
    tokenizer = StubTokenizer(adds_bos=True)

    assert tokenizer("e").input_ids == [BOS, 4]
    assert tokenizer(["e", "fe"], add_special_tokens=False)["input_ids"] == [[4], [5, 4]]
    assert tokenizer("e</s>", add_special_tokens=False)["input_ids"] == [4, EOS]
    assert tokenizer.decode([BOS, 4, EOS], skip_special_tokens=True) == "e"
    assert tokenizer("efe", truncation=True, max_length=2).attention_mask == [1, 1]
    assert tokenizer.convert_tokens_to_ids("</s>") == EOS
    with pytest.raises(AttributeError, match="labels"):
        _ = tokenizer("e").labels


def test_padding_may_be_the_end_token() -> None:
    """Its id says so."""
    assert StubTokenizer(pad_is_eos=True).pad_token_id == EOS
    assert StubTokenizer().pad_token_id == PAD
    assert len(StubTokenizer()) == PAD + 1
    assert repr(StubTokenizer(pad_is_eos=True)) == "StubTokenizer(adds_bos=True, pad_is_eos=True)"


def test_the_chat_template_ends_answers() -> None:
    """Turn by turn, with the end token behind the assistant's."""
    tokenizer = StubTokenizer()
    messages = [{"role": "user", "content": "e"}, {"role": "assistant", "content": "f"}]

    assert tokenizer.apply_chat_template(messages) == "U:eA:f</s>"
    assert tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True) == "U:eA:"
    assert tokenizer.apply_chat_template(messages, tokenize=True)[-1] == EOS
