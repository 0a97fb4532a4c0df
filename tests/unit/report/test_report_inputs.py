"""What `alignprops report` refuses: one message, exit code 2, and nothing is written."""

from __future__ import annotations

import builtins
import json
import re
from pathlib import Path
from typing import Any

import example_documents as made
import pytest

from alignprops.cli import main
from alignprops.report.documents import TRACE, collect

#: A document, and what the message says of it.
FAULTS: dict[str, tuple[Any, str]] = {
    "no object": ([1, 2], "names no schema; expected one of alignprops-experiment/1, alignprops-report/1"),
    "no schema": ({"name": "x"}, "names no schema"),
    "another version": ({"schema": "alignprops-experiment/9"}, "names the schema 'alignprops-experiment/9'"),
    "no title": ({"schema": "alignprops-experiment/1", "name": "x"}, "title is missing; expected a text"),
    "a title of numbers": (made.experiment(title=7), "title is 7; expected a text"),
    "figures of texts": (made.experiment(figures=["x"]), "figures[0] is 'x'; expected an object"),
    "figures that are no list": (made.experiment(figures={}), "figures is an object; expected a list of objects"),
    "another kind": (
        made.experiment(figures=[made.curves(kind="pie")]),
        "figures[0].kind is 'pie'; expected one of curves, scatter, matrix, projection, bars",
    ),
    "another scale": (made.experiment(figures=[made.curves(x_scale="cubic")]), "x_scale is 'cubic'"),
    "lengths": (
        made.experiment(figures=[made.curves(made.panel(made.series(y=[1, 2])))]),
        "figures[0].panels[0].series[0].y is a list of 2; expected a list of 6 numbers",
    ),
    "a text among numbers": (
        made.experiment(figures=[made.curves(made.panel(made.series(y=[1, 2, 3, 4, 5, "6"])))]),
        "figures[0].panels[0].series[0].y",
    ),
    "a band of another length": (
        made.experiment(figures=[made.curves(made.panel(made.series(band={"low": [1], "high": [2]})))]),
        "series[0].band.low is a list of 1",
    ),
    "an interval upside down": (
        made.experiment(figures=[made.bars(bars=[{"name": "a", "value": 1, "interval": [2, 1]}])]),
        "bars[0].interval is a list of 2; expected the lower end first",
    ),
    "a ragged matrix": (
        made.experiment(figures=[made.matrix(values=[[1], [1, 2], [3]])]),
        "expected a list of 3 numbers",
    ),
    "too few rows": (
        made.experiment(figures=[made.matrix(values=[[1, 2, 3]])]),
        "values is a list of 1; expected 3 rows",
    ),
    "labels that are no integers": (
        made.experiment(figures=[made.projection(panels=[{"x": [1], "y": [1], "labels": [0.5]}])]),
        "expected a list of integers",
    ),
    "names of no labels": (made.experiment(figures=[made.projection(label_names={"yes": "Yes"})]), "label_names"),
    "a ragged table": (
        made.experiment(tables=[{"columns": ["a", "b"], "rows": [[1]]}]),
        "tables[0].rows is a list of 1; expected a list of rows of 2",
    ),
    "a measurement without a statement": (
        made.experiment(measurements=[{"id": "x"}]),
        "measurements[0].statement is missing",
    ),
    "a value that is a text": (
        made.experiment(measurements=[{"id": "x", "statement": "s", "value": "much"}]),
        "measurements[0].value is 'much'; expected a number",
    ),
    "another verdict": (
        made.suite(claims=[made.claim(verdict="true")]),
        "claims[0].verdict is 'true'; expected one of error",
    ),
    "a claim without a theorem": (made.suite(claims=[{"id": "x"}]), "claims[0].theorem is missing"),
    "a suite without a run": ({"schema": "alignprops-report/1"}, "run is missing; expected an object"),
    "a measurement without behaviours": (made.measurement(behaviours=None), "behaviours is null; expected an object"),
}


def refused(paths: list[Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The message; nothing may have been written."""
    output = folder / "never.html"
    code = main(["report", *map(str, paths), "--output", str(output)])
    assert code == 2
    assert not output.exists()
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    return told.err


@pytest.mark.parametrize(("document", "message"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_document_is_refused_with_its_place(
    document: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file, the place in it, what stands there, what was expected."""
    path = made.written(tmp_path, document)

    told = refused([path], tmp_path, capsys)
    assert message in told
    assert str(path) in told


@pytest.mark.parametrize("content", ["", '{"schema": "alignprops-exp', "[" * 100_000, "\xff\xfe"])
def test_a_damaged_file_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half-written, empty, or no UTF-8."""
    path = tmp_path / "damaged.json"
    path.write_bytes(content.encode("latin-1"))

    assert "damaged.json is no JSON" in refused([path], tmp_path, capsys)


def test_what_does_not_exist_or_holds_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong path, an empty folder, a folder of foreign JSON."""
    assert "no such file or folder" in refused([tmp_path / "absent"], tmp_path, capsys)
    made.written(tmp_path, {"other": 1})
    assert "holds nothing to report" in refused([tmp_path], tmp_path, capsys)


def test_a_damaged_trace_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of another version, and one that was edited."""
    folder = made.trace(tmp_path / "trace")
    metadata = folder / "metadata.json"
    whole = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**whole, "threads": 3}))
    assert "edited" in refused([folder], tmp_path, capsys)
    metadata.write_text(json.dumps({**whole, "schema": "alignprops-trace/9"}))
    assert "alignprops-trace/9" in refused([folder], tmp_path, capsys)


def test_a_format_that_does_not_exist_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is drawn."""
    path = made.written(tmp_path, made.suite())

    assert main(["report", str(path), "--format", "png,gif"]) == 2
    assert "--format names 'gif'; expected some of png, svg" in capsys.readouterr().err


def test_what_the_report_is_made_from_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is a folder taken for a file."""
    path = made.written(tmp_path, made.suite())

    assert main(["report", str(path), "--output", str(path)]) == 2
    assert "it is what the report is made from" in capsys.readouterr().err
    assert main(["report", str(path), "--output", str(tmp_path)]) == 2
    assert "it is a folder" in capsys.readouterr().err
    assert json.loads(path.read_text())["schema"] == "alignprops-report/1"


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_without_the_extra_the_command_that_installs_it_is_told(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a traceback."""
    real = builtins.__import__

    def absent(name: str, *rest: Any, **keywords: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **keywords)

    path = made.written(tmp_path, made.suite())
    monkeypatch.setattr(builtins, "__import__", absent)
    told = refused([path], tmp_path, capsys)

    assert f"{missing} is missing" in told
    assert "pip install 'alignprops[report]'" in told


def test_a_folder_is_searched_and_traces_of_an_experiment_are_left_to_it(tmp_path: Path) -> None:
    """Each document once, foreign JSON passed over."""
    made.written(tmp_path, {"other": 1}, "other.json")
    experiment = made.written(tmp_path, made.experiment(figures=[], traces=["runs/a"]), "experiment.json")
    made.trace(tmp_path / "runs" / "a")
    alone = made.trace(tmp_path / "runs" / "b")

    found = collect([tmp_path, experiment])
    assert [(document.schema, document.path) for document in found] == [
        ("alignprops-experiment/1", experiment),
        (TRACE, alone),
    ]
    assert [document.path for document in collect([tmp_path / "runs" / "a" / "metadata.json"])] == [
        tmp_path / "runs" / "a"
    ]


def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read; also where permissions seem to allow it."""
    monkeypatch.setattr("alignprops.report.html.make_report", lambda *_, **__: pytest.fail("work was done"))
    monkeypatch.setattr("os.access", lambda *_: True)
    for output in ("/proc/page.html", "/proc/new/page.html"):
        assert main(["report", "x.json", "--output", output]) == 2
        assert re.search(f"^error: cannot write {output}: .*; choose another place$", capsys.readouterr().err.strip())


def test_preferences_are_told_for_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A healthy JSONL file is not called damaged."""
    path = tmp_path / "risk.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n' * 2)

    assert "is a file of preferences, which a report cannot show; give it to" in refused([path], tmp_path, capsys)
    path.write_text('{"prompt": "a"}\n{')
    assert "is no JSON" in refused([path], tmp_path, capsys)
