"""The optimisers of torch, and their state as named tensors: no pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alignprops.training.settings import TrainSettings

SEPARATOR = "/"


def make_optimizer(weights: Mapping[str, Tensor], settings: TrainSettings) -> torch.optim.Optimizer:
    """Plain gradient descent or AdamW, one tensor at a time: the same order of operations everywhere."""
    rate = settings.learning_rate
    assert rate is not None
    parameters = list(weights.values())
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=settings.weight_decay, foreach=False)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=settings.weight_decay, foreach=False)


def optimizer_tensors(optimizer: torch.optim.Optimizer, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The moments and step counts, `<weight>/<key>`."""
    return {
        f"{name}{SEPARATOR}{key}": value
        for name, weight in weights.items()
        for key, value in optimizer.state.get(weight, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> None:
    """Put `optimizer_tensors` back."""
    places = {name: place for place, name in enumerate(weights)}
    state: dict[int, dict[str, Any]] = {}
    for full, value in tensors.items():
        name, _, key = full.rpartition(SEPARATOR)
        state.setdefault(places[name], {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
