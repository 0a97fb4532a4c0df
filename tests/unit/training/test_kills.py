"""`kill -9` at any moment, then going on: the same weights and the same trace, bit for bit."""

from __future__ import annotations

import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from killed_runs import require_equal, server, start

from alignprops.models.loading import LanguageModel
from alignprops.trace import Trace

RUNS: dict[str, dict[str, Any]] = {
    "head": {"method": "head", "batch_size": 6, "steps": 300, "checkpoint_every": 40, "evaluate_every": 30},
    "lora": {"method": "lora", "batch_size": 4, "steps": 24, "checkpoint_every": 5, "learning_rate": 1e-2},
}


@pytest.mark.parametrize("method", sorted(RUNS))
def test_killed_runs_end_like_undisturbed_ones(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Killed at a random moment, again behind the first checkpoint, and then in the final save."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings, context = RUNS[method], server()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _require_done(start(context, whole, **settings))
    moments = random.Random()  # noqa: S311  # not a secret; another moment every time is the point

    for file in ("metadata.json", "checkpoint/checkpoint.safetensors"):
        _kill(start(context, killed, **settings), once=killed / file, after=0.2 * moments.random())
    _kill(start(context, killed, **settings), once=killed / "states-end.safetensors", after=0)
    _require_done(start(context, killed, **settings))

    require_equal(whole, killed)
    steps = Trace.open(killed).steps
    assert len(steps["step"]) == settings["steps"]
    assert steps["parameter_change"][-1] > 0


def _kill(process: BaseProcess, *, once: Path, after: float) -> None:
    while process.is_alive() and not once.exists():
        time.sleep(0.001)
    time.sleep(after)
    process.kill()
    process.join()


def _require_done(process: BaseProcess) -> None:
    process.join(120)
    assert process.exitcode == 0
