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

#: Noise only adds, so the minimum is taken over so many runs.
RUNS = 25

SPY = """
    import json, os, sys

    def pytest_unconfigure(config):
        with open(os.environ["SPY"], "w") as file:
            json.dump(sorted(sys.modules), file)
"""

#: pytest itself takes fifty times what is measured, and varies by more than it: so the plugin's own parts are timed
#: (its import, its registration with its options, its hooks), in runs in one process; each imports the plugin anew.
TIMED = """
    import importlib.metadata, json, sys, time
    import pytest

    runs, watched, arguments = json.loads(sys.argv[1])
    spent, depth = {}, 0

    def timed(part, function):
        def call(*given, **named):
            global depth
            depth += 1
            start = time.process_time()
            try:
                return function(*given, **named)
            finally:
                depth -= 1
                if not depth:  # a part within a part is counted once
                    spent[part] = spent.get(part, 0.0) + time.process_time() - start
        return call

    def load(entry, original=importlib.metadata.EntryPoint.load):
        return timed("import", original)(entry) if entry.name == watched else original(entry)

    def register(manager, plugin, name=None, original=pytest.PytestPluginManager.register):
        if not (name or "").startswith(watched):
            return original(manager, plugin, name)
        told = timed("registration", original)(manager, plugin, name)
        for caller in manager.get_hookcallers(plugin) or ():
            for hook in caller.get_hookimpls():
                if hook.plugin is plugin:
                    assert not (hook.wrapper or hook.hookwrapper), "time generators, too"
                    hook.function = timed(caller.name, hook.function)
        return told

    importlib.metadata.EntryPoint.load = load
    pytest.PytestPluginManager.register = register
    told = []
    pytest.main([*arguments, "-p", f"no:{watched}"])
    known = set(sys.modules)
    for _ in range(runs):
        spent.clear()
        code = pytest.main(arguments)
        assert code == 0, (arguments, code)
        told.append({part: seconds * 1e3 for part, seconds in spent.items()})
        for name in set(sys.modules) - known:
            del sys.modules[name]
    print("\\n" + json.dumps(told))
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


def execute(host: Path, *arguments: str) -> str:
    """Run Python in `host` and return what it printed; bytecode is cached outside of the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "SPY": str(host / "spy.json"),
        "PYTHONPYCACHEPREFIX": str(host / "bytecode"),
        "PYTHONPATH": str(host),
    }
    command = [sys.executable, *arguments]
    ended = subprocess.run(
        command, cwd=host, env=environment, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return ended.stdout


def modules_of(host: Path) -> list[str]:
    """Run pytest in `host` and return the modules that were imported."""
    execute(host, "-m", "pytest", "-q", "-p", "spy", *ALONE)
    told: list[str] = json.loads((host / "spy.json").read_text())
    return told


def heavy(modules: list[str]) -> list[str]:
    """Return which heavy modules were imported."""
    return [name for name in HEAVY if name in modules]


def cpu_ms(host: Path, plugin: str = "alignprops", runs: int = RUNS) -> float:
    """CPU time of a plugin's parts in a pytest run that uses none of it: the smallest sum over `runs`."""
    (host / "timed.py").write_text(dedent(TIMED))
    printed = execute(host, "timed.py", json.dumps([runs, plugin, ["-q", *ALONE]]))
    told: list[dict[str, float]] = json.loads(printed.splitlines()[-1])
    assert all({"import", "registration", "pytest_configure"} <= set(parts) for parts in told), told
    return min(sum(parts.values()) for parts in told)


def test_nothing_heavy_is_imported_in_a_host_repository(host: Path) -> None:
    """Neither at import nor at collection."""
    modules = modules_of(host)

    assert "alignprops.pytest_plugin" in modules
    assert heavy(modules) == []


def test_reading_expected_refutations_imports_nothing_heavy(host: Path) -> None:
    """They are read before anything is collected."""
    (host / "alignprops-expected.toml").write_text('[[expected]]\ntheorem = "a"\nsubject = "b"\nreason = "c"\n')

    modules = modules_of(host)

    assert "alignprops.expected" in modules
    assert heavy(modules) == []


def test_the_import_test_can_fail(host: Path) -> None:
    """A host that does import numpy is seen to."""
    (host / "test_host.py").write_text("import numpy\n\ndef test_one():\n    assert True\n")

    assert heavy(modules_of(host)) == ["numpy"]


def test_the_plugin_costs_at_most_ten_milliseconds(host: Path) -> None:
    """CPU time that pytest without it does not spend."""
    assert cpu_ms(host) <= LIMIT_MS


def test_the_cost_test_can_fail(host: Path) -> None:
    """A plugin that burns half the limit at its import, half in a hook, and a little more, exceeds it."""
    burn = f"""
        import time

        def burn(config):
            end = time.process_time() + {0.51 * LIMIT_MS / 1e3}
            while time.process_time() < end:
                pass

        pytest_configure = burn
        burn(None)
    """
    (host / "burning.py").write_text(dedent(burn))
    (host / "burning-1.dist-info").mkdir()
    (host / "burning-1.dist-info" / "METADATA").write_text("Name: burning\nVersion: 1\n")
    (host / "burning-1.dist-info" / "entry_points.txt").write_text("[pytest11]\nburning = burning\n")

    assert cpu_ms(host, "burning", runs=5) > LIMIT_MS


def test_a_toy_claim_imports_no_model_library(host: Path) -> None:
    """Collecting and checking a torch-free theorem imports neither torch nor transformers."""
    (host / "test_host.py").write_text(THEOREMS)

    modules = modules_of(host)

    assert "alignprops.engine" in modules
    assert {"torch", "transformers"}.isdisjoint(heavy(modules))
