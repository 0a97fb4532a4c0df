"""What is trained: a policy that compares responses, and the weights of it that move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignprops.models.loading import LanguageModel
from alignprops.trace.format import Split
from alignprops.training.pairs import TokenPairs
from alignprops.training.settings import TrainSettings

Pairs = Mapping[Split, TokenPairs]


class Policy(Protocol):
    """One of the three methods; pairs are named by split and position."""

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """What the optimiser moves, by name: leaves in float32 or float64, also of a model in half precision."""

    def default_learning_rate(self, settings: TrainSettings) -> float:
        """The rate of a run that does not name one."""

    def log_ratios(self, split: Split, rows: Sequence[int]) -> Tensor:
        """log π(chosen) − log π(rejected), (B,), differentiable."""

    def collect_gradients(self) -> None:
        """Called after every backward pass: add what it gave to the gradients of `weights`."""

    def after_update(self, step: int) -> None:
        """Called when `weights` have moved, or were restored, and have now seen `step` updates."""

    def all_logps(self, split: Split) -> NDArray[np.float64]:
        """(n, 2): log π of the chosen and of the rejected response of every pair; same weights, same bits."""

    def states(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """(len(rows), d): x at the last prompt position of training pairs, the constant of the head folded in."""

    def head_change(self) -> float:
        """‖W − W_0‖_F of the unembedding."""

    def parameter_change(self) -> float:
        """‖θ − θ_0‖ of everything that is trained."""

    def save(self, folder: Path) -> None:
        """Write what was trained into a new folder, as safetensors."""


def make_policy(model: LanguageModel, pairs: Pairs, settings: TrainSettings) -> Policy:
    """The policy of a method, at its start.

    Raises:
        ModelError: the method does not apply to the model.
        InputError: a package that the method needs is not installed.
    """
    if settings.method == "head":
        if all(part.one_token() for part in pairs.values()):
            from alignprops.training.head_rows import HeadRows

            return HeadRows(model, pairs, settings)
        from alignprops.training.head_matrix import HeadMatrix

        return HeadMatrix(model, pairs)
    from alignprops.training.network_policy import full_policy, lora_policy

    return full_policy(model, pairs) if settings.method == "full" else lora_policy(model, pairs, settings)


def norm(parts: Sequence[Tensor]) -> float:
    """The Euclidean norm of all parts together, added up in float64."""
    squares: Any = [torch.linalg.vector_norm(part, dtype=torch.float64) for part in parts]
    return float(torch.linalg.vector_norm(torch.stack(squares))) if squares else 0.0
