"""`kill -9` at random moments: a run that was killed ten times and resumed must end like one that was left alone.

Each method runs once undisturbed and once killed, as processes of their own, by the command `alignprops train`. Moments
are random: behind a random event of the run (it has begun, a checkpoint was written, the final save has begun) or at a
random time. The trace (but for seconds and date) and the final weights are compared bit for bit. Exit code 1 if they
differ.

    python -m benchmarks.kills --kills 10
    python -m benchmarks.kills --method lora --model FOLDER --preferences FOLDER --steps 40
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alignprops.trace import Trace

METHODS = {
    "head": ["--steps", "3000", "--batch-size", "16", "--checkpoint-every", "150", "--evaluate-every", "100"],
    "lora": ["--steps", "60", "--batch-size", "8", "--checkpoint-every", "4", "--learning-rate", "1e-3"],
    "full": ["--steps", "60", "--batch-size", "8", "--checkpoint-every", "4", "--learning-rate", "1e-4"],
}
#: What a kill waits for, before a random time; the last two lie behind the last checkpoint.
EVENTS = ("", "metadata.json", "checkpoint/checkpoint.safetensors", "states-end.safetensors", "final")
COMPARED = ("steps", "evaluations", "states_start", "states_end", "reference")


def main(given: Sequence[str] | None = None) -> int:
    """Run, kill, resume, compare; a line a method."""
    arguments = _parser().parse_args(given)
    moments = random.Random(arguments.seed)  # noqa: S311  # not a secret
    differing = 0
    for method in arguments.method or METHODS:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "alignprops", "train", *_data(arguments), "--method", method]
            command += METHODS[method] + (["--steps", str(arguments.steps)] if arguments.steps else [])
            whole, killed = Path(folder) / "whole", Path(folder) / "killed"
            subprocess.run([*command, "--output", str(whole)], check=True, stdout=subprocess.DEVNULL)
            told = _killed(command, killed, arguments.kills, moments)
            found = differences(whole, killed)
            differing += bool(found)
            verdict = "bit-identical" if not found else "DIFFERS: " + ", ".join(found)
            print(f"{method}: killed {arguments.kills} times ({told}), resumed: {verdict}", flush=True)
    return int(differing > 0)


def differences(one: Path, other: Path) -> list[str]:
    """What two traces and their final weights do not have in common."""
    a, b = Trace.open(one), Trace.open(other)
    found = [] if a.finished and b.finished else ["unfinished"]
    for kind in COMPARED:
        first, second = getattr(a, kind), getattr(b, kind)
        names = sorted((set(first) | set(second)) - {"seconds"})
        found += [f"{kind}.{name}" for name in names if not _same(first.get(name), second.get(name))]
    files = [{path.relative_to(f / "final") for path in (f / "final").rglob("*.safetensors")} for f in (one, other)]
    if files[0] != files[1] or not files[0]:
        return [*found, "files of final"]
    return found + [str(f) for f in files[0] if (one / "final" / f).read_bytes() != (other / "final" / f).read_bytes()]


def _same(one: Any, other: Any) -> bool:
    return one is not None and other is not None and bool(one.tobytes() == other.tobytes())


def _killed(command: list[str], folder: Path, kills: int, moments: random.Random) -> str:
    """Kill a run so many times, let it end, and tell how far it had come each time."""
    steps: Counter[str] = Counter()
    for number in range(kills):
        # The events of the end last: a run that has finished cannot be killed.
        event = EVENTS[min(number * len(EVENTS) // kills, len(EVENTS) - 1)]
        process = subprocess.Popen([*command, "--output", str(folder), "--resume"], stdout=subprocess.DEVNULL)
        while event and process.poll() is None and not (folder / event).exists():
            time.sleep(0.0005)
        ending = event in EVENTS[3:]
        time.sleep(moments.random() * (0.01 if ending else 4.0))
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        steps[_place(folder) if code == -signal.SIGKILL else "after its end"] += 1
    subprocess.run([*command, "--output", str(folder), "--resume"], check=True, stdout=subprocess.DEVNULL)
    return ", ".join(f"{count}× {place}" for place, count in steps.items())


def _place(folder: Path) -> str:
    if (folder / "end.json").exists():
        return "after end.json"
    if (folder / "states-end.safetensors").exists():
        return "in the final save"
    if not (folder / "metadata.json").exists():
        return "before the start"
    return f"at step {_last_step(folder)}"


def _last_step(folder: Path) -> int:
    steps = Trace.open(folder).steps["step"]
    return int(np.max(steps, initial=0))


def _data(arguments: argparse.Namespace) -> list[str]:
    return [arguments.model, *arguments.preferences] if arguments.model else ["--max-statements", "60"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=10, help="how often each run is killed (default: 10)")
    parser.add_argument("--method", action="append", choices=list(METHODS), help="only this one (repeatable)")
    parser.add_argument("--steps", type=int, help="of every run")
    parser.add_argument("--seed", type=int, help="of the moments (default: others every time)")
    parser.add_argument("--model", metavar="PATH", help="instead of the built-in model")
    parser.add_argument("--preferences", metavar="SPEC", action="append", default=[], help="its preference data")
    return parser


if __name__ == "__main__":
    sys.exit(main())
