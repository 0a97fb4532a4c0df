"""Several processes: which rows, which device, whose gradients and reference; two real ones are too slow for a test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from alignprops import InputError, Trace
from alignprops.models.loading import LanguageModel
from alignprops.training import TrainSettings, loop, run, train_model
from alignprops.training.head_rows import HeadRows
from alignprops.training.loop import Job, train_step
from alignprops.training.pairs import TokenPairs
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
    alone = launched_processes("cuda")

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
        launched_processes("cpu")


class OfOneKind(Two):
    """Exchanges what lies on its own devices only, as nccl does; `meta` stands for a GPU."""

    process_index = 0

    def __init__(self) -> None:
        self.summed: list[tuple[torch.Tensor, str]] = []

    def reduce(self, tensor: torch.Tensor, reduction: str) -> torch.Tensor:
        """What comes of losses is told; numbers that lie on `meta` are not there."""
        assert tensor.device.type == "meta"
        self.summed.append((tensor, reduction))
        return torch.arange(3.0, dtype=torch.float64) if tensor.dtype == torch.float64 else tensor


def test_losses_are_added_up_where_the_weights_are(pairs: TokenPairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes from GPU to GPU lies on one; what the trace gets does not."""
    kind = OfOneKind()
    weight = torch.zeros(3, device="meta", requires_grad=True)
    on_cpu = torch.zeros(1, requires_grad=True)
    told: list[float] = []
    monkeypatch.setattr(loop, "norm", lambda parts: 0.0)
    policy = SimpleNamespace(
        weights={"w": weight},
        log_ratios=lambda split, rows: on_cpu.expand(len(rows)),
        collect_gradients=lambda: None,
        after_update=lambda step: None,
        head_change=lambda: 0.0,
        parameter_change=lambda: 0.0,
    )
    optimizer = SimpleNamespace(zero_grad=lambda set_to_none: None, step=lambda: None, param_groups=[{"lr": 0.1}])
    loss, scale = TrainSettings().loss_and_scale()
    parts: dict[str, Any] = {"settings": TrainSettings(steps=1).resolved(3), "policy": policy, "optimizer": optimizer}
    parts |= {"pairs": {"train": pairs.select(range(3))}, "reference": {"train": np.zeros((3, 2))}}
    parts |= {"loss": loss, "scale": scale, "folder": Path(), "processes": Processes(kind), "progress": lambda *_: None}
    writer = SimpleNamespace(step=lambda number, **figures: told.append(figures["loss"]))

    train_step(Job(**parts, writer=writer), 1)

    assert [(tuple(tensor.shape), reduction) for tensor, reduction in kind.summed] == [((3,), "sum"), ((3,), "sum")]
    assert kind.summed[1][0].dtype == torch.float64
    assert told == [1.0]  # the mean of 0, 1 and 2


@pytest.mark.parametrize(("device", "cpu"), [("cpu", True), ("cuda", False), ("cuda:1", False)])
def test_processes_speak_as_the_device_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, device: str, cpu: bool
) -> None:
    """Whether or not the machine has a GPU."""
    made: list[bool] = []

    def accelerator(*, cpu: bool) -> Any:
        made.append(cpu)
        return Two()

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", SimpleNamespace(Accelerator=accelerator))

    assert launched_processes(device).count == 2
    assert made == [cpu]


class Second(Two):
    """The second of two processes; the first one does what it is told to when they wait for each other."""

    def __init__(self, first: Sequence[Callable[[], object]]) -> None:
        self._first = list(first)

    def reduce(self, tensor: torch.Tensor, reduction: str) -> torch.Tensor:
        """The first one has nothing to add."""
        return tensor

    def wait_for_everyone(self) -> None:
        """The first one catches up."""
        if self._first:
            self._first.pop(0)()


@pytest.mark.parametrize("cut_short", [False, True])
def test_all_processes_train_against_the_reference_on_disk(
    model: LanguageModel,
    split: tuple[TokenPairs, TokenPairs],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut_short: bool,
) -> None:
    """That of the first one, in a run that begins and in one that goes on; their own differs in its last bits."""
    settings = TrainSettings(steps=2, learning_rate=0.1)
    folder, read = tmp_path / "run", HeadRows.all_logps
    used: list[Job] = []

    def first() -> None:
        with monkeypatch.context() as alone:
            alone.setattr(run, "launched_processes", lambda device: Processes())
            alone.setattr(HeadRows, "all_logps", read)
            train_model(model, *split, settings, folder, resume=True)
        (folder / "end.json").unlink()

    if cut_short:
        first()
    waits: list[Callable[[], object]] = [] if cut_short else [int, int, first]
    monkeypatch.setattr(run, "launched_processes", lambda device: Processes(Second(waits)))
    monkeypatch.setattr(run._Run, "_train", staticmethod(lambda job, done: used.append(job)))
    monkeypatch.setattr(HeadRows, "all_logps", lambda policy, name: read(policy, name) + 1e-9)

    train_model(model, *split, settings, folder, resume=True)

    stored = Trace.open(folder).reference
    assert stored is not None
    job = used[-1]
    assert job.writer is None
    for name, reference in job.reference.items():
        np.testing.assert_array_equal(reference[:, 0], stored[f"{name}.chosen"])
        np.testing.assert_array_equal(reference[:, 1], stored[f"{name}.rejected"])
