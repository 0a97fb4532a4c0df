"""Where a model's files are, and whether they can be used, told from their names alone."""

from __future__ import annotations

import os
from pathlib import Path

from alignprops._errors import ModelError

HUB_PREFIX = "hf:"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_SAFETENSORS_HELP = "https://huggingface.co/docs/safetensors"


def locate(spec: str | os.PathLike[str]) -> tuple[str, bool]:
    """What `transformers` is to load, and whether it is a local folder.

    A folder that exists is taken as it is. A name with a path separator or a leading dot must be one,
    because `transformers` would look up a mistyped path on the hub; a hub repository with an owner
    is written `hf:owner/name`. A bare name that is no folder is a hub id.
    """
    text = os.fspath(spec)
    if text.startswith(HUB_PREFIX):
        return text.removeprefix(HUB_PREFIX), False
    path = Path(text).expanduser()
    if path.is_dir():
        _refuse_unusable(path)
        return str(path), True
    if path.exists():
        raise ModelError(f"{text}: a file; expected the folder of a Hugging Face model (config, weights, tokenizer)")
    if isinstance(spec, os.PathLike) or not text or text.startswith((".", "~")) or _separated(text):
        hub = f"; for a repository of the hub write {HUB_PREFIX}{text}" if text.count("/") == 1 else ""
        raise ModelError(f"{text or repr(text)}: no such model folder{hub}")
    return text, False


def _separated(text: str) -> bool:
    return any(separator in text for separator in ("/", "\\", os.sep))


def _refuse_unusable(folder: Path) -> None:
    names = sorted(entry.name for entry in folder.iterdir())
    if "adapter_config.json" in names:
        raise ModelError(f"{folder}: a PEFT adapter; merge it into its base model and save that")
    if "config.json" not in names:
        raise ModelError(f"{folder}: no config.json; expected the folder of a Hugging Face model")
    if any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names):
        return
    pickled = [name for name in names if name.endswith(_PICKLED)]
    if pickled:
        raise ModelError(
            f"{folder}: only pickled weights ({', '.join(pickled[:3])}), which can run code when loaded; "
            f"convert them to safetensors ({_SAFETENSORS_HELP})"
        )
    raise ModelError(f"{folder}: no weights; expected model.safetensors")
