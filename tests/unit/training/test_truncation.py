"""Long pairs: refused by default, cut on request, never to nothing, never to equals, and always by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_models import build_tokenizer, preference_set

from alignprops._errors import DataError, InputError
from alignprops.data import Behaviour, PreferenceSet, Statement
from alignprops.models.loading import LanguageModel, load_model
from alignprops.training.pairs import tokenize_pairs
from alignprops.training.truncation import Pair, Truncation, truncated

LIMITED = "the maximum length"


def pair(prompt: int, chosen: int, rejected: int, *, line: int = 1) -> Pair:
    """A pair of these lengths behind one special token; its responses differ in their last tokens."""
    return Pair(
        (1,), tuple(range(10, 10 + prompt)), (7,) * (chosen - 1) + (8,), (7,) * (rejected - 1) + (9,), f"b.jsonl:{line}"
    )


@pytest.mark.parametrize("truncate", ["refuse", "prompt-start", "response-end", "both"])
def test_what_fits_is_left_alone(truncate: Truncation) -> None:
    """To the token."""
    pairs = [pair(4, 5, 3), pair(1, 2, 2)]

    assert truncated(pairs, 10, truncate, limited_by=LIMITED) == pairs
    assert truncated(pairs, None, truncate, limited_by=LIMITED) == pairs


def test_a_prompt_loses_its_oldest_tokens_alike_for_both_responses() -> None:
    """The special token of the beginning stays."""
    (cut,) = truncated([pair(6, 5, 3)], 8, "prompt-start", limited_by=LIMITED)

    assert (cut.before, cut.prompt) == ((1,), (14, 15))
    assert (len(cut.chosen), len(cut.rejected)) == (5, 3)


def test_responses_lose_their_ends() -> None:
    """Each as far as it must, and no end is put where a text was cut."""
    (cut,) = truncated([pair(3, 6, 2)], 8, "response-end", limited_by=LIMITED)

    assert (cut.chosen, cut.rejected) == ((7, 7, 7, 7), (7, 9))
    assert len(cut.prompt) == 3


def test_both_leaves_half_to_each_where_both_are_long() -> None:
    """A short prompt is left alone, and so are short responses."""
    (both_long,) = truncated([Pair((1,), (2,) * 30, (3,) * 30, (4,) * 30, "b")], 10, "both", limited_by=LIMITED)
    (long_prompt,) = truncated([pair(30, 3, 3)], 10, "both", limited_by=LIMITED)
    (long_response,) = truncated([Pair((1,), (2, 2), (3,) * 30, (4, 4), "b")], 10, "both", limited_by=LIMITED)

    assert (both_long.prompt_length, len(both_long.chosen), both_long.length) == (5, 5, 10)
    assert (long_prompt.prompt_length, len(long_prompt.chosen)) == (7, 3)
    assert (long_response.prompt_length, len(long_response.chosen), len(long_response.rejected)) == (3, 7, 2)


REFUSALS: list[tuple[Truncation, list[Pair], str]] = [
    (
        "refuse",
        [pair(2, 2, 2), pair(3, 6, 2, line=5)],
        r"b.jsonl:5: prompt and response have 10 tokens, more than 8 \(the maximum length\); shorten or remove",
    ),
    (
        "refuse",
        [pair(2, 9, 2), pair(7, 2, 2, line=3), pair(8, 2, 2, line=4)],
        r"b.jsonl:3: the prompt has 8 tokens, which leaves none of 8 .* \(so also line 4\); shorten or remove it",
    ),
    (
        "response-end",
        [pair(7, 2, 2, line=2), pair(2, 2, 2), pair(9, 2, 2, line=6)],
        r"b.jsonl:2: truncated, the pair would lose its whole response, for the prompt .* \(so also line 6\)",
    ),
    (
        "prompt-start",
        [pair(2, 2, 2), pair(2, 2, 7, line=9)],
        "b.jsonl:9: truncated, the pair would lose its whole prompt, for a response alone fills the 8 tokens",
    ),
    (
        "prompt-start",
        [pair(2, 2, 30, line=9)],
        "b.jsonl:9: truncated, the pair would lose its whole prompt",
    ),
    (
        "response-end",
        [pair(4, 5, 5, line=n) for n in range(1, 9)],
        r"b.jsonl:1: .* left with two equal responses within 8 tokens .* \(so also lines 2, 3, 4, 5, 6 and 2 more\)",
    ),
    ("both", [pair(20, 20, 20)], "b.jsonl:1: truncated, the pair would be left with two equal responses"),
]


@pytest.mark.parametrize(("truncate", "pairs", "message"), REFUSALS, ids=[message[:70] for *_, message in REFUSALS])
def test_what_cutting_would_empty_or_equalise_is_refused(truncate: Truncation, pairs: list[Pair], message: str) -> None:
    """With every place, the first few by line."""
    with pytest.raises(DataError, match=message):
        truncated(pairs, 8, truncate, limited_by=LIMITED)


def test_unknown_truncation_and_lengths_are_refused(save_model: Callable[..., Path]) -> None:
    """Options have their own words."""
    with pytest.raises(InputError, match="unknown truncation 'middle'; expected one of refuse, prompt-start"):
        truncated([], 8, "middle", limited_by=LIMITED)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the maximum length is 1; expected at least 2 tokens"):
        tokenize_pairs(load_model(save_model("llama")), preference_set(), max_length=1)


# --- through a model ----------------------------------------------------------------------------------------------


def long_prompt(tokens: int, chosen: str, rejected: str) -> PreferenceSet:
    """One pair with a prompt of so many tokens, and a short one."""
    statements = (Statement("I" + ":" * (tokens - 1), chosen, rejected, 1), Statement("I", " read", " swim", 2))
    return PreferenceSet((Behaviour("b", statements, "b.jsonl"),), "pairs")


@pytest.fixture
def words(save_model: Callable[..., Path]) -> LanguageModel:
    """A Llama that reads 32 tokens."""
    return load_model(save_model("llama"))


def test_the_last_token_is_predicted_and_not_read(words: LanguageModel) -> None:
    """So a context of 32 serves sequences of 33, end of sequence included, and not of 34."""
    assert len(tokenize_pairs(words, long_prompt(31, " read", " swim")).chosen[0]) == 33
    with pytest.raises(
        DataError, match=r"b.jsonl:1: .* 34 tokens, more than 33 \(tiny-llama reads 32 and predicts one"
    ):
        tokenize_pairs(words, long_prompt(32, " read", " swim"))
    with pytest.raises(DataError, match=r"b.jsonl:1: the prompt has 40 tokens, which leaves none of 33"):
        tokenize_pairs(words, long_prompt(40, " read", " swim"))


def test_a_model_without_a_limit_reads_all(words: LanguageModel) -> None:
    """Unless a maximum is given."""
    endless = replace(words, context=None)

    assert len(tokenize_pairs(endless, long_prompt(90, " read", " swim")).chosen[0]) == 92
    with pytest.raises(DataError, match=r"more than 12 \(the maximum length\)"):
        tokenize_pairs(endless, long_prompt(11, " read", " swim"), max_length=12)


def test_the_mark_of_the_beginning_survives(words: LanguageModel) -> None:
    """Though the words behind it go."""
    marked = replace(words, tokenizer=build_tokenizer(bos=True))

    pairs = tokenize_pairs(marked, long_prompt(40, " read", " swim"), truncate="prompt-start")

    assert (pairs.chosen[0][0], len(pairs.chosen[0]), pairs.prompt_lengths[0]) == (1, 33, 31)


def test_one_token_answers_follow_the_same_rules(words: LanguageModel) -> None:
    """Their prompts are cut or refused as those of whole responses."""
    preferences = preference_set()
    longest = max(map(len, tokenize_pairs(words, preferences).chosen))

    cut = tokenize_pairs(words, preferences, max_length=longest - 2, truncate="prompt-start")

    assert cut.one_token()
    assert max(map(len, cut.chosen)) == longest - 2
    with pytest.raises(DataError, match=rf"the prompt has {longest - 1} tokens, which leaves none of {longest - 1}"):
        tokenize_pairs(words, preferences, max_length=longest - 1)
