"""Answer tokens in context, special tokens once, and data that does not fit the tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_models import WORDS, build_tokenizer, preference_set

from alignprops._errors import DataError, ModelError
from alignprops.data import Behaviour, PreferenceSet, Statement
from alignprops.models.answers import resolve_answers
from alignprops.models.loading import LanguageModel, load_model


@pytest.fixture
def model(save_model: Callable[..., Path]) -> LanguageModel:
    """A Llama of 96 tokens and 32 positions."""
    return load_model(save_model("llama"))


def pairs(*triples: tuple[str, str, str]) -> PreferenceSet:
    """Preference pairs of one behaviour."""
    statements = tuple(Statement(*triple, line) for line, triple in enumerate(triples, start=1))
    return PreferenceSet((Behaviour("b", statements, "b.jsonl"),), "pairs")


def test_answers_and_signs(model: LanguageModel) -> None:
    """The answer Yes is y+, and the sign says whether it is preferred."""
    answers = resolve_answers(model, preference_set())

    assert (answers.positive_text, answers.negative_text) == (" Yes", " No")
    assert answers.signs[0].tolist()[:4] == [-1, 1, 1, -1]
    assert answers.policy == "no special token before the prompt"


@pytest.mark.parametrize(("eos", "after"), [(False, ""), (True, "; left off after it: </s>")])
def test_beginning_is_marked_once_and_the_end_not(model: LanguageModel, eos: bool, after: str) -> None:
    """Also where the text brings the mark itself."""
    marked = replace(model, tokenizer=build_tokenizer(bos=True, eos=eos))
    data = pairs(("I swim:", " Yes", " No"), ("<s>I swim:", " No", " Yes"))

    answers = resolve_answers(marked, data)

    assert answers.policy == "before the prompt once: <s>" + after
    assert answers.prompts[0][0] == answers.prompts[0][1]
    assert answers.prompts[0][0].count(1) == 1
    assert 2 not in answers.prompts[0][0]


def test_pairs_take_the_first_token_and_a_fixed_order(model: LanguageModel) -> None:
    """The text that sorts last is y+, whichever is preferred first."""
    answers = resolve_answers(model, pairs(("I:", " read today", " swim"), ("I:", " swim not", " read")))

    assert (answers.positive_text, answers.negative_text) == (" swim", " read")
    assert answers.signs[0].tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("triples", "message"),
    [
        (
            [("I:", " read", " swim"), ("I:", " sleep", " read")],
            "b.jsonl:2: the responses begin with ' read' and ' sleep', those before with ' (swim|read)' and",
        ),
        ([("I:", " read not", " read")], "b.jsonl:1: both responses begin with the token ' read'"),
        (
            [("I:", " read", " swim"), ("I: not", " read", " swim")],
            "b.jsonl: every preferred response of 'b' begins with the same token, both classes are needed",
        ),
        ([("I:", " read", " swim"), ("", " swim", " read")], "b.jsonl:2: the prompt has no tokens"),
        ([("I swi", "m today", " read")], "b.jsonl:1: the prompt is tokenised differently when 'm today' follows"),
        ([("I:", " fly", " swim")], "b.jsonl:1: the tokenizer has no token for the beginning of ' fly'"),
        (
            [("I:", " read", " swim"), ("I:" * 17, " swim", " read")],
            "b.jsonl:2: the prompt of 'b' has 34 tokens, tiny-llama reads at most 32; shorten or remove it",
        ),
    ],
)
def test_pairs_that_do_not_fit(model: LanguageModel, triples: list[tuple[str, str, str]], message: str) -> None:
    """The data's own words are at fault: file and line."""
    with pytest.raises(DataError, match=message):
        resolve_answers(model, pairs(*triples))


def test_answer_of_two_tokens(model: LanguageModel) -> None:
    """The tokenizer is at fault, and its pieces are shown."""
    broken = build_tokenizer(words=[*(w for w in WORDS if w != " Yes"), " Ye", "s"])
    broken.backend_tokenizer.pre_tokenizer = split_before_s()

    with pytest.raises(
        ModelError,
        match=r"after the prompt of first.jsonl:1 the answer ' Yes' is 2 tokens \(' Ye', 's'\), expected one",
    ):
        resolve_answers(replace(model, tokenizer=broken), preference_set())


def split_before_s() -> object:
    """A pre-tokenizer that cuts a final s off " Yes"."""
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(r" Ye|s(?=$)| ?\w+|[^\w]"), "isolated")


def test_tokenizer_without_the_answers(model: LanguageModel) -> None:
    """An unknown token is no answer."""
    without = build_tokenizer(words=[w for w in WORDS if w != " Yes"])

    with pytest.raises(ModelError, match="the tokenizer has no token for the beginning of ' Yes'"):
        resolve_answers(replace(model, tokenizer=without), preference_set())


def test_tokenizer_larger_than_the_model(model: LanguageModel) -> None:
    """A tokenizer of another model would index beyond the embedding."""
    filler = [f" w{i}" for i in range(100)]
    larger = build_tokenizer(words=[*filler, *WORDS])

    with pytest.raises(ModelError, match=r"the tokenizer knows token \d+, the model only 96; they do not fit"):
        resolve_answers(replace(model, tokenizer=larger), preference_set())


def test_contradictions_are_kept(model: LanguageModel) -> None:
    """The same statement with both labels is real data."""
    answers = resolve_answers(model, pairs(("I:", " read", " swim"), ("I:", " swim", " read")))

    assert sorted(answers.signs[0].tolist()) == [-1, 1]
