"""What the plugin costs a host repository that does not use it: nearly nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from theorem_files import THEOREMS

HEAVY = ("flint", "hypothesis", "numpy", "rich", "safetensors", "sympy", "torch", "transformers")

#: Design, section 6: at most this much CPU time over pytest without the plugin.
LIMIT_MS = 10.0

#: Pairs of runs: the minimum is taken, and noise only adds, so more are tried while the limit is exceeded.
FEWEST, MOST = 5, 40

SPY = """
    import json, os, sys, time

    def pytest_unconfigure(config):
        told = {"modules": sorted(sys.modules), "cpu": time.process_time()}
        with open(os.environ["SPY"], "w") as file:
            json.dump(told, file)
"""

#: Other plugins that are installed beside ours import heavy modules of their own.
ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:anyio")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host repository: a module, a test file, and a spy that tells what was imported and the CPU time."""
    (tmp_path / "mypkg.py").write_text("VALUE = 1\n")
    (tmp_path / "test_host.py").write_text("def test_one():\n    assert True\n")
    (tmp_path / "spy.py").write_text(dedent(SPY))
    return tmp_path


def run(host: Path, *arguments: str) -> dict[str, object]:
    """Run pytest in `host` and return what the spy told; bytecode is cached outside of the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "SPY": str(host / "spy.json"),
        "PYTHONPYCACHEPREFIX": str(host / "bytecode"),
        "PYTHONPATH": str(host),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "spy", *ALONE, *arguments]
    subprocess.run(command, cwd=host, env=environment, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    told: dict[str, object] = json.loads((host / "spy.json").read_text())
    return told


def heavy(told: dict[str, object]) -> list[str]:
    """Return which heavy modules were imported."""
    modules = told["modules"]
    assert isinstance(modules, list)
    return [name for name in HEAVY if name in modules]


def extra_cpu_ms(host: Path, *arguments: str) -> float:
    """CPU time of pytest with `arguments` over pytest without the plugin: nearly minima, over alternating processes."""
    with_plugin: list[float] = []
    without: list[float] = []
    for pair in range(MOST):
        with_plugin.append(float(str(run(host, *arguments)["cpu"])))
        without.append(float(str(run(host, "-p", "no:alignprops")["cpu"])))
        extra = (_smallest(with_plugin[1:]) - _smallest(without[1:])) * 1e3  # the first pair fills caches
        if pair >= FEWEST and extra <= LIMIT_MS:
            break
    return extra


def _smallest(seconds: list[float]) -> float:
    """The second smallest: one run that caught a fast moment of the machine decides nothing."""
    return sorted(seconds)[min(1, len(seconds) - 1)] if seconds else 0.0


def test_nothing_heavy_is_imported_in_a_host_repository(host: Path) -> None:
    """Neither at import nor at collection."""
    told = run(host)

    assert "alignprops.pytest_plugin" in told["modules"]  # type: ignore[operator]
    assert heavy(told) == []


def test_reading_expected_refutations_imports_nothing_heavy(host: Path) -> None:
    """They are read before anything is collected."""
    (host / "alignprops-expected.toml").write_text('[[expected]]\ntheorem = "a"\nsubject = "b"\nreason = "c"\n')

    told = run(host)

    assert "alignprops.expected" in told["modules"]  # type: ignore[operator]
    assert heavy(told) == []


def test_the_import_test_can_fail(host: Path) -> None:
    """A host that does import numpy is seen to."""
    (host / "test_host.py").write_text("import numpy\n\ndef test_one():\n    assert True\n")

    assert heavy(run(host)) == ["numpy"]


def test_the_plugin_costs_at_most_ten_milliseconds(host: Path) -> None:
    """CPU time over pytest without it."""
    assert extra_cpu_ms(host) <= LIMIT_MS


def test_the_cost_test_can_fail(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that burns ten times the limit is seen to exceed it, however noisy the machine."""
    monkeypatch.setattr(sys.modules[__name__], "MOST", FEWEST + 2)
    burn = f"""
        import time

        end = time.process_time() + {10 * LIMIT_MS / 1e3}
        while time.process_time() < end:
            pass
    """
    (host / "burning.py").write_text(dedent(burn))

    assert extra_cpu_ms(host, "-p", "burning") > LIMIT_MS


def test_a_toy_claim_imports_no_model_library(host: Path) -> None:
    """Collecting and checking a torch-free theorem imports neither torch nor transformers."""
    (host / "test_host.py").write_text(THEOREMS)

    told = run(host)

    assert "alignprops.engine" in told["modules"]  # type: ignore[operator]
    assert {"torch", "transformers"}.isdisjoint(heavy(told))
