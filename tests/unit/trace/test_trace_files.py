"""A trace is read as it was written, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from alignprops import InputError, Trace
from alignprops.trace import SCHEMA, TraceWriter
from alignprops.trace.files import write_columns, write_json
from alignprops.trace.format import EVALUATION_FIGURES


def begun(folder: Path) -> TraceWriter:
    """A trace of two behaviours with three pairs."""
    return TraceWriter.create(
        folder,
        behaviours=["a", "b"],
        counts={"train": [2, 1]},
        settings={"method": "head"},
        model={"name": "m"},
        preferences={"sources": []},
        threads=1,
    )


def step(writer: TraceWriter, number: int) -> None:
    """Record a step."""
    figures = {"loss": 1 / number, "gradient_norm": 0.1, "head_change": 0.2, "parameter_change": 0.3}
    writer.step(number, **figures, learning_rate=0.5, tokens=7, seconds=0.01)


def evaluation(writer: TraceWriter, number: int) -> None:
    """Record an evaluation."""
    columns: dict[str, Any] = {f"train.{name}": [number, number + 0.5] for name in EVALUATION_FIGURES}
    writer.evaluation(number, columns | {"train.margins": [0.0, 1.0, number]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished trace of six steps in three chunks."""
    writer = begun(tmp_path / "trace")
    evaluation(writer, 0)
    for number in range(1, 7):
        step(writer, number)
        if number % 2 == 0:
            evaluation(writer, number)
            writer.flush()
    states = np.arange(6.0).reshape(2, 3)
    writer.states("start", features=np.asfortranarray(states), signs=[1, -1], behaviours=[0, 1], rows=[0, 2])
    writer.finish()
    return tmp_path / "trace"


def test_what_was_written_is_read(folder: Path) -> None:
    """Columns, states, metadata; arrays of any memory order."""
    trace = Trace.open(folder)

    assert trace.finished
    assert trace.behaviours == ("a", "b")
    assert trace.steps["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert trace.steps["tokens"].dtype == np.int64
    np.testing.assert_array_equal(trace.steps["loss"], 1 / np.arange(1, 7))
    assert trace.evaluations["step"].tolist() == [0, 2, 4, 6]
    assert trace.evaluations["train.accuracy"].shape == (4, 2)
    assert trace.evaluations["train.margins"][-1].tolist() == [0, 1, 6]
    assert trace.states_start is not None
    assert trace.states_start["features"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert trace.states_start["features"].dtype == np.float32
    assert trace.states_end is None
    assert sorted(path.name for path in folder.iterdir()) == [
        "end.json",
        "evaluations-00000000.safetensors",
        "evaluations-00000004.safetensors",
        "evaluations-00000006.safetensors",
        "metadata.json",
        "states-start.safetensors",
        "steps-00000001.safetensors",
        "steps-00000003.safetensors",
        "steps-00000005.safetensors",
    ]


def test_metadata_fit_the_schema_that_is_shipped(folder: Path) -> None:
    """And a field that is missing is noticed by it."""
    schema = json.loads(resources.files("alignprops.trace").joinpath("metadata.schema.json").read_text("utf-8"))
    metadata = json.loads((folder / "metadata.json").read_text("utf-8"))

    jsonschema.validate(metadata, schema)
    metadata.pop("run")
    with pytest.raises(jsonschema.ValidationError, match="'run' is a required property"):
        jsonschema.validate(metadata, schema)


def test_a_run_that_goes_on_is_read_as_far_as_it_came(tmp_path: Path) -> None:
    """Rows that were not flushed are not there yet."""
    writer = begun(tmp_path / "t")
    assert len(Trace.open(tmp_path / "t").steps["step"]) == 0
    step(writer, 1)
    writer.flush()
    step(writer, 2)

    trace = Trace.open(tmp_path / "t")

    assert trace.steps["step"].tolist() == [1]
    assert not trace.finished


def interrupted_flush(writer: TraceWriter, at: int) -> bool:
    """Flush, and press Ctrl-C at one of its instructions or at a line of `write_columns`; whether it came."""
    left, before, flush = at, sys.gettrace(), TraceWriter.flush.__code__

    def watch(frame: Any, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_code is not flush and frame.f_code is not write_columns.__code__:
            return None
        frame.f_trace_opcodes = frame.f_code is flush
        if event != "call" and left >= 0:
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return watch

    sys.settrace(watch)
    try:
        writer.flush()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupted_flush_can_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever Ctrl-C comes: what is on disk in the end is what an undisturbed writer puts there."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # only time would be lost
    places, was_interrupted = 0, True
    while was_interrupted:
        folder = tmp_path / f"{places}"
        writer = begun(folder)
        evaluation(writer, 0)
        step(writer, 1)

        was_interrupted = interrupted_flush(writer, places)
        writer.flush()
        step(writer, 2)
        writer.flush()

        trace = Trace.open(folder)
        assert trace.steps["step"].tolist() == [1, 2], places
        assert trace.evaluations["step"].tolist() == [0], places
        places += 1
    assert places > 100


@pytest.mark.parametrize("after", [-1, 0, 2, 3, 5, 6])
def test_truncation_leaves_what_came_before(folder: Path, after: int) -> None:
    """Whole chunks, a part of one, or nothing; and recording goes on right behind it."""
    (folder / "end.json").unlink()
    writer = TraceWriter(folder, json.loads((folder / "metadata.json").read_text("utf-8")))

    writer.truncate(after)

    trace = Trace.open(folder)
    assert trace.steps["step"].tolist() == list(range(1, after + 1))
    assert trace.evaluations["step"].tolist() == [s for s in (0, 2, 4, 6) if s <= after]
    step(writer, max(after, 0) + 1)
    writer.flush()
    assert Trace.open(folder).steps["step"].tolist() == list(range(1, max(after, 0) + 2))


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the arrays of a file, its description left as it is."""
    with safe_open(path, framework="numpy") as file:
        described, columns = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(columns)
    save_file(columns, path, described)


def _edit_loss(folder: Path) -> None:
    rewritten(folder / "steps-00000003.safetensors", lambda columns: columns.update(loss=columns["loss"] / 2))


def _cut_chunk(folder: Path) -> None:
    path = folder / "steps-00000003.safetensors"
    path.write_bytes(path.read_bytes()[:-9])


def _other_version(folder: Path) -> None:
    text = (folder / "metadata.json").read_text("utf-8")
    (folder / "metadata.json").write_text(text.replace(SCHEMA, "alignprops-trace/2"), "utf-8")


def _edit_metadata(folder: Path) -> None:
    text = (folder / "metadata.json").read_text("utf-8")
    (folder / "metadata.json").write_text(text.replace('"head"', '"full"'), "utf-8")


def _cut_metadata(folder: Path) -> None:
    text = (folder / "metadata.json").read_text("utf-8")
    (folder / "metadata.json").write_text(text[: len(text) // 2], "utf-8")


def _array_metadata(folder: Path) -> None:
    (folder / "metadata.json").write_text("[]", "utf-8")


def _no_metadata(folder: Path) -> None:
    (folder / "metadata.json").unlink()


def _poor_metadata(folder: Path) -> None:
    write_json(folder / "metadata.json", {"schema": SCHEMA, "run": "x"})


def _another_run(folder: Path) -> None:
    writer = begun(folder.parent / "third")
    for number in range(1, 7):
        step(writer, number)
        if number % 2 == 0:
            writer.flush()
    shutil.copy(folder.parent / "third" / "steps-00000003.safetensors", folder)


def _missing_middle(folder: Path) -> None:
    (folder / "steps-00000003.safetensors").unlink()


def _missing_end(folder: Path) -> None:
    (folder / "steps-00000005.safetensors").unlink()


def _missing_evaluation(folder: Path) -> None:
    (folder / "evaluations-00000006.safetensors").unlink()


def _wrong_kind(folder: Path) -> None:
    shutil.copy(folder / "evaluations-00000004.safetensors", folder / "steps-00000003.safetensors")


def _other_end(folder: Path) -> None:
    content = json.loads((folder / "end.json").read_text("utf-8"))
    write_json(folder / "end.json", content | {"run": "another"})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_edit_loss, r"steps-00000003.safetensors: edited since it was written, its digest does not fit"),
        (_cut_chunk, r"steps-00000003.safetensors: missing, half-written or no safetensors file"),
        (_other_version, r"metadata.json: schema 'alignprops-trace/2', this version of alignprops reads"),
        (_edit_metadata, r"metadata.json: edited since it was written"),
        (_cut_metadata, r"metadata.json: half-written or no JSON"),
        (_array_metadata, r"metadata.json: a JSON list, expected an object"),
        (_no_metadata, r"metadata.json: no such file; expected a trace, as `alignprops train` writes it"),
        (_poor_metadata, r"metadata.json: lacks behaviours, counts, settings, model, preferences"),
        (_another_run, r"steps-00000003.safetensors: of another run than the metadata.json beside it"),
        (
            _missing_middle,
            r"steps-00000005.safetensors: goes on after step 4, .* is missing \(steps are there up to step 2\)",
        ),
        (_missing_end, r"the run ended with step 6 of its steps, these end with 4: steps-00000005.safetensors or a"),
        (_missing_evaluation, r"the run ended with step 6 of its evaluations, these end with 4"),
        (_wrong_kind, r"steps-00000003.safetensors: holds evaluations, expected steps"),
        (_other_end, r"end.json: of another run"),
    ],
)
def test_damage_is_told(folder: Path, damage: Callable[[Path], None], told: str) -> None:
    """Another version, half-written, edited, mixed, incomplete: which file, and what is wrong with it."""
    damage(folder)

    with pytest.raises(InputError, match=told):
        Trace.open(folder)


def test_damaged_states_are_told_when_they_are_read(folder: Path) -> None:
    """The rest of the trace can be read."""
    rewritten(folder / "states-start.safetensors", lambda columns: columns.update(signs=-columns["signs"]))

    trace = Trace.open(folder)

    with pytest.raises(InputError, match=r"states-start.safetensors: edited since it was written"):
        _ = trace.states_start


def test_columns_must_fit_the_metadata(tmp_path: Path) -> None:
    """Three behaviours where the metadata names two."""
    writer = begun(tmp_path / "t")
    writer.evaluation(0, {f"train.{name}": [0, 1, 2] for name in EVALUATION_FIGURES} | {"train.margins": [0, 0, 0]})
    writer.flush()

    with pytest.raises(InputError, match=r"column train.loss of its evaluations is of shape \(1, 3\), expected"):
        Trace.open(tmp_path / "t")


def test_only_what_is_next_is_recorded(tmp_path: Path) -> None:
    """Steps without a gap, evaluations in order, in a folder of their own."""
    writer = begun(tmp_path / "t")
    with pytest.raises(InputError, match=r"step 2 after step 0: a trace records every step in order"):
        step(writer, 2)
    evaluation(writer, 4)
    with pytest.raises(InputError, match=r"evaluation at step 4 after one at step 4"):
        evaluation(writer, 4)
    with pytest.raises(InputError, match=r"not empty; choose a new folder for the trace"):
        begun(tmp_path / "t")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: a file; a trace is a folder"):
        begun(tmp_path / "file")
    with pytest.raises(InputError, match=r"no such folder; expected a trace"):
        Trace.open(tmp_path / "nowhere")
