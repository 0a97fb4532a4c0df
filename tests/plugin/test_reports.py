"""Report folder, configuration sources, and what an unused plugin leaves behind: nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from theorem_files import FALSE, VACUOUS

from alignprops.report.json_report import json_schema

Write = Callable[..., Path]


def read(folder: Path) -> dict[str, object]:
    """Return the report in `folder`, after checking it against the schema."""
    report: dict[str, object] = json.loads((folder / "report.json").read_text("utf-8"))
    jsonschema.validate(report, json_schema(), cls=jsonschema.Draft202012Validator)
    return report


def test_the_report_fits_its_schema(pytester: pytest.Pytester, theorems: Write) -> None:
    """Held, refuted and vacuous claims alike."""
    theorems(FALSE, VACUOUS)

    pytester.runpytest("--alignprops-report-dir=out", "-k", "not vacuous::mutants")

    report = read(pytester.path / "out")
    assert report["totals"] == {
        "theorems": 3,
        "claims": {"of": 3, "proved": 1, "refuted": 1, "vacuous": 1},
        "mutants": {"of": 4, "killed": 4},
        "proofs": {"of": 1, "proved": 1},
    }


def test_an_interrupted_run_leaves_its_results(pytester: pytest.Pytester, theorems: Write) -> None:
    """What was found before Ctrl-C is written, and the status says that it is not all."""
    theorems("\ndef test_interrupted():\n    raise KeyboardInterrupt\n", FALSE)

    result = pytester.runpytest_subprocess("--alignprops-report-dir=out")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    report = read(pytester.path / "out")
    assert report["run"]["status"] == "interrupted"  # type: ignore[index]
    assert [claim["id"] for claim in report["claims"]] == ["squares.mean.upper-bound::toy"]  # type: ignore[attr-defined]


def test_a_crash_of_the_engine_is_an_error_in_the_report(
    pytester: pytest.Pytester, theorems: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that no verdict stands for is not lost: the claim is `error`."""
    theorems()
    monkeypatch.setattr("alignprops.engine.evaluate", lambda *_: 1 / 0)

    pytester.runpytest("-k", "toy", "--alignprops-report-dir=out")

    (claim,) = read(pytester.path / "out")["claims"]  # type: ignore[misc]
    assert claim["verdict"] == "error"
    assert claim["reason"] == "ZeroDivisionError: division by zero"


def test_an_unwritable_report_folder_is_refused_before_the_work(pytester: pytest.Pytester, theorems: Write) -> None:
    """A file in the way is a usage error; nothing runs."""
    theorems()
    pytester.makefile(".txt", out="in the way")

    result = pytester.runpytest("--alignprops-report-dir=out.txt")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: the report folder *out.txt cannot be written: *; choose another"])


@pytest.mark.parametrize("option", ["seed=-1", "seed=x", "max-examples=0"])
def test_bad_values_are_usage_errors(pytester: pytest.Pytester, theorems: Write, option: str) -> None:
    """A value that an option does not take stops the session with the option's name."""
    theorems()

    result = pytester.runpytest(f"--alignprops-{option}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --{option.partition('=')[0]}: * is not an integer of at least *"])


def test_the_sources_of_options_in_their_order(
    pytester: pytest.Pytester, theorems: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line > environment > ini > profile > default; the report tells each origin."""
    theorems()
    pytester.makeini(
        "[pytest]\nalignprops_seed = 1\nalignprops_strict = true\nalignprops_theorems =\n    squares.*\n    other.*\n"
    )
    monkeypatch.setenv("ALIGNPROPS_SEED", "2")
    monkeypatch.setenv("ALIGNPROPS_PROFILE", "thorough")

    pytester.runpytest("-k", "toy", "--alignprops-report-dir=out", "--alignprops-max-examples=5")

    told = read(pytester.path / "out")["run"]["configuration"]  # type: ignore[index]
    assert told["max_examples"] == {"value": 5, "origin": "command line"}
    assert told["seed"] == {"value": 2, "origin": "environment"}
    assert told["profile"] == {"value": "thorough", "origin": "environment"}
    assert told["strict"] == {"value": True, "origin": "ini"}
    assert told["theorems"] == {"value": ["squares.*", "other.*"], "origin": "ini"}
    assert told["max_seconds"] == {"value": 1800, "origin": "profile"}
    assert told["tier"] == {"value": "toy", "origin": "default"}


def test_unused_it_writes_no_file_and_prints_nothing(pytester: pytest.Pytester) -> None:
    """A host's own run is the same, line by line, except for the plugin's name in the header."""
    host = pytester.mkdir("host")
    (host / "test_one.py").write_text("def test_one(): pass\n")

    shown = [_lines(host), _lines(host, "-p", "no:alignprops")]

    assert shown[0] == shown[1]
    assert [path.name for path in host.iterdir() if path.name != "__pycache__"] == ["test_one.py"]


def _lines(host: Path, *arguments: str) -> list[str]:
    """What pytest prints in `host`, without the header's list of plugins and the time."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-rA", *arguments]
    done = subprocess.run(command, cwd=host, capture_output=True, text=True, check=True)
    kept = [line for line in done.stdout.splitlines() if not line.startswith("plugins: ")]
    return [re.sub(r" in [0-9.]+s", "", line) for line in kept] + done.stderr.splitlines()


def test_help_lists_every_option(pytester: pytest.Pytester) -> None:
    """Options and ini keys come from one table."""
    from alignprops.options import OPTIONS

    shown = pytester.runpytest("--help").stdout.str()

    for option in OPTIONS:
        assert f"--alignprops-{option.name}" in shown
        assert f"{option.ini} (" in shown
