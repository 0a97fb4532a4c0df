"""Several processes, one GPU each: started by `accelerate launch`, they share the pairs of every update.

Each process holds the whole model and the same weights, takes its share of a step's pairs, and adds up the gradients
with the others. Evaluations and reference log-probabilities are computed by every process alike; the first one writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignprops._errors import InputError


class Processes:
    """This process among those that train together; alone unless `accelerate` started several."""

    def __init__(self, accelerator: Any = None) -> None:
        self._accelerator = accelerator
        self.count = 1 if accelerator is None else int(accelerator.num_processes)
        self.rank = 0 if accelerator is None else int(accelerator.process_index)

    @property
    def main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part of a batch that this process reads."""
        return rows[self.rank :: self.count]

    def sum(self, tensor: Tensor, device: torch.device | None = None) -> Tensor:
        """The sum of a tensor over all processes, on each of them and where the tensor is.

        It is added up on `device`, if given: CUDA devices exchange what lies on them only.
        """
        if self.count == 1:
            return tensor
        total: Tensor = self._accelerator.reduce(tensor.to(device), reduction="sum")
        return total.to(tensor.device)

    def sum_gradients(self, weights: Iterable[Tensor]) -> None:
        """Add up the gradients of all processes."""
        if self.count == 1:
            return
        for weight in weights:
            weight.grad = self.sum(torch.zeros_like(weight) if weight.grad is None else weight.grad)

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            self._accelerator.wait_for_everyone()


def own_device(device: str) -> str:
    """The device of this process: of several, each takes its own CUDA device where just `cuda` is asked for."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if several and device == "cuda" else device


def first_process() -> bool:
    """Whether this process speaks for all that were launched."""
    return os.environ.get("RANK", "0") == "0"


def launched_processes(device: str) -> Processes:
    """The processes that `accelerate launch` started, if it did and there are several.

    Args:
        device: of the model; on a CPU the processes speak to each other as CPUs do, whatever the machine has beside it.

    Raises:
        InputError: there are several, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise InputError('several processes need accelerate; pip install "alignprops[train]"') from error
    return Processes(Accelerator(cpu=torch.device(device).type == "cpu"))
