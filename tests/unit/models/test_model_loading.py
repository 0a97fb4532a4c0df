"""Which models load, and the words with which the others are refused."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alignprops._errors import ModelError
from alignprops.models.loading import load_model

SaveModel = Callable[..., Path]


def edit_tensors(folder: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the tensors of a saved model."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def edit_config(folder: Path, **changes: object) -> None:
    """Change the configuration of a saved model."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_folder_loads_and_is_described(save_model: SaveModel) -> None:
    """Name, context, dtype; in evaluation mode and without gradients."""
    model = load_model(save_model("llama"), dtype="bfloat16")

    assert (model.name, model.context, model.dtype, model.device) == ("tiny-llama", 32, "bfloat16", "cpu")
    assert not model.network.training
    assert {p.dtype for p in model.network.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in model.network.parameters())


def test_loading_says_nothing(save_model: SaveModel, capfd: pytest.CaptureFixture[str]) -> None:
    """No progress bar, log line or warning of the libraries below."""
    folder = save_model("gpt2")
    capfd.readouterr()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_model(folder)

    assert capfd.readouterr() == ("", "")
    assert caught == []
    assert logging.getLogger("transformers").level != logging.CRITICAL


def test_buffers_of_old_checkpoints_are_harmless(save_model: SaveModel) -> None:
    """Some checkpoints carry rotary frequencies that the model computes itself."""
    folder = save_model("llama")
    edit_tensors(folder, lambda t: t.update({"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}))

    assert load_model(folder).name == "tiny-llama"


def test_missing_tied_head_is_no_loss(save_model: SaveModel) -> None:
    """A tied model's file has one tensor for both embeddings."""
    folder = save_model("qwen2")

    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    assert load_model(folder).name == "tiny-qwen2"


def drop_norm(tensors: dict[str, torch.Tensor]) -> None:
    """As when a shard was lost."""
    for name in [name for name in tensors if "norm" in name]:
        del tensors[name]


def add_strangers(tensors: dict[str, torch.Tensor]) -> None:
    """As when the configuration is of another model."""
    tensors.update({f"extra.{i}": torch.ones(2) for i in range(5)})


def change_shape(tensors: dict[str, torch.Tensor]) -> None:
    """As when the vocabulary was extended."""
    tensors["lm_head.weight"] = torch.ones(7, 16)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop_norm, r"it lacks 5 tensors: model.layers.0.input_layernorm.weight, .* and 2 more"),
        (add_strangers, r"it has unexpected 5 tensors: extra.0, extra.1, extra.2 and 2 more"),
        (change_shape, r"it has of another shape 1 tensor: lm_head.weight"),
        (lambda tensors: tensors.pop("lm_head.weight"), r"it lacks 1 tensor: lm_head.weight"),
    ],
)
def test_incomplete_checkpoint_is_refused_by_name(
    save_model: SaveModel, edit: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    """Otherwise it would be measured with random weights."""
    folder = save_model("llama")
    edit_tensors(folder, edit)

    with pytest.raises(ModelError, match=r"does not fit its configuration: " + message):
        load_model(folder)


@pytest.mark.parametrize("spec", ["./absent", "absent/model", "../absent", "/absent/model", ".absent", "~/absent"])
def test_path_that_does_not_exist_is_not_looked_up(spec: str) -> None:
    """A mistyped path is not taken for a hub id."""
    with pytest.raises(ModelError, match=r"absent.*: no such model folder"):
        load_model(spec)


def test_owner_and_name_are_told_how_to_reach_the_hub() -> None:
    """A separator means a folder; the hub has a prefix."""
    with pytest.raises(ModelError, match=r"no such model folder; for a repository of the hub write hf:owner/name"):
        load_model("owner/name")


def test_hub_id_without_network_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One clear message, not the library's trace."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    for spec in ("no-such-model-of-ours", "hf:owner/no-such-model"):
        with pytest.raises(ModelError, match=r"no local folder, so looked up on the Hugging Face hub"):
            load_model(spec)


def test_file_is_no_model(tmp_path: Path) -> None:
    """The folder is wanted."""
    (tmp_path / "model.safetensors").write_bytes(b"")

    with pytest.raises(ModelError, match="a file; expected the folder"):
        load_model(tmp_path / "model.safetensors")


def test_folder_without_config(save_model: SaveModel) -> None:
    """Weights alone are not a model."""
    folder = save_model("llama")
    (folder / "config.json").unlink()

    with pytest.raises(ModelError, match=r"tiny-llama: no config.json; expected the folder"):
        load_model(folder)


def test_folder_without_weights(save_model: SaveModel) -> None:
    """Nothing is made up."""
    folder = save_model("llama")
    (folder / "model.safetensors").unlink()

    with pytest.raises(ModelError, match=r"tiny-llama: no weights; expected model.safetensors"):
        load_model(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickled_weights_are_refused(save_model: SaveModel, name: str) -> None:
    """A pickle can run code."""
    folder = save_model("llama")
    (folder / "model.safetensors").rename(folder / name)

    with pytest.raises(ModelError, match=rf"only pickled weights \({name}\), which can run code"):
        load_model(folder)


def test_adapter_is_refused(save_model: SaveModel) -> None:
    """Its base model would be fetched from wherever it says."""
    folder = save_model("llama")
    (folder / "adapter_config.json").write_text("{}")

    with pytest.raises(ModelError, match="a PEFT adapter; merge it"):
        load_model(folder)


def test_unknown_architecture(save_model: SaveModel) -> None:
    """The library's reason is kept, on one line."""
    folder = save_model("llama")
    edit_config(folder, model_type="of-tomorrow", architectures=["OfTomorrow"])

    with pytest.raises(ModelError, match=r"its configuration does not load; ValueError: .*of-tomorrow") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_remote_code_is_not_run(save_model: SaveModel) -> None:
    """A folder that brings its own modelling code is refused."""
    folder = save_model("llama")
    edit_config(folder, model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    (folder / "mine.py").write_text("raise SystemExit('was run')")

    with pytest.raises(ModelError, match="its configuration does not load"):
        load_model(folder)


@pytest.mark.parametrize(
    "changes", [{"num_attention_heads": 0}, {"hidden_size": "wide"}, {"num_hidden_layers": -1}, {"vocab_size": None}]
)
def test_absurd_configuration(save_model: SaveModel, changes: dict[str, object]) -> None:
    """No traceback for numbers that make no model."""
    folder = save_model("llama")
    edit_config(folder, **changes)

    with pytest.raises(ModelError, match=r"tiny-llama: (its|the) (configuration|weights|checkpoint|tokenizer)"):
        load_model(folder)


def test_model_that_is_no_causal_language_model(save_model: SaveModel) -> None:
    """An encoder-decoder has no place here."""
    folder = save_model("llama")
    edit_config(folder, model_type="t5", architectures=["T5Model"])

    with pytest.raises(ModelError, match="its weights do not load"):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"not a tensor file", b"\xff" * 64])
def test_corrupt_weights(save_model: SaveModel, content: bytes) -> None:
    """Truncated downloads are common."""
    folder = save_model("llama")
    (folder / "model.safetensors").write_bytes(content)

    with pytest.raises(ModelError, match="its weights do not load"):
        load_model(folder)


def test_truncated_weights(save_model: SaveModel) -> None:
    """A file that stops in the middle."""
    file = save_model("llama") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(ModelError, match="its weights do not load"):
        load_model(file.parent)


def test_missing_shard(save_model: SaveModel) -> None:
    """The index names a file that is not there."""
    folder = save_model("llama")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(ModelError, match="its weights do not load"):
        load_model(folder)


def test_no_tokenizer(save_model: SaveModel) -> None:
    """The statements are text."""
    folder = save_model("llama")
    for file in folder.glob("tokenizer*"):
        file.unlink()

    with pytest.raises(ModelError, match="its tokenizer does not load"):
        load_model(folder)


def test_corrupt_tokenizer(save_model: SaveModel) -> None:
    """The library below raises a bare Exception here."""
    folder = save_model("llama")
    (folder / "tokenizer.json").write_text('{"model": 3}')

    with pytest.raises(ModelError, match="its tokenizer does not load"):
        load_model(folder)


def test_unknown_dtype_and_device(tmp_path: Path) -> None:
    """Told before anything is read."""
    with pytest.raises(ModelError, match="unknown dtype 'int8'; expected one of float32, float64"):
        load_model(tmp_path, dtype="int8")
    with pytest.raises(ModelError, match="unknown device 'gpu'; expected cpu, cuda or cuda:N"):
        load_model(tmp_path, device="gpu")
    with pytest.raises(ModelError, match="unsupported device 'meta'"):
        load_model(tmp_path, device="meta")


def test_cuda_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there are devices, but not that one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="device 'cuda' was asked for, and this torch has no usable CUDA device"):
        load_model(tmp_path, device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ModelError, match="there are 2 CUDA devices, counted from 0"):
        load_model(tmp_path, device="cuda:2")


def test_name_is_safe(save_model: SaveModel, tmp_path: Path) -> None:
    """It becomes part of a subject id."""
    shutil.move(save_model("llama"), tmp_path / "my model (v2)")

    assert load_model(tmp_path / "my model (v2)").name == "my-model-v2"
