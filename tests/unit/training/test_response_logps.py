"""Log-probabilities of responses through a network: the plain ones, whatever the padding, the wrapper or the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import ARCHITECTURES, build_tokenizer, preference_set
from torch import Tensor

from alignprops._errors import InputError, ModelError
from alignprops.data import Behaviour, PreferenceSet, Statement, generate_dialogues
from alignprops.models.head import read_head
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.reading import read_states
from alignprops.models.silence import silence
from alignprops.training import logps
from alignprops.training.logps import prompt_states, response_logps, response_states
from alignprops.training.output_head import output_head
from alignprops.training.pairs import TokenPairs, tokenize_pairs
from alignprops.training.references import reference_logps


def responses() -> PreferenceSet:
    """Prompts and responses of many lengths."""
    words = [" swim", " read today", " not read", " sleep tomorrow today", " rather not sleep today"]
    statements = tuple(
        Statement("I would:"[: 2 + 6 * (i % 2)], words[i], words[(i + 1 + i % 3) % 5], i + 1) for i in range(5)
    )
    return PreferenceSet((Behaviour("b", statements, "b.jsonl"),), "pairs")


def plain_logp(network: Any, ids: np.ndarray[Any, np.dtype[np.int64]], start: int) -> Tensor:
    """One sequence alone, all its logits, token by token."""
    tokens = torch.from_numpy(ids)
    logits = network(input_ids=tokens[None], use_cache=False).logits[0]
    table = torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=1)
    return torch.stack([table[t - 1, tokens[t]] for t in range(start, len(ids))]).sum()


def plain_logps(network: Any, pairs: TokenPairs) -> tuple[Tensor, Tensor]:
    """The same for every pair."""
    sides = [
        torch.stack([plain_logp(network, ids, int(n)) for ids, n in zip(side, pairs.prompt_lengths, strict=True)])
        for side in (pairs.chosen, pairs.rejected)
    ]
    return sides[0], sides[1]


def rows(pairs: TokenPairs) -> range:
    """All of them."""
    return range(len(pairs))


@pytest.mark.parametrize("kind", ["one token", "responses"])
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "gemma2"])
def test_log_probabilities_are_those_of_single_sequences(
    save_model: Callable[..., Path], architecture: str, kind: str
) -> None:
    """Of every architecture: tied or not, scaled logits (Cohere), a bias (Phi), learned positions (GPT-2)."""
    model = replace(load_model(save_model(architecture)), tokenizer=build_tokenizer())
    pairs = tokenize_pairs(model, preference_set(5) if kind == "one token" else responses())
    with torch.no_grad():
        bias = model.network.get_output_embeddings().bias
        if bias is not None:  # Phi's, 0 in a new model
            bias.copy_(torch.linspace(-3, 3, len(bias)))
        expected = plain_logps(model.network, pairs)
        found = response_logps(model.network, pairs, rows(pairs), chunk=3)

    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == torch.float32
        assert torch.allclose(ours, theirs, rtol=2e-4, atol=2e-4)


def test_the_gradient_is_the_plain_one_in_every_parameter(save_model: Callable[..., Path]) -> None:
    """In float64, of an objective that weighs the pairs unequally, with tied embeddings."""
    model = replace(load_model(save_model("qwen2"), dtype="float64"), tokenizer=build_tokenizer())
    network = model.network.requires_grad_()
    pairs = tokenize_pairs(model, responses())
    weights = torch.linspace(-1, 2, len(pairs), dtype=torch.float64)

    def gradients(chosen: Tensor, rejected: Tensor) -> list[Tensor]:
        objective = (weights * chosen - 0.5 * rejected).sum()
        return list(torch.autograd.grad(objective, list(network.parameters())))

    lean = gradients(*response_logps(network, pairs, rows(pairs), chunk=4))
    plain = gradients(*plain_logps(network, pairs))

    assert len(lean) > 10
    for ours, theirs in zip(lean, plain, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bloom"])
def test_poison_under_the_mask_has_no_influence(
    save_model: Callable[..., Path], architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever token pads a sequence, values and gradients are the same bits."""
    model = load_model(save_model(architecture))
    network = model.network.requires_grad_()
    pairs = tokenize_pairs(model, responses())
    seen: list[list[Tensor]] = []
    for padding in (0, 2, 95):
        monkeypatch.setattr(logps, "PADDING", padding)
        chosen, rejected = response_logps(network, pairs, rows(pairs))
        head = output_head(network).weight
        seen.append([chosen, rejected, *torch.autograd.grad((chosen - rejected).sum(), [head, *model_norms(network)])])

    for values in seen[1:]:
        assert all(torch.equal(ours, first) for ours, first in zip(values, seen[0], strict=True))


def model_norms(network: Any) -> list[Tensor]:
    """The vectors of the network that every position passes."""
    return [weight for name, weight in network.named_parameters() if "norm" in name or "ln_" in name][:2]


def test_one_forward_pass_serves_both_one_token_answers(model: LanguageModel, pairs: TokenPairs) -> None:
    """Over the prompts only; two for whole responses, in one batch."""
    output_head(model.network)  # the probe of the head is a pass of its own, once
    shapes: list[tuple[int, ...]] = []
    unmasked: list[list[int]] = []

    def watch(_: Any, args: Any, options: dict[str, Tensor]) -> None:
        shapes.append(tuple(options["input_ids"].shape))
        unmasked.append(options["attention_mask"].sum(dim=1).tolist())

    handle = model.network.register_forward_pre_hook(watch, with_kwargs=True)
    try:
        response_logps(model.network, pairs, [0, 1, 2])
        dialogues = tokenize_pairs(model, generate_dialogues(pairs=2))
        response_logps(model.network, dialogues, [0, 1])
    finally:
        handle.remove()

    assert shapes[0] == (3, int(pairs.prompt_lengths[:3].max()))
    assert (len(shapes), shapes[1][0]) == (2, 4)
    assert unmasked[0] == pairs.prompt_lengths[:3].tolist()
    sequences = [*dialogues.chosen[:2], *dialogues.rejected[:2]]
    assert unmasked[1] == [len(ids) - 1 for ids in sequences], "padding is masked, the last token is not read"


def test_rows_come_back_in_the_order_asked_for(model: LanguageModel, pairs: TokenPairs) -> None:
    """Also twice."""
    with torch.no_grad():
        every, _ = response_logps(model.network, pairs, rows(pairs))
        some, _ = response_logps(model.network, pairs, [7, 2, 7])

    assert torch.allclose(some, every[[7, 2, 7]], atol=1e-5)


def test_adapters_are_looked_through(model: LanguageModel) -> None:
    """A network wrapped by peft: the adapter's gradient is that of the plain computation."""
    pairs = tokenize_pairs(model, generate_dialogues(pairs=3, behaviours=["answers-kindly"]))
    network = adapted(model, target_modules=["q_proj", "v_proj"])
    trained = [weight for weight in network.parameters() if weight.requires_grad]

    lean = torch.autograd.grad(sum(side.sum() for side in response_logps(network, pairs, rows(pairs))), trained)
    plain = torch.autograd.grad(sum(side.sum() for side in plain_logps(network, pairs)), trained)

    assert trained
    for ours, theirs in zip(lean, plain, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


def test_an_adapter_on_the_head_itself(model: LanguageModel) -> None:
    """Refused as a factor, since the logits are then not W x; a trained copy of the head is found."""
    pairs = tokenize_pairs(model, generate_dialogues(pairs=2, behaviours=["answers-kindly"]))
    with pytest.raises(
        ModelError, match="the output embedding carries an adapter, so its logits are not W x; leave it"
    ):
        response_logps(adapted(model, target_modules=["q_proj", "lm_head"]), pairs, [0])

    network = adapted(model, target_modules=["q_proj"], modules_to_save=["lm_head"])
    chosen, _ = response_logps(network, pairs, [0, 1])
    copies = [weight for name, weight in network.named_parameters() if "lm_head" in name and weight.requires_grad]

    assert len(copies) == 1
    assert float(torch.autograd.grad(chosen.sum(), copies)[0].abs().max()) > 0


def adapted(model: LanguageModel, **options: Any) -> Any:
    """A copy of the network wrapped by peft, its adapter not at 0."""
    import copy

    from peft import LoraConfig, get_peft_model

    with torch.random.fork_rng(devices=[]), silence():
        torch.manual_seed(0)
        network: Any = get_peft_model(copy.deepcopy(model.network), LoraConfig(r=2, init_lora_weights=False, **options))
    return network


def test_a_soft_capped_head_is_refused(save_model: Callable[..., Path]) -> None:
    """Its logits are no linear function of x."""
    model = load_model(save_model("gemma2"))

    with pytest.raises(ModelError, match="not a linear function of the last hidden state"):
        response_logps(model.network, tokenize_pairs(model, responses()), [0])


def test_states_are_the_inputs_of_the_head(model: LanguageModel, pairs: TokenPairs) -> None:
    """At the last prompt position they are what `measure` reads; for whole responses they predict every token."""
    prompts = [ids[:n].tolist() for ids, n in zip(pairs.chosen, pairs.prompt_lengths, strict=True)]
    dialogues = tokenize_pairs(model, generate_dialogues(pairs=2, behaviours=["answers-kindly"]))
    with torch.no_grad():
        states = prompt_states(model.network, pairs, rows(pairs))
        scored = response_states(model.network, dialogues, [0, 1])
    expected = read_states(model, prompts, batching="sorted").states

    assert np.allclose(states.numpy(), expected, atol=1e-4)
    ids = [*dialogues.chosen, *dialogues.rejected]
    tokens = [
        t for sequence, n in zip(ids, [*dialogues.prompt_lengths] * 2, strict=True) for t in sequence[n:].tolist()
    ]
    assert scored.targets[:, 0].tolist() == tokens
    assert scored.states.shape == (len(tokens), read_head(model).weight.shape[1])


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_the_dtype_of_a_sum(save_model: Callable[..., Path], dtype: str) -> None:
    """float64 for a float64 network; half precision is summed in float32."""
    model = load_model(save_model("llama"), dtype=dtype)

    chosen, _ = response_logps(model.network, tokenize_pairs(model, responses()), [0, 3])

    assert chosen.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    assert bool(torch.isfinite(chosen).all())


# --- the reference ------------------------------------------------------------------------------------------------


def test_references_do_not_depend_on_the_batch(model: LanguageModel) -> None:
    """To rounding; the mode of the network is put back, and progress is told."""
    pairs = tokenize_pairs(model, generate_dialogues(pairs=4))
    told: list[tuple[int, int]] = []
    model.network.train()
    try:
        found = reference_logps(model.network, pairs, batch_size=5, progress=lambda *done: told.append(done))
        assert model.network.training
    finally:
        model.network.eval()

    assert found.dtype == np.float64
    assert np.allclose(found, reference_logps(model.network, pairs, batch_size=1), rtol=1e-5)
    assert told == [(5, 12), (10, 12), (12, 12)]


def test_a_reference_that_is_not_finite_is_told_by_its_place(save_model: Callable[..., Path]) -> None:
    """And a batch size of nothing is refused."""
    model = load_model(save_model("llama"))
    pairs = tokenize_pairs(model, responses())
    output_head(model.network)  # probed while it was sound
    model.network.model.norm.weight.data.fill_(float("nan"))

    with pytest.raises(ModelError, match=r"b.jsonl:\d: the reference's log-probabilities are nan .chosen. and nan"):
        reference_logps(model.network, pairs, batch_size=2)
    with pytest.raises(ModelError, match=r"expected finite numbers; the weights of the model may be damaged$"):
        reference_logps(model.network, pairs, batch_size=2)
    with pytest.raises(ModelError, match=r"expected finite numbers; try float32$"):
        reference_logps(model.network.to(torch.bfloat16), pairs, batch_size=2)
    with pytest.raises(InputError, match="batch size is 0; expected at least 1"):
        reference_logps(model.network, pairs, batch_size=0)


def test_an_encoder_is_refused(model: LanguageModel, pairs: TokenPairs) -> None:
    """A network without an output embedding is not a language model."""

    class Bare(torch.nn.Module):
        def get_output_embeddings(self) -> None:
            return None

        def get_input_embeddings(self) -> Any:
            return model.network.get_input_embeddings()

    with pytest.raises(ModelError, match="the model has no output embedding; expected a causal language model"):
        response_logps(Bare(), pairs, [0])
