"""Pairs as tokens: prompt and response, special tokens once, chat templates, splits, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import build_tokenizer

from alignprops._errors import DataError, InputError, ModelError
from alignprops.data import Behaviour, PreferenceSet, Statement, generate_dialogues, generate_preferences
from alignprops.data.preferences import Conversation, Message
from alignprops.models.answers import resolve_answers
from alignprops.models.loading import LanguageModel, load_model
from alignprops.training.pairs import TokenPairs, tokenize_pairs
from alignprops.training.splits import held_out

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)


@pytest.fixture
def words(save_model: Callable[..., Path]) -> LanguageModel:
    """A Llama of a dozen words and 32 positions."""
    return load_model(save_model("llama"))


def texts(*triples: tuple[str, str, str]) -> PreferenceSet:
    """Plain pairs of one behaviour."""
    statements = tuple(Statement(*triple, line) for line, triple in enumerate(triples, start=1))
    return PreferenceSet((Behaviour("b", statements, "b.jsonl"),), "pairs")


def written(model: LanguageModel, ids: np.ndarray[Any, np.dtype[np.int64]]) -> str:
    """Tokens as text, nothing put between them."""
    return "".join(model.tokenizer.convert_ids_to_tokens(ids.tolist()))


def talk(model: LanguageModel, *contents: tuple[str, str, str], role: str = "user") -> tuple[LanguageModel, TokenPairs]:
    """Conversations of one question, tokenised with a chat template."""
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = TEMPLATE
    templated = replace(model, tokenizer=tokenizer)
    return templated, tokenize_pairs(templated, conversations(*contents, role=role))


def conversations(*contents: tuple[str, str, str], role: str = "user") -> PreferenceSet:
    """Conversations of one question and one answer."""
    statements = tuple(
        Statement(
            *content,
            line,
            Conversation((Message(role, content[0]),), *(Message("assistant", text) for text in content[1:])),
        )
        for line, content in enumerate(contents, start=1)
    )
    return PreferenceSet((Behaviour("b", statements, "b.jsonl"),), "conversations")


# --- what is made of text -----------------------------------------------------------------------------------------


def test_one_token_answers_are_those_that_measure_resolves(model: LanguageModel) -> None:
    """Prompts, signs and answers; nothing is appended."""
    preferences = generate_preferences(statements=10)
    answers = resolve_answers(model, preferences)

    pairs = tokenize_pairs(model, preferences)

    assert pairs.one_token()
    assert pairs.signs.tolist() == np.concatenate(answers.signs).tolist()
    assert pairs.behaviours.tolist() == [k for k in range(4) for _ in range(10)]
    for ids, other, sign, prompt in zip(
        pairs.chosen, pairs.rejected, pairs.signs, sum(answers.prompts, ()), strict=True
    ):
        assert ids[:-1].tolist() == other[:-1].tolist() == prompt
        assert (ids[-1], other[-1]) == (answers.positive, answers.negative)[:: int(sign)]
    assert pairs.where[12] == f"generated/{preferences.names[1]}:3"
    assert pairs.texts[12] == preferences.behaviours[1].statements[2].prompt


def test_a_response_is_all_that_follows_the_prompt_and_an_end(words: LanguageModel) -> None:
    """The first tokens may be equal; an end that is written already is not written twice."""
    pairs = tokenize_pairs(words, texts(("I:", " read today", " read"), ("I would:", " swim</s>", " sleep")))

    assert [written(words, ids) for ids in pairs.chosen] == ["I: read today</s>", "I would: swim</s>"]
    assert [written(words, ids) for ids in pairs.rejected] == ["I: read</s>", "I would: sleep</s>"]
    assert pairs.prompt_lengths.tolist() == [2, 3]
    assert pairs.signs.tolist() == [0, 0]
    assert not pairs.one_token()


def test_the_beginning_is_marked_once_and_never_before_a_response(words: LanguageModel) -> None:
    """Also where the text brings the mark; what the tokenizer would put at the end comes once, at the very end."""
    marked = replace(words, tokenizer=build_tokenizer(bos=True, eos=True))

    pairs = tokenize_pairs(marked, texts(("I:", " read", " swim"), ("<s>I:", " read", " swim"), ("", "I", " read")))

    assert pairs.chosen[0].tolist() == pairs.chosen[1].tolist()
    assert written(marked, pairs.chosen[0]) == "<s>I: read</s>"
    assert (written(marked, pairs.chosen[2]), pairs.prompt_lengths[2]) == ("<s>I</s>", 1)


def test_merged_boundary_tokenises_both_responses_alone(model: LanguageModel) -> None:
    """The prompt's ids are those that the model is asked with, whatever the tokenizer would do with the whole."""
    preferences = texts(("I swi", "mming in the bay", " read"), ("I read", " alone", " a book"))
    tokenizer = model.tokenizer
    together = tokenizer("I swimming in the bay")["input_ids"]
    prompt = tokenizer("I swi")["input_ids"]
    assert together[: len(prompt)] != prompt, "the built-in tokenizer merges here"

    pairs = tokenize_pairs(model, preferences)

    assert pairs.chosen[0].tolist() == [*prompt, *tokenizer("mming in the bay")["input_ids"], tokenizer.eos_token_id]
    assert pairs.prompt_lengths[0] == len(prompt)
    assert tokenizer.decode(pairs.rejected[0][len(prompt) :]) == " read</s>"


def test_conversations_are_what_the_chat_template_writes(model: LanguageModel) -> None:
    """The prompt ends where the model is asked to answer; the template ends the turn, and nothing is appended."""
    templated, pairs = talk(model, ("Swim?", "Every summer.", "Never."), ("Read?", "Alone.", "Aloud."))

    assert templated.tokenizer.decode(pairs.chosen[0]) == "<s>user: Swim?</s><s>assistant: Every summer.</s>"
    assert (
        templated.tokenizer.decode(pairs.rejected[0][: pairs.prompt_lengths[0]]) == "<s>user: Swim?</s><s>assistant: "
    )


def test_a_template_that_asks_with_more_than_stands_before_a_response(model: LanguageModel) -> None:
    """A mark for thinking that a written response lacks: the prompt is what both have."""
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = TEMPLATE.replace("assistant: {% endif %}", "assistant: <think>{% endif %}")
    pairs = tokenize_pairs(replace(model, tokenizer=tokenizer), conversations(("Swim?", "Daily.", "Never.")))

    assert tokenizer.decode(pairs.chosen[0][: pairs.prompt_lengths[0]]) == "<s>user: Swim?</s><s>assistant: "


def test_measure_reads_conversations_through_the_template_too(model: LanguageModel) -> None:
    """Where their responses begin with one pair of tokens."""
    templated, _ = talk(model, ("Swim?", "A", "B"), ("Read?", "B", "A"))

    answers = resolve_answers(templated, conversations(("Swim?", "A", "B"), ("Read?", "B", "A")))

    assert (answers.positive_text, answers.negative_text) == ("B", "A")


def test_generated_dialogues_fit_the_built_in_model(model: LanguageModel) -> None:
    """With no data at all there is something to train on."""
    pairs = tokenize_pairs(model, generate_dialogues(pairs=250))

    assert len(pairs) == 750
    assert all(
        np.array_equal(a[:n], b[:n]) for a, b, n in zip(pairs.chosen, pairs.rejected, pairs.prompt_lengths, strict=True)
    )


# --- refusals -----------------------------------------------------------------------------------------------------


def test_no_chat_template(model: LanguageModel) -> None:
    """Said of the model, with the file that needs one."""
    message = r"alignprops-tiny: its tokenizer has no chat template, and b.jsonl holds conversations; take a model with"
    with pytest.raises(ModelError, match=message):
        tokenize_pairs(model, conversations(("Swim?", "Yes", "No")))


TEMPLATES = [
    ("{{ raise_exception('roles must alternate') }}", DataError, "b.jsonl:1: .*refuses the conversation .roles must"),
    ("{% for %}", DataError, "b.jsonl:1: the chat template refuses the conversation"),
    ("{{ messages[0]['content'] }}", DataError, "b.jsonl:1: the chat template writes nothing for a response"),
    ("{{ messages[-1]['content'] }}", ModelError, "writes the prompt of b.jsonl:1 differently when a response follows"),
    (TEMPLATE.replace("m['content']", "m['content'][:4]"), DataError, "b.jsonl:1: .* writes the same for 'chosen' and"),
]


@pytest.mark.parametrize(("template", "error", "message"), TEMPLATES, ids=[message[:60] for *_, message in TEMPLATES])
def test_a_template_that_does_not_serve(
    model: LanguageModel, template: str, error: type[InputError], message: str
) -> None:
    """A template is somebody's program: what it refuses, drops or rewrites is told."""
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = template

    with pytest.raises(error, match=message):
        tokenize_pairs(replace(model, tokenizer=tokenizer), conversations(("Swim?", "Never ever", "Never mind")))


@pytest.mark.parametrize(
    ("triple", "message"),
    [
        (("", " read", " swim"), "b.jsonl:2: the prompt has no tokens"),
        (("I:", " fly", " dive"), "b.jsonl:2: 'chosen' and 'rejected' have the same 2 tokens for this tokenizer"),
    ],
)
def test_pairs_without_a_prompt_or_a_difference(
    words: LanguageModel, triple: tuple[str, str, str], message: str
) -> None:
    """Unknown words are all one token: different texts may be equal to the model."""
    with pytest.raises(DataError, match=message):
        tokenize_pairs(words, texts(("I:", " read", " swim"), triple))


def test_a_tokenizer_of_a_larger_model(words: LanguageModel) -> None:
    """Its tokens would index beyond the embedding."""
    larger = replace(words, tokenizer=build_tokenizer(words=[*(f" w{i}" for i in range(100)), "I", " read"]))

    with pytest.raises(ModelError, match=r"the tokenizer knows token \d+, the model only 96; they do not fit"):
        tokenize_pairs(larger, texts(("I:", " read", " w99"), ("I:", " w99", " read")))


# --- flips, selections, splits ------------------------------------------------------------------------------------


def test_flipping_twice_changes_nothing(pairs: TokenPairs) -> None:
    """Chosen and rejected change places, and the sign of one-token answers with them."""
    flipped = pairs.flipped()

    assert flipped.chosen is pairs.rejected
    assert (flipped.signs == -pairs.signs).all()
    assert flipped.flipped().chosen is pairs.chosen


def test_a_selection_keeps_the_order_asked_for(pairs: TokenPairs) -> None:
    """Rows and names."""
    selected = pairs.select([5, 1])

    assert [selected.where[0], selected.where[1]] == [pairs.where[5], pairs.where[1]]
    assert np.array_equal(selected.chosen[1], pairs.chosen[1])
    assert selected.names == pairs.names


def test_a_split_takes_the_share_of_every_class_of_every_behaviour(model: LanguageModel) -> None:
    """And puts every pair on one side."""
    pairs = tokenize_pairs(model, generate_preferences(statements=20))

    train, evaluation = pairs.split(0.25, seed=1)

    classes = {(int(k), int(s)) for k, s in zip(evaluation.behaviours, evaluation.signs, strict=True)}
    counts = [int(((evaluation.behaviours == k) & (evaluation.signs == s)).sum()) for k, s in classes]
    assert (len(classes), set(counts)) == (8, {2})  # a quarter of ten, to the nearest even
    assert len(train) + len(evaluation) == len(pairs)
    places = [(int(k), w) for side in (train, evaluation) for k, w in zip(side.behaviours, side.where, strict=True)]
    assert len(set(places)) == len(pairs)


def test_a_split_depends_on_the_seed_the_name_and_the_rows_only(model: LanguageModel) -> None:
    """Not on the behaviours beside it, nor on flipped labels."""
    both = tokenize_pairs(model, generate_preferences(statements=20, behaviours=["loves-the-sea", "plans-ahead"]))
    alone = tokenize_pairs(model, generate_preferences(statements=20, behaviours=["plans-ahead"]))

    def held_out(pairs: TokenPairs, seed: int = 0) -> list[str]:
        evaluation = pairs.split(0.3, seed)[1]
        number = evaluation.names.index("plans-ahead")
        return [w for w, k in zip(evaluation.where, evaluation.behaviours, strict=True) if k == number]

    assert held_out(both) == held_out(alone) == held_out(alone.flipped())
    assert held_out(alone) != held_out(alone, seed=1)


def test_a_split_that_leaves_a_side_empty_is_refused(pairs: TokenPairs) -> None:
    """A share out of range, or a single pair of each class."""
    for share in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(DataError, match=r"the evaluation share is .*; expected a number between 0 and 1"):
            pairs.split(share, seed=0)
    few = pairs.select([int(np.flatnonzero(pairs.signs == sign)[0]) for sign in (1, -1)])
    with pytest.raises(DataError, match="2 pairs cannot be split; at least 2 of one class and behaviour, with diff"):
        few.split(0.5, seed=0)
    again = pairs.select([0, 0, 0])
    with pytest.raises(DataError, match="3 pairs cannot be split; at least 2 of one class and behaviour, with diff"):
        again.split(0.5, seed=0)


def prompts_of(pairs: TokenPairs) -> list[tuple[int, bytes]]:
    """Behaviour and prompt of every pair."""
    sides = zip(pairs.behaviours.tolist(), pairs.chosen, pairs.prompt_lengths, strict=True)
    return [(number, ids[:length].tobytes()) for number, ids, length in sides]


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_that_is_held_out_is_trained_on(model: LanguageModel, seed: int) -> None:
    """Generated statements repeat: equal prompts stay together, and every class has its share to the pair."""
    pairs = tokenize_pairs(model, generate_preferences(statements=200, behaviours=["loves-the-sea", "rises-early"]))
    assert len(set(prompts_of(pairs))) < len(pairs) - 20, "the statements repeat"

    train, evaluation = pairs.split(0.2, seed)

    assert not set(prompts_of(train)) & set(prompts_of(evaluation))
    assert sorted(prompts_of(train) + prompts_of(evaluation)) == sorted(prompts_of(pairs))
    counts = {(k, s): ((evaluation.behaviours == k) & (evaluation.signs == s)).sum() for k in (0, 1) for s in (1, -1)}
    assert set(counts.values()) == {20}
    again = pairs.flipped().split(0.2, seed)[1]
    assert again.where == evaluation.where


def test_a_prompt_with_both_labels_stays_together(pairs: TokenPairs) -> None:
    """Contradictory pairs: the second is the first the other way round."""
    one = pairs.select(np.flatnonzero(pairs.behaviours == 0))
    rows = [row for row in range(len(one)) for _ in range(2)]
    twice = one.select(rows)
    flipped = one.flipped().select(rows)
    sides = [
        tuple(pair[i % 2] for i, pair in enumerate(zip(getattr(twice, side), getattr(flipped, side), strict=True)))
        for side in ("chosen", "rejected")
    ]
    signs = np.where(np.arange(len(rows)) % 2, flipped.signs, twice.signs)

    train, evaluation = replace(twice, chosen=sides[0], rejected=sides[1], signs=signs).split(0.25, seed=0)

    assert len(evaluation) == len(rows) / 4
    assert evaluation.signs.sum() == 0
    assert not set(prompts_of(train)) & set(prompts_of(evaluation))


@pytest.mark.parametrize(
    ("sizes", "share", "expected"),
    [
        ([1] * 10, 0.2, {2}),
        ([5, 5], 0.1, {5}),  # one is held out, however large
        ([9, 1], 0.1, {1}),
        ([2] * 10, 0.25, {4, 6}),  # equally near to 5
        ([4, 3, 3, 3, 3], 0.25, {4}),
        ([2, 2, 3, 3], 0.5, {5}),
        ([7, 2, 2], 0.6, {7}),  # 6.6: 7 is nearest
        ([2] * 20_000, 0.20001, {8000}),
        ([7], 0.5, {0}),
    ],
)
def test_groups_are_held_out_as_near_to_the_share_as_they_can_be(
    sizes: list[int], share: float, expected: set[int]
) -> None:
    """In any order; of two groups one on each side."""
    prompts = [str(number).encode() for number, size in enumerate(sizes) for _ in range(size)]
    zeros = np.zeros(len(prompts), np.int64)

    for seed in range(30 if len(sizes) < 100 else 1):
        out = held_out(prompts, zeros, ("b",), zeros, share=share, seed=seed)
        assert int(out.sum()) in expected, seed
