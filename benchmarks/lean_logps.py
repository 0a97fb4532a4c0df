"""Lean log-probabilities against plain ones: peak memory and time, forward and backward.

Each way runs in a process of its own, in turns, on the same random states, weights and targets; its memory is how far
the work raises the peak of the process (its resident set, as the kernel counts it) above inputs and imports. The plain
way is what trainers write: all logits, their log-softmax, the targets gathered. Both tell the sum of what they computed
and the sizes of the gradients; a baseline that disagrees is refused.

    python -m benchmarks.lean_logps lean 4096 32000 512 float32 frozen     one run, as JSON
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alignprops.training.lean_logps import lean_logps
from benchmarks.row import Row

#: The plain way takes so many times the memory of the lean one, with the head frozen and trained.
MEMORY = {"frozen": 20.0, "trained": 8.0}
#: And the lean way at most so much longer: a trained head costs four products of (N, d) × (V, d) instead of three.
SLOWER = {"frozen": 1.1, "trained": 1.5}
#: Sums and gradients agree to this much, relative.
AGREEMENT = 1e-4


@dataclass(frozen=True, slots=True)
class Size:
    """8 sequences of 512 tokens, their vocabulary and width, and how often each way runs."""

    positions: int = 8 * 512
    vocabulary: int = 32_000
    width: int = 512
    rounds: int = 3


REDUCED = Size(positions=256, vocabulary=8000, width=16, rounds=1)


def measure(size: Size = Size()) -> list[Row]:  # frozen
    """Run both ways with the head frozen and trained; about a minute."""
    rows = []
    for head in MEMORY:
        runs: dict[str, list[dict[str, float]]] = {"lean": [], "plain": []}
        for _ in range(size.rounds):
            for way, told in runs.items():
                told.append(_run(way, size, head))
        rows += _rows(size, head, runs["lean"], runs["plain"])
    return rows


def _rows(size: Size, head: str, lean: list[dict[str, float]], plain: list[dict[str, float]]) -> list[Row]:
    ours, theirs = (tuple(run["seconds"] for run in runs) for runs in (lean, plain))
    peaks = [max(run["bytes"] for run in runs) / 2**20 for runs in (lean, plain)]
    told = f"{size.positions} positions, V={size.vocabulary}, d={size.width}, float32, the head {head}"
    checks = f"peak {peaks[0]:,.0f} MiB against {peaks[1]:,.0f} MiB; {_disagreement(lean[0], plain[0]):.1e} apart"
    common: dict[str, Any] = {"unit": "×", "ours": ours, "theirs": theirs, "refused": _refusal(lean[0], plain[0])}
    return [
        Row(
            name=f"lean-logps.{head}.memory",
            what=f"peak memory of log-probabilities and their gradients: {told}",
            against="log-softmax of all logits",
            value=peaks[1] / peaks[0],
            target=MEMORY[head],
            checks=checks,
            **common,
        ),
        Row(
            name=f"lean-logps.{head}.time",
            what=f"time of the same: {told}",
            against="log-softmax of all logits",
            value=min(ours) / min(theirs),
            target=SLOWER[head],
            at_most=True,
            checks=f"{checks}; {torch.get_num_threads()} threads",
            **common,
        ),
    ]


def _run(way: str, size: Size, head: str) -> dict[str, float]:
    numbers = map(str, (size.positions, size.vocabulary, size.width))
    command = [sys.executable, "-m", "benchmarks.lean_logps", way, *numbers, "float32", head]
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _disagreement(ours: dict[str, float], theirs: dict[str, float]) -> float:
    return max(abs(ours[key] - theirs[key]) / abs(theirs[key]) for key in ("sum", "for_states", "for_weight"))


def _refusal(ours: dict[str, float], theirs: dict[str, float]) -> str:
    apart = _disagreement(ours, theirs)
    return f"the results differ by {apart:.1e}" if not apart <= AGREEMENT else ""


# --- one run, in its own process ------------------------------------------------------------------------------------


def work(way: str, positions: int, vocabulary: int, width: int, dtype: str, head: str) -> dict[str, float]:
    """Compute and differentiate once; the bytes by which that raised the peak, the seconds, and what came out."""
    generator = torch.Generator().manual_seed(0)
    kind: torch.dtype = getattr(torch, dtype)
    states = torch.randn(positions, width, generator=generator).to(kind).requires_grad_()
    weight = (torch.randn(vocabulary, width, generator=generator) / width**0.5).to(kind)
    weight.requires_grad_(head == "trained")
    targets = torch.randint(vocabulary, (positions,), generator=generator)
    upstream = torch.linspace(-1, 2, positions)
    compute = {"lean": lean_logps, "plain": _plain}[way]
    compute(states[:1], weight[:64], targets[:1] % 64).sum().backward()  # threads and libraries
    states.grad = weight.grad = None
    before, start = _peak(), time.perf_counter()
    logps = compute(states, weight, targets)
    (logps * upstream).sum().backward()
    seconds, peak = time.perf_counter() - start, _peak()
    return {
        "bytes": peak - before,
        "seconds": seconds,
        "sum": float(logps.detach().double().sum()),
        "for_states": _size(states.grad),
        "for_weight": _size(weight.grad),
    }


def _plain(states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    logits = (states @ weight.T).float()
    return torch.log_softmax(logits, dim=1).gather(1, targets[:, None])[:, 0]


def _size(gradient: Tensor | None) -> float:
    """The norm of a gradient; 1 where there is none."""
    return 1.0 if gradient is None else float(gradient.double().norm())


def _peak() -> int:
    """The largest resident set so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    asked, *sizes, given_dtype, given_head = sys.argv[1:]
    print(json.dumps(work(asked, *map(int, sizes), given_dtype, given_head)))
