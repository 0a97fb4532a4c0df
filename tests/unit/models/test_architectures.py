"""Features equal a straight-line computation in every architecture and every way of reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import ARCHITECTURES, build_tokenizer, preference_set

from alignprops._errors import ModelError
from alignprops.models.features import extract_features
from alignprops.models.head import read_head
from alignprops.models.loading import load_model
from alignprops.models.reading import BATCHINGS

SaveModel = Callable[..., Path]


def straight_line(model: Any) -> np.ndarray[Any, Any]:
    """The log-odds of the two answers of every statement: one at a time, all logits, no cache."""
    rows = []
    with torch.inference_mode():
        for behaviour in preference_set():
            for statement in behaviour.statements:
                ids = model.tokenizer(statement.prompt, return_tensors="pt")["input_ids"]
                rows.append(model.network(input_ids=ids, use_cache=False).logits[0, -1].double().numpy())
    return np.stack(rows)


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"gemma2"}))
def test_features_reproduce_the_logits(save_model: SaveModel, architecture: str) -> None:
    """W x gives the model's own logit differences, however the statements are batched."""
    model = replace(load_model(save_model(architecture)), tokenizer=build_tokenizer())
    logits = straight_line(model)

    for batching in BATCHINGS:
        found = extract_features(model, preference_set(), batch_size=5, batching=batching)
        x = np.concatenate([behaviour.features for behaviour in found.behaviours])
        expected = logits[:, found.positive] - logits[:, found.negative]
        bias = 0.0
        if found.head_bias:
            b = model.network.get_output_embeddings().bias
            bias = float(b[found.positive] - b[found.negative])

        scale = np.abs(logits).max()
        assert x.dtype == np.float64
        np.testing.assert_allclose(x @ found.head_difference + bias, expected, atol=1e-5 * scale)
        if batching != "shared-prefix":
            assert found.batching == batching


def test_prefix_is_shared_where_the_cache_allows(save_model: SaveModel) -> None:
    """A Llama's is; a recurrent model has no keys and values to share, and that is said."""
    llama = extract_features(load_model(save_model("llama")), preference_set())
    mamba = extract_features(load_model(save_model("mamba")), preference_set())

    assert llama.batching == "shared-prefix"
    assert mamba.batching == "sorted (the model's cache is a NoneType)"


@pytest.mark.parametrize(("window", "expected"), [(30, "shared-prefix"), (9, "sorted (the prompts are longer than")])
def test_sliding_window_is_shared_only_if_it_covers_the_prompts(
    save_model: SaveModel, window: int, expected: str
) -> None:
    """Values agree either way."""
    model = load_model(save_model("mistral", sliding_window=window))

    one = extract_features(model, preference_set(), batching="one-at-a-time")
    shared = extract_features(model, preference_set(), batch_size=4)

    assert shared.batching.startswith(expected)
    for a, b in zip(one.behaviours, shared.behaviours, strict=True):
        np.testing.assert_allclose(a.features, b.features, atol=1e-5 * np.abs(a.features).max())


def test_model_that_looks_ahead_is_read_one_at_a_time(save_model: SaveModel) -> None:
    """Where padding changes the values, batches are given up, and that is said."""
    model = load_model(save_model("llama"))
    hook = model.network.model.norm.register_forward_hook(lambda _m, _a, x: x + x.mean(dim=1, keepdim=True))

    found = extract_features(model, preference_set())
    hook.remove()

    assert found.batching == "one-at-a-time (a batch gives other values)"


def test_soft_capped_head_is_refused(save_model: SaveModel) -> None:
    """Gemma-2 bends its logits: the theory does not apply, however small the logits are."""
    model = load_model(save_model("gemma2", spread=0.1))

    with pytest.raises(ModelError, match=r"tiny-gemma2: the logits are not a linear function .*soft-capping"):
        extract_features(model, preference_set())


@pytest.mark.parametrize(
    ("architecture", "scale", "bias", "tied"),
    [
        ("llama", 1.0, False, False),
        ("qwen2", 1.0, False, True),
        ("phi", 1.0, True, False),
        ("cohere", 0.25, False, True),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_head_is_described(
    save_model: SaveModel, architecture: str, scale: float, bias: bool, tied: bool, dtype: str
) -> None:
    """Scale, bias and tying are found on the model, not read from its configuration."""
    path = save_model(architecture, **({"logit_scale": 0.25} if architecture == "cohere" else {}))
    head = read_head(load_model(path, dtype=dtype))

    assert (head.scale, head.has_bias, head.tied) == (scale, bias, tied)
    assert head.weight.dtype == (np.float64 if dtype == "float64" else np.float32)
    assert head.weight.shape == (96, 16)
