"""A checkpoint: weights, moments, the state of the random numbers and the step, in one safetensors file.

The latest alone is kept, and replaced in one step. The trace is flushed before it is written: a run that goes on from a
checkpoint finds every earlier step in the trace, and removes the later ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alignprops import atomic
from alignprops._errors import InputError
from alignprops.trace.files import require_schema
from alignprops.trace.format import CHECKPOINT, SCHEMA
from alignprops.training.optimisers import optimizer_tensors, restore_optimizer
from alignprops.training.policy import Policy

_FILE = "checkpoint.safetensors"
_WEIGHT, _MOMENT, _RANDOM = "weight:", "optimizer:", "random"


def save_checkpoint(folder: Path, *, run: str, step: int, policy: Policy, optimizer: torch.optim.Optimizer) -> None:
    """Replace the checkpoint of a run.

    Raises:
        InputError: it cannot be written.
    """
    tensors = {_WEIGHT + name: weight for name, weight in policy.weights.items()}
    tensors |= {_MOMENT + name: value for name, value in optimizer_tensors(optimizer, policy.weights).items()}
    tensors[_RANDOM] = torch.get_rng_state()
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    described = {"schema": SCHEMA, "run": run, "step": str(step)}
    atomic.write_with(folder / CHECKPOINT / _FILE, lambda path: save_file(whole, path, described))


def load_checkpoint(folder: Path, *, run: str, policy: Policy, optimizer: torch.optim.Optimizer) -> int | None:
    """Put back what `save_checkpoint` wrote and return its step; None if there is no checkpoint yet.

    Raises:
        InputError: it is damaged, or of another run or version.
    """
    path = folder / CHECKPOINT / _FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            described = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); train again into another folder") from error
    require_schema(path, described.get("schema"))
    if described.get("run") != run:
        raise InputError(f"{path}: of another run than the metadata.json beside it; train again into another folder")
    _restore_weights(path, policy, _without(tensors, _WEIGHT))
    moments = {name: value.clone() for name, value in _without(tensors, _MOMENT).items()}
    restore_optimizer(optimizer, policy.weights, moments)
    torch.set_rng_state(tensors[_RANDOM])
    step = int(described["step"])
    policy.after_update(step)
    return step


@torch.no_grad()
def _restore_weights(path: Path, policy: Policy, stored: Mapping[str, Tensor]) -> None:
    if set(stored) != set(policy.weights):
        raise InputError(f"{path}: holds other weights than this method trains; train again into another folder")
    for name, weight in policy.weights.items():
        if stored[name].shape != weight.shape:
            raise InputError(f"{path}: {name} is of shape {tuple(stored[name].shape)}, expected {tuple(weight.shape)}")
        weight.copy_(stored[name])


def _without(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
