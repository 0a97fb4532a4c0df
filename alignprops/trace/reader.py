"""Reading a trace: opened only if it is whole, unedited and of one run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError
from alignprops.trace.files import read_columns, read_json
from alignprops.trace.format import (
    END,
    EVALUATION_FIGURES,
    METADATA,
    REFERENCE,
    SPLITS,
    STATE_COLUMNS,
    STEP_COLUMNS,
    Columns,
    Kind,
    When,
    chunk_name,
    states_name,
)
from alignprops.trace.writer import chunks

_REQUIRED = ("run", "behaviours", "counts", "settings", "model", "preferences")


@dataclass(frozen=True, eq=False)
class Trace:
    """The trace of one run, of a run that is still going on, or of one that was cut short.

    `steps` and `evaluations` are columns by name, as docs/trace.md lists them; both may be empty.
    """

    folder: Path
    metadata: dict[str, Any]
    steps: Columns
    evaluations: Columns
    end: dict[str, Any] | None
    """How the run ended; None while it goes on, and after it was cut short."""

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Trace:
        """Read a trace.

        Raises:
            InputError: it is no trace, of another version, half-written, edited, or mixed from two runs.
        """
        path = Path(folder)
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; expected a trace, as `alignprops train` writes it")
        metadata = read_json(path / METADATA)
        lacking = [key for key in _REQUIRED if key not in metadata]
        if lacking:
            raise InputError(f"{path / METADATA}: lacks {', '.join(lacking)}; train again into another folder")
        end = read_json(path / END) if (path / END).exists() else None
        if end is not None and end["run"] != metadata["run"]:
            raise InputError(f"{path / END}: of another run than the {METADATA} beside it")
        steps, evaluations = (_joined(path, metadata, kind, end) for kind in _KINDS)
        trace = cls(path, metadata, steps, evaluations, end)
        _require_columns(trace)
        return trace

    def __repr__(self) -> str:
        """One line: where, how many steps, how it ended."""
        steps, evaluations = len(self.steps["step"]), len(self.evaluations["step"])
        return f"Trace({str(self.folder)!r}: {self.status}, steps: {steps}, evaluations: {evaluations})"

    @property
    def status(self) -> str:
        """`finished`, `diverged`, or `not finished` while it goes on and after it was cut short."""
        return "not finished" if self.end is None else str(self.end["status"])

    @property
    def finished(self) -> bool:
        """Whether the run came to its last step and everything was saved."""
        return self.end is not None and self.end["status"] == "finished"

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The names of the behaviours, in the order of the columns."""
        return tuple(self.metadata["behaviours"])

    @property
    def settings(self) -> dict[str, Any]:
        """What the run was asked to do."""
        return dict(self.metadata["settings"])

    @cached_property
    def states_start(self) -> Columns | None:
        """Final hidden states of training pairs before training; None if none were recorded."""
        return self._states("start")

    @cached_property
    def states_end(self) -> Columns | None:
        """Final hidden states of the same pairs after training."""
        return self._states("end")

    @cached_property
    def reference(self) -> Columns | None:
        """Per pair of each split: reference log-probabilities, behaviour and sign."""
        path = self.folder / REFERENCE
        return read_columns(path, run=self.metadata["run"], kind="reference")[0] if path.exists() else None

    def _states(self, when: When) -> Columns | None:
        path = self.folder / states_name(when)
        if not path.exists():
            return None
        columns, _ = read_columns(path, run=self.metadata["run"], kind="states")
        if set(columns) != set(STATE_COLUMNS) or len({len(column) for column in columns.values()}) != 1:
            raise InputError(f"{path}: its columns are not those of hidden states; train again into another folder")
        return columns


_KINDS: tuple[Kind, ...] = ("steps", "evaluations")


def _joined(folder: Path, metadata: dict[str, Any], kind: Kind, end: dict[str, Any] | None) -> Columns:
    """All chunks of a kind, one behind the other."""
    parts: list[Columns] = []
    last = 0 if kind == "steps" else -1
    for path in chunks(folder, kind):
        columns, after = read_columns(path, run=metadata["run"], kind=kind)
        if after != last:
            raise InputError(
                f"{path}: {_after(kind, after)}, and the chunk before it is missing ({kind} are there "
                f"{'from none' if not parts else f'up to step {last}'}); train again into another folder"
            )
        steps = columns.get("step", np.zeros(0, np.int64))
        gaps = np.diff(np.concatenate([[last], steps]))
        if not len(steps) or (gaps < 1).any() or (kind == "steps" and (gaps > 1).any()):
            raise InputError(f"{path}: its steps are not in order; train again into another folder")
        last = int(steps[-1])
        parts.append(columns)
    if end is not None and end.get(f"last_{kind[:-1]}") != last:
        raise InputError(
            f"{folder}: the run ended with step {end.get(f'last_{kind[:-1]}')} of its {kind}, "
            f"these end with {last}: {chunk_name(kind, last + 1)} or a later chunk is missing"
        )
    return _concatenated(folder, kind, parts)


def _after(kind: Kind, step: int) -> str:
    """What a chunk says of the one before it."""
    return f"begins the {kind}" if step == (0 if kind == "steps" else -1) else f"goes on after step {step}"


def _concatenated(folder: Path, kind: Kind, parts: list[Columns]) -> Columns:
    if not parts:
        empty: dict[str, NDArray[Any]] = {name: np.zeros(0, dtype) for name, dtype in STEP_COLUMNS.items()}
        return empty if kind == "steps" else {"step": np.zeros(0, np.int64)}
    if any(set(part) != set(parts[0]) for part in parts):
        raise InputError(f"{folder}: its chunks of {kind} do not have the same columns")
    try:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    except ValueError as error:
        raise InputError(f"{folder}: its chunks of {kind} do not fit together ({error})") from error


def _require_columns(trace: Trace) -> None:
    """Refuse columns that are missing or of another shape than the metadata says."""
    if set(trace.steps) != set(STEP_COLUMNS) or any(column.ndim != 1 for column in trace.steps.values()):
        raise InputError(f"{trace.folder}: the columns of its steps are {', '.join(sorted(trace.steps))}")
    if not len(trace.evaluations["step"]):
        return
    behaviours = len(trace.behaviours)
    for split in SPLITS:
        counts = trace.metadata["counts"].get(split)
        if not counts:
            continue
        expected = {f"{split}.{name}": behaviours for name in EVALUATION_FIGURES} | {f"{split}.margins": sum(counts)}
        for name, width in expected.items():
            column = trace.evaluations.get(name)
            if column is None or column.shape != (len(trace.evaluations["step"]), width):
                told = "missing" if column is None else f"of shape {column.shape}"
                raise InputError(f"{trace.folder}: column {name} of its evaluations is {told}, expected (k, {width})")
