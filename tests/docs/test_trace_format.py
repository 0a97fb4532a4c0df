"""docs/trace.md names every column and file that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alignprops.trace import SCHEMA, Trace
from alignprops.trace import format as trace_format

PAGE = (Path(__file__).parents[2] / "docs" / "trace.md").read_text(encoding="utf-8")


def test_every_column_is_documented() -> None:
    """In the table of its section, with its type for the steps."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))

    assert rows == {name: kind.__name__ for name, kind in trace_format.STEP_COLUMNS.items()}
    for name in trace_format.EVALUATION_FIGURES:
        assert f"`{name}`" in PAGE.partition("## `evaluations`")[2].partition("## `reference`")[0]
    for name in trace_format.STATE_COLUMNS:
        assert f"`{name}`" in PAGE.partition("## `states-start`")[2]


def test_every_file_is_documented() -> None:
    """And the version is the one that is written."""
    assert f"`{SCHEMA}`" in PAGE
    for name in (trace_format.METADATA, trace_format.END, trace_format.REFERENCE, "states-start.safetensors"):
        assert f"`{name}`" in PAGE
    for name in (trace_format.CHECKPOINT, trace_format.FINAL):
        assert f"| `{name}/` |" in PAGE


def test_the_example_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty folder, and it leaves the trace that it tells of; its loss is what the evaluations see fall."""
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(import torch\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    exec(compile(code, "docs/trace.md", "exec"), {})  # noqa: S102  # our own page

    assert capsys.readouterr().out == "Trace('my-trace': finished, steps: 4, evaluations: 3)\n"
    trace = Trace.open("my-trace")
    assert trace.steps["loss"][0] == pytest.approx(0.6931, abs=1e-4)
    assert trace.steps["loss"][-1] < trace.steps["loss"][0]
