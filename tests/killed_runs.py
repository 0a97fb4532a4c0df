"""Training runs in processes that can be killed; they are forked from a server that has imported everything."""

from __future__ import annotations

import multiprocessing as mp
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np

from alignprops.trace import Trace

SERVED = ["alignprops.training.run", "alignprops.models.tiny", "alignprops.data", "transformers.models.llama", "peft"]


def server() -> ForkServerContext:
    """Where processes come from without the seconds that imports take."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(SERVED)
    return context


def start(context: ForkServerContext, folder: Path, **settings: Any) -> ForkServerProcess:
    """Begin a run, or go on with it, in a process of its own."""
    process = context.Process(target=_train, args=(folder, settings))
    process.start()
    return process


def _train(folder: Path, settings: dict[str, Any]) -> None:
    from alignprops.data import generate_preferences
    from alignprops.models.tiny import load_tiny_model
    from alignprops.training import TrainSettings, train_model
    from alignprops.training.pairs import tokenize_pairs

    model = load_tiny_model()
    pairs = tokenize_pairs(model, generate_preferences(statements=16, behaviours=["loves-the-sea", "plans-ahead"]))
    train_model(model, *pairs.split(0.25, seed=0), TrainSettings(**settings), folder, resume=True)


def require_equal(one: Path, other: Path) -> None:
    """The same trace but for what tells the time, and the same final weights, bit for bit."""
    a, b = Trace.open(one), Trace.open(other)
    assert a.finished
    assert b.finished
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for kind in ("steps", "evaluations", "states_start", "states_end", "reference"):
        first, second = getattr(a, kind), getattr(b, kind)
        assert set(first) == set(second)
        for name in set(first) - {"seconds"}:
            np.testing.assert_array_equal(first[name], second[name], err_msg=f"{kind}.{name}", strict=True)
    told_apart = {"run", "created", "command", "digest"}
    for key in set(a.metadata) - told_apart:
        assert a.metadata[key] == b.metadata[key], key
    files = {path.relative_to(one / "final") for path in (one / "final").rglob("*.safetensors")}
    assert files
    for file in files:
        assert (one / "final" / file).read_bytes() == (other / "final" / file).read_bytes(), file
