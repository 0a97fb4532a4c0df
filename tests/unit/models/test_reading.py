"""Reading statements: progress, limits, and numbers that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import preference_set

from alignprops._errors import ModelError
from alignprops.data import PreferenceSet, load_preferences
from alignprops.models.features import extract_features
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.progress import no_progress, show_progress
from alignprops.models.reading import BATCHINGS, Batching, read_states

SHARED = Path(__file__).resolve().parents[4] / "shared"


@pytest.fixture
def model(save_model: Callable[..., Path]) -> LanguageModel:
    """A Llama of 96 tokens and 32 positions."""
    return load_model(save_model("llama"))


@pytest.mark.parametrize("batching", BATCHINGS)
def test_progress_ends_at_the_total(model: LanguageModel, batching: Batching) -> None:
    """It grows and says when all is done."""
    seen: list[tuple[int, int]] = []
    sequences = [[1, 2, 3, 4, 5, 6 + i] for i in range(7)]

    read_states(model, sequences, batch_size=3, batching=batching, progress=lambda *p: seen.append(p))

    assert seen == sorted(seen)
    assert seen[-1] == (7, 7)


def test_equal_sequences_are_read_once(model: LanguageModel) -> None:
    """Each place gets its state, and the tokens of all are counted."""
    reading = read_states(model, [[1, 2, 3], [1, 2, 3], [4], [1, 2, 3]])

    assert reading.tokens == 10
    np.testing.assert_array_equal(reading.states[0], reading.states[3])
    assert not np.allclose(reading.states[0], reading.states[2])


def test_single_sequence_needs_no_prefix(model: LanguageModel) -> None:
    """The smallest input works in every way."""
    states = [read_states(model, [[1, 2, 3, 4, 5, 6]], batching=batching).states for batching in BATCHINGS]

    np.testing.assert_allclose(states[0], states[1], atol=1e-5)
    np.testing.assert_allclose(states[0], states[2], atol=1e-5)


def test_one_sequence_that_begins_another(model: LanguageModel) -> None:
    """The last token of the shortest is never part of the shared prefix."""
    sequences = [[5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 10, 11]]

    reading = read_states(model, sequences)

    assert (reading.batching, reading.prefix) == ("shared-prefix", 4)
    np.testing.assert_allclose(
        reading.states, read_states(model, sequences, batching="one-at-a-time").states, atol=1e-5
    )


def test_gradients_and_hooks_are_left_alone(model: LanguageModel) -> None:
    """The model is as before: its head sees every position again."""
    extract_features(model, preference_set())

    assert torch.is_grad_enabled()
    assert model.network(input_ids=torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 96)


@pytest.mark.parametrize("batching", BATCHINGS)
def test_not_a_number_is_named(model: LanguageModel, batching: Batching) -> None:
    """Behaviour and line of a statement whose state is NaN."""
    token = model.tokenizer.convert_tokens_to_ids(" tomorrow")
    model.network.get_input_embeddings().weight[token] = float("nan")

    first = preference_set(7).behaviours[0]
    twice = (*first.statements[:4], *first.statements)  # equal ones are read once, and must not shift the count
    data = PreferenceSet((replace(first, statements=twice),), "persona")
    with pytest.raises(ModelError, match=r"hidden state of 'first' \(first.jsonl:6\) holds NaN or inf in float32$"):
        extract_features(model, data, batching=batching)


def test_overflow_advises_another_dtype(save_model: Callable[..., Path]) -> None:
    """Half precision ends at 65,504."""
    model = load_model(save_model("llama"), dtype="float16")
    model.network.model.norm.weight.fill_(6e4)

    with pytest.raises(ModelError, match="holds NaN or inf in float16; try float32"):
        extract_features(model, preference_set())


def test_broken_unembedding_is_refused(model: LanguageModel) -> None:
    """Before anything is read."""
    model.network.get_output_embeddings().weight[3, 3] = float("inf")

    with pytest.raises(ModelError, match="tiny-llama: the output embedding holds NaN or inf in float32"):
        extract_features(model, preference_set())


def test_bad_settings_are_refused(model: LanguageModel) -> None:
    """Batch size and batching."""
    with pytest.raises(ModelError, match="batch size is 0; expected at least 1"):
        extract_features(model, preference_set(), batch_size=0)
    with pytest.raises(ModelError, match="unknown batching 'fast'; expected one of one-at-a-time, sorted"):
        extract_features(model, preference_set(), batching="fast")  # type: ignore[arg-type]


def test_out_of_memory_advises_a_smaller_batch(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy is in the message."""

    def exhausted(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model.network, "forward", exhausted)

    with pytest.raises(ModelError, match="out of memory on cpu at batch size 8; lower the batch size"):
        read_states(model, [[1, 2]], batch_size=8)


def test_progress_is_silent_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """CI logs stay clean."""
    with show_progress("reading") as progress:
        progress(1, 2)

    assert progress is no_progress
    assert capfd.readouterr() == ("", "")


def test_real_model_agrees_in_every_way() -> None:
    """A trained Llama on real statements, to 1e-5 of one at a time."""
    if not (SHARED / "models" / "persona-llama").is_dir():
        pytest.skip("the trained model is not beside this checkout")
    model = load_model(SHARED / "models" / "persona-llama")
    data = load_preferences(SHARED / "data" / "persona", behaviours=["risk-averse", "openness"], max_statements=40)

    ways = {b: extract_features(model, data, batching=b, batch_size=16) for b in BATCHINGS}

    for batching, found in ways.items():
        assert found.batching == batching
        for a, b in zip(found.behaviours, ways["one-at-a-time"].behaviours, strict=True):
            np.testing.assert_allclose(a.features, b.features, atol=1e-5)
