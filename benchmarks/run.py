"""`alignprops run`, the toy tier: how long it takes, and what two workers make of it.

Runs with one process and with two alternate, each a fresh interpreter in an empty folder; minima count. Both must exit
with 0 and report the same claims with the same verdicts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.row import Row
from benchmarks.timing import timed

TARGET_SECONDS = 60.0
#: wall(-n 2) ≤ SHARE × wall(1) + START seconds.
SHARE, START = 0.55, 5.0
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Size:
    """Which theorems (all if none is named), and how often."""

    theorems: tuple[str, ...] = ()
    rounds: int = 2


REDUCED = Size(theorems=("learning-dynamics.initial-rate", "learning-dynamics.reduction"), rounds=1)


def measure(size: Size = Size()) -> list[Row]:  # frozen
    """Time whole runs; a few minutes."""
    alone, shared = [], []
    for _ in range(size.rounds):
        alone.append(_run(size.theorems))
        shared.append(_run(size.theorems, "--", "-n", str(WORKERS)))
    runs = [*alone, *shared]
    one, two = (tuple(seconds for seconds, _ in side) for side in (alone, shared))
    claims = alone[0][1]
    refused = "" if all(told == claims for _, told in runs) else "the runs do not report the same verdicts"
    checks = f"{len(claims)} claims with the same verdicts in {len(runs)} runs; {os.cpu_count()} cores"
    return [
        Row(
            name="run",
            what="`alignprops run`, toy tier, all suites" if not size.theorems else "`alignprops run`, a selection",
            against="the clock",
            value=min(one),
            unit="s",
            target=TARGET_SECONDS,
            at_most=True,
            ours=one,
            theirs=(),
            checks=checks,
            refused=refused,
        ),
        Row(
            name="run.workers",
            what=f"wall(-n {WORKERS}) − {SHARE} × wall(1) of it",
            against="one process",
            value=min(two) - SHARE * min(one),
            unit="s",
            target=START,
            at_most=True,
            ours=two,
            theirs=one,
            checks=checks,
            refused=refused,
        ),
    ]


def _run(theorems: tuple[str, ...], *more: str) -> tuple[float, dict[str, str]]:
    """Wall-clock seconds of a run, and the verdict of every claim."""
    command = [sys.executable, "-m", "alignprops", "run", *theorems, *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALIGNPROPS_")}
    environment.pop("CI", None)
    with tempfile.TemporaryDirectory() as folder:
        seconds, done = timed(
            lambda: subprocess.run(
                command,
                check=False,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        report = json.loads((Path(folder) / "alignprops-report" / "report.json").read_text(encoding="utf-8"))
    return seconds, {claim["id"]: claim["verdict"] for claim in report["claims"]}
