"""Load a causal language model with its tokenizer: safetensors only, no remote code, nothing missing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from alignprops._errors import ModelError
from alignprops.data.names import safe_name
from alignprops.models.checkpoint import locate
from alignprops.models.silence import silence

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# Tensors that some checkpoints carry although the model computes them.
_HARMLESS = re.compile(r"(rotary_emb\.(inv_freq|cos_cached|sin_cached)|\.attn(ention)?\.(masked_)?bias|position_ids)$")
# What transformers raises for files that it cannot make sense of; anything else is a bug and shown as one.
_LOADING_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ImportError,
    RuntimeError,
    ZeroDivisionError,
    SafetensorError,
    StrictDataclassError,
)


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """A loaded causal language model, in evaluation mode on its device."""

    name: str
    """The folder's name or the hub id, safe to use in a subject id."""
    network: Any
    """The `transformers` model (a `torch.nn.Module`)."""
    tokenizer: Any
    dtype: str
    device: str
    context: int | None
    """The longest input it was made for, in tokens; None if it has no limit."""


def load_model(spec: str | os.PathLike[str], *, dtype: str = "float32", device: str = "cpu") -> LanguageModel:
    """Load the model in a local folder, or of a hub id.

    Raises:
        ModelError: it does not exist, does not load, or lacks a tensor; the dtype or device cannot be had.
    """
    torch_dtype, torch_device = _dtype(dtype), _device(device)
    source, local = locate(spec)
    with silence():
        config = _load_config(source, local)
        tokenizer = _load_tokenizer(source, local)
        network = _load_network(source, local, config, torch_dtype)
    network.eval()
    network.requires_grad_(False)
    name = safe_name(Path(source).resolve().name if local else source)
    try:
        network = network.to(torch_device)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{source}: does not fit on {torch_device}; take a smaller --dtype or another --device"
        ) from error
    return LanguageModel(name, network, tokenizer, dtype, str(torch_device), _context(network.config))


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise ModelError(f"unknown dtype {name!r}; expected one of {', '.join(DTYPES)}")
    return DTYPES[name]


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"unknown device {name!r}; expected cpu, cuda or cuda:N") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise ModelError(f"device {name!r} was asked for, and this torch has no usable CUDA device; use cpu")
        if (device.index or 0) >= count:
            raise ModelError(f"device {name!r} was asked for; there are {count} CUDA devices, counted from 0")
    elif device.type != "cpu":
        raise ModelError(f"unsupported device {name!r}; expected cpu, cuda or cuda:N")
    return device


def _load_config(source: str, local: bool) -> Any:
    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=local)
    except _LOADING_ERRORS as error:
        raise _unusable(source, local, "its configuration does not load", error) from error


def _load_tokenizer(source: str, local: bool) -> Any:
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=local)
    except Exception as error:  # the tokenizers library raises bare Exception for malformed files
        raise _unusable(source, local, "its tokenizer does not load", error) from error


def _load_network(source: str, local: bool, config: Any, dtype: torch.dtype) -> Any:
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            trust_remote_code=False,
            local_files_only=local,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported below with their names, and refused
        )
    except _LOADING_ERRORS as error:
        raise _unusable(source, local, "its weights do not load", error) from error
    network, info = loaded  # a pair, because of output_loading_info
    _refuse_incomplete(source, info)
    return network


def _refuse_incomplete(source: str, info: dict[str, Any]) -> None:
    """A checkpoint that lacks a tensor loads with random weights: refuse it by name."""
    problems = {
        "lacks": info["missing_keys"],
        "has unexpected": info["unexpected_keys"],
        "has of another shape": [key[0] if isinstance(key, tuple) else key for key in info["mismatched_keys"]],
    }
    found = [
        f"{what} {_some(names)}"
        for what, keys in problems.items()
        if (names := sorted(str(key) for key in keys if not _HARMLESS.search(str(key))))
    ]
    if info.get("error_msgs"):
        found.append(f"reports {_some(info['error_msgs'])}")
    if found:
        raise ModelError(f"{source}: the checkpoint does not fit its configuration: it " + "; it ".join(found))


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    rest = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return f"{len(listed)} tensor{'s' if len(listed) > 1 else ''}: {', '.join(listed[:3])}{rest}"


def _unusable(source: str, local: bool, what: str, error: Exception) -> ModelError:
    reason = f"{type(error).__name__}: {_first_line(error)}"
    if not local:
        what += " (no local folder, so looked up on the Hugging Face hub: is the name right, and the network up?)"
    return ModelError(f"{source}: {what}; {reason}")


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"


def _context(config: Any) -> int | None:
    text_config = config.get_text_config()
    for key in ("max_position_embeddings", "n_positions", "max_seq_len"):
        length = getattr(text_config, key, None)
        if isinstance(length, int) and length > 0:
            return length
    return None
