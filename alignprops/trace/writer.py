"""Writing a trace: rows are kept in memory until `flush`, which adds them to the folder as chunks."""

from __future__ import annotations

import platform
import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError
from alignprops.trace.files import read_columns, write_columns, write_json
from alignprops.trace.format import (
    END,
    METADATA,
    REFERENCE,
    REFERENCE_COLUMNS,
    SCHEMA,
    STATE_COLUMNS,
    STEP_COLUMNS,
    Columns,
    Kind,
    Split,
    When,
    chunk_first,
    chunk_name,
    states_name,
)

_PACKAGES = ("alignprops", "torch", "transformers", "numpy", "peft", "accelerate")


class _Tail(NamedTuple):
    """What of one kind is not on disk yet; replaced as a whole, so that no interruption finds half of it changed."""

    after: int
    """The last step on disk."""
    rows: list[dict[str, Any]]

    @property
    def last(self) -> int:
        """The last step recorded."""
        return int(self.rows[-1]["step"]) if self.rows else self.after


class TraceWriter:
    """Writes one trace. `create` begins it; `truncate` prepares one that was cut short to be gone on with."""

    def __init__(self, folder: Path, metadata: dict[str, Any]) -> None:
        self.folder = folder
        self.metadata = metadata
        self._tails: dict[Kind, _Tail] = {"steps": _Tail(0, []), "evaluations": _Tail(-1, [])}

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        behaviours: Sequence[str],
        counts: Mapping[Split, Sequence[int]],
        settings: Mapping[str, Any],
        model: Mapping[str, Any],
        preferences: Mapping[str, Any],
        threads: int,
    ) -> TraceWriter:
        """Begin a trace in an empty or new folder; `counts` has the pairs of each behaviour by split.

        Raises:
            InputError: the folder is not empty, or cannot be written.
        """
        require_empty(folder)
        metadata = {
            "schema": SCHEMA,
            "run": secrets.token_hex(16),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "command": sys.argv,
            "model": dict(model),
            "preferences": dict(preferences),
            "behaviours": list(behaviours),
            "counts": {split: [int(count) for count in numbers] for split, numbers in counts.items()},
            "settings": dict(settings),
            "threads": threads,
        }
        return cls(folder, write_json(folder / METADATA, metadata))

    def truncate(self, after: int) -> None:
        """Remove what was recorded after step `after` (−1: everything), to go on with a run that was cut short.

        Raises:
            InputError: what is to be kept is damaged.
        """
        for kind in ("steps", "evaluations"):
            self._truncate(kind, after)

    @property
    def run(self) -> str:
        """The random id of the run."""
        return str(self.metadata["run"])

    @property
    def last_step(self) -> int:
        """The last step recorded, 0 before the first."""
        return self._tails["steps"].last

    def step(
        self,
        step: int,
        *,
        loss: float,
        gradient_norm: float,
        head_change: float,
        parameter_change: float,
        learning_rate: float,
        tokens: int,
        seconds: float,
    ) -> None:
        """Record a step, counted from 1; the loss and its gradient are those before the update.

        Raises:
            InputError: it is not the step after the last one.
        """
        if step != self.last_step + 1:
            raise InputError(f"step {step} after step {self.last_step}: a trace records every step in order")
        given = (step, loss, gradient_norm, head_change, parameter_change, learning_rate, tokens, seconds)
        self._tails["steps"].rows.append(dict(zip(STEP_COLUMNS, given, strict=True)))

    def evaluation(self, step: int, columns: Mapping[str, ArrayLike]) -> None:
        """Record an evaluation after `step` steps: `<split>.<figure>` (K,) and `<split>.margins` (pairs of the split,).

        Raises:
            InputError: there is one of this or a later step already.
        """
        tail = self._tails["evaluations"]
        if step <= tail.last:
            raise InputError(
                f"evaluation at step {step} after one at step {tail.last}: evaluations are recorded in order"
            )
        tail.rows.append({"step": step, **{name: np.asarray(value, np.float64) for name, value in columns.items()}})

    def states(
        self, when: When, *, features: ArrayLike, signs: ArrayLike, behaviours: ArrayLike, rows: ArrayLike
    ) -> None:
        """Write the final hidden states (n, d) of training pairs; `rows` are their positions among these."""
        given = dict(zip(STATE_COLUMNS, (features, signs, behaviours, rows), strict=True))
        columns: Columns = {name: np.asarray(given[name], dtype) for name, dtype in STATE_COLUMNS.items()}
        write_columns(self.folder / states_name(when), columns, run=self.run, kind="states")

    def reference(self, splits: Mapping[Split, Mapping[str, ArrayLike]]) -> None:
        """Write the reference log-probabilities of every pair, with its behaviour and sign."""
        columns: Columns = {
            f"{split}.{name}": np.asarray(given[name], dtype)
            for split, given in splits.items()
            for name, dtype in REFERENCE_COLUMNS.items()
        }
        write_columns(self.folder / REFERENCE, columns, run=self.run, kind="reference")

    def flush(self) -> None:
        """Add the rows recorded since the last flush to the folder.

        Interrupted at any place, it may be called again: the same chunk is written again, or none.
        """
        for kind, tail in self._tails.items():
            if not tail.rows:
                continue
            write_columns(
                self.folder / chunk_name(kind, int(tail.rows[0]["step"])),
                _columns(kind, tail.rows),
                run=self.run,
                kind=kind,
                after=tail.after,
            )
            self._tails[kind] = _Tail(tail.last, [])

    def finish(self, *, status: str = "finished", message: str = "") -> None:
        """Flush, and say how the run ended: `finished`, or `diverged` and why. Nothing is recorded after it."""
        self.flush()
        end = {"schema": SCHEMA, "run": self.run, "status": status, "message": message}
        last = {f"last_{kind[:-1]}": tail.last for kind, tail in self._tails.items()}
        write_json(self.folder / END, end | last)

    def _truncate(self, kind: Kind, after: int) -> None:
        for path in chunks(self.folder, kind):
            first = chunk_first(path.name, kind)
            if first is not None and first > after:
                path.unlink()
                continue
            columns, before = read_columns(path, run=self.run, kind=kind)
            keep = columns["step"] <= after
            if not keep.all():
                write_columns(path, {n: c[keep] for n, c in columns.items()}, run=self.run, kind=kind, after=before)
            self._tails[kind] = _Tail(int(columns["step"][keep][-1]), [])


def chunks(folder: Path, kind: Kind) -> list[Path]:
    """The chunks of a kind, by their first step."""
    found = [(chunk_first(path.name, kind), path) for path in folder.iterdir()]
    return [path for _, path in sorted((first, path) for first, path in found if first is not None)]


def require_empty(folder: Path) -> None:
    """Refuse a folder that holds something; files that begin with a dot are remains of a write that was cut short."""
    if folder.is_file():
        raise InputError(f"{folder}: a file; a trace is a folder, choose another")
    if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise InputError(f"{folder}: not empty; choose a new folder for the trace")


def versions() -> dict[str, str]:
    """The versions of everything that a run depends on, of what is installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _columns(kind: Kind, rows: Sequence[Mapping[str, Any]]) -> Columns:
    if kind == "steps":
        return {name: np.array([row[name] for row in rows], dtype) for name, dtype in STEP_COLUMNS.items()}
    steps: NDArray[Any] = np.array([row["step"] for row in rows], np.int64)
    return {"step": steps} | {name: np.stack([row[name] for row in rows]) for name in rows[0] if name != "step"}
