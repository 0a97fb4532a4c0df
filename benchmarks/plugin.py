"""What the installed plugin costs a host repository that does not use it, in CPU time over pytest without it.

Each run is a fresh interpreter that tells its own CPU time when pytest is done; runs with and without the plugin
alternate, minima count. A baseline that did not run the host's test, or that had the plugin all the same, is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.row import Row

TARGET_MS = 10.0
#: Minima that disagree by more than this in the wrong direction tell nothing.
NOISE_MS = 2.0
#: Other plugins that are installed beside ours import heavy modules of their own.
ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:anyio")
SPY = """
import json, os, sys, time

passed = 0

def pytest_runtest_logreport(report):
    global passed
    passed += report.when == "call" and report.passed

def pytest_unconfigure(config):
    told = {"cpu": time.process_time(), "passed": passed, "ours": "alignprops.pytest_plugin" in sys.modules}
    with open(os.environ["SPY"], "w") as file:
        json.dump(told, file)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many pairs of runs, and how many tests the host has."""

    pairs: int = 40
    tests: int = 20


REDUCED = Size(pairs=2, tests=2)


def measure(size: Size = Size()) -> list[Row]:  # frozen
    """Alternate runs with and without the plugin; about a second a pair."""
    with tempfile.TemporaryDirectory() as folder:
        host = Path(folder)
        (host / "spy.py").write_text(SPY, encoding="utf-8")
        tests = "\n\n".join(f"def test_{number}():\n    assert {number} >= 0" for number in range(size.tests))
        (host / "test_host.py").write_text(f"{tests}\n", encoding="utf-8")
        _run(host), _run(host, "-p", "no:alignprops")  # fills the caches of bytecode
        pairs = [(_run(host), _run(host, "-p", "no:alignprops")) for _ in range(size.pairs)]
    ours, theirs = (tuple(told["cpu"] for told in side) for side in zip(*pairs, strict=True))
    odd = [pair for pair in pairs if [told["ours"] for told in pair] != [True, False]]
    idle = [pair for pair in pairs if any(told["passed"] != size.tests for told in pair)]
    added = 1e3 * (min(ours) - min(theirs))
    refused = "the plugin was not in one run and out of the other" if odd else "a test did not pass" if idle else ""
    if added < -NOISE_MS:
        refused = f"{-added:.1f} ms slower without the plugin; the machine is too busy"
    row = Row(
        name="plugin",
        what=f"CPU time that the plugin adds in a host repository of {size.tests} tests",
        against="pytest without it (-p no:alignprops)",
        value=added,
        unit="ms",
        target=TARGET_MS,
        at_most=True,
        ours=ours,
        theirs=theirs,
        checks=f"{size.pairs} alternating pairs of processes, {size.tests} tests passed in each",
        refused=refused,
    )
    return [row]


def _run(host: Path, *arguments: str) -> dict[str, Any]:
    """One run of pytest in `host`, as its spy tells; bytecode is cached outside of the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "SPY": str(host / "spy.json"),
        "PYTHONPYCACHEPREFIX": str(host / "bytecode"),
        "PYTHONPATH": str(host),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "spy", *ALONE, *arguments]
    subprocess.run(command, cwd=host, env=environment, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    told: dict[str, Any] = json.loads((host / "spy.json").read_text(encoding="utf-8"))
    return told
