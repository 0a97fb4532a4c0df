"""Several processes: which rows, which device, whose gradients; two real ones are too slow for a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from alignprops import InputError
from alignprops.training.processes import Processes, first_process, launched_processes, own_device


class Two:
    """The second of two processes, the other of which has the same numbers."""

    num_processes = 2
    process_index = 1

    def reduce(self, tensor: torch.Tensor, reduction: str) -> torch.Tensor:
        """Both add the same."""
        assert reduction == "sum"
        return 2 * tensor


def test_alone_nothing_is_shared() -> None:
    """The usual case."""
    alone = launched_processes()

    assert (alone.count, alone.main) == (1, True)
    assert alone.share(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert alone.sum(torch.ones(2)).tolist() == [1, 1]


def test_of_two_each_takes_its_rows() -> None:
    """Every row once; a weight without a gradient counts as 0."""
    other: Any = Two()
    other.process_index = 0
    first, second = Processes(other), Processes(Two())
    weights = [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    weights[0].grad = torch.full((2,), 1.5)

    second.sum_gradients(weights)

    assert [*first.share(np.arange(5)), *second.share(np.arange(5))] == [0, 2, 4, 1, 3]
    assert not second.main
    assert [weight.grad.tolist() for weight in weights if weight.grad is not None] == [[3, 3], [0, 0, 0]]


def test_each_process_has_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where just cuda is asked for, and several were launched."""
    assert own_device("cuda") == "cuda"
    assert first_process()
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)

    assert [own_device(device) for device in ("cuda", "cuda:0", "cpu")] == ["cuda:1", "cuda:0", "cpu"]
    assert not first_process()
    monkeypatch.setitem(__import__("sys").modules, "accelerate", None)
    with pytest.raises(InputError, match=r'several processes need accelerate; pip install "alignprops\[train\]"'):
        launched_processes()
