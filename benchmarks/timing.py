"""Timing side by side: the candidates take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds, and what came out."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def interleaved(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, ...]]:
    """The times of each, over `rounds` turns of all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(timed(work)[0])
    return {name: tuple(seconds) for name, seconds in times.items()}
