"""Stand-ins of what trl's losses read of a trainer and of a model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn


def _itself(value: Any, *_: Any, **__: Any) -> Any:
    return value


def accelerator() -> SimpleNamespace:
    """One process on the CPU: what is gathered is what is there."""
    return SimpleNamespace(
        device=torch.device("cpu"),
        gather=_itself,
        gather_for_metrics=_itself,
        reduce=_itself,
        unwrap_model=_itself,
        num_processes=1,
        use_distributed=False,
        is_main_process=True,
        sync_gradients=True,
    )


def metrics() -> dict[str, defaultdict[str, list[float]]]:
    """Where a trainer logs to."""
    return {"train": defaultdict(list), "eval": defaultdict(list)}


@dataclass(frozen=True)
class GivenMean:
    """A running mean that is given."""

    mean: float

    def update(self, _: Any) -> None:
        """It stays what it is."""


class Returning(nn.Module):
    """A model that returns given token log-probabilities, as trl's fused head does: 0 where no label is."""

    is_gradient_checkpointing = False

    def __init__(self, log_probs: Tensor) -> None:
        super().__init__()
        self.log_probs = log_probs

    def forward(self, **_: Any) -> SimpleNamespace:
        """The log-probabilities; the statistics that are only logged are 0."""
        nothing = torch.zeros_like(self.log_probs)
        return SimpleNamespace(
            log_probs=self.log_probs,
            entropy=nothing,
            mean_logits=nothing,
            log_sum_sq_probs=nothing,
            is_top1=nothing.bool(),
        )
