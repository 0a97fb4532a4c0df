"""What a folder holds, and whether a run in it may go on: only with the same settings, model, pairs and versions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from alignprops._errors import InputError
from alignprops.trace.files import read_json
from alignprops.trace.format import CHECKPOINT, END, FINAL, METADATA
from alignprops.trace.writer import require_empty, versions

#: Beginnings of the names that files have while they are being written.
_PARTS = (".metadata.json.", ".end.json.", ".steps-", ".evaluations-", ".states-", ".reference.", f".{FINAL}-")
#: Packages of which another version may round differently.
_DECISIVE = ("alignprops", "torch", "transformers", "numpy", "peft")


@dataclass(frozen=True, slots=True)
class FoundRun:
    """The run that a folder holds."""

    metadata: dict[str, Any]
    end: dict[str, Any] | None

    @property
    def finished(self) -> bool:
        """Whether it came to its last step."""
        return self.end is not None


def find_run(folder: Path, *, resume: bool) -> FoundRun | None:
    """The run to go on with; None if the folder is new or empty, also where that run was cut short before it began.

    Raises:
        InputError: the folder holds something else, or a run that is not to be resumed or cannot be.
    """
    if not (folder / METADATA).exists():
        require_empty(folder)
        return None
    metadata = read_json(folder / METADATA)
    end = read_json(folder / END) if (folder / END).exists() else None
    if not resume:
        told = "a run that was cut short, which --resume continues"
        if end is not None:
            told = "a finished run" if end["status"] == "finished" else f"a run that {end['status']}"
        raise InputError(f"{folder}: holds {told}; nothing is overwritten, choose another folder with --output")
    if end is not None and end["status"] != "finished":
        raise InputError(
            f"{folder}: the run {end['status']}: {end['message']}; begin another with other settings, such as a lower "
            f"learning rate, in another folder (--output)"
        )
    return FoundRun(metadata, end)


def require_same(folder: Path, then: Mapping[str, Any], now: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to go on with other settings, another model or other pairs, and name what differs.

    Raises:
        InputError: something differs.
    """
    settings = now.get("settings", {})
    other_settings = any(then.get("settings", {}).get(name) != value for name, value in settings.items())
    differing = [
        f"{_named(group, name)} was {_shown(then.get(group, {}).get(name))} and is {_shown(value)}"
        for group, values in now.items()
        for name, value in values.items()
        if then.get(group, {}).get(name) != value
        and not (other_settings and name == "fingerprint")  # a seed or a split changes the pairs as well
    ]
    if differing:
        raise InputError(
            f"{folder}: --resume goes on with the settings that a run began with; {'; '.join(differing)}; "
            f"give the same, or choose another folder with --output"
        )


def decisive_versions() -> dict[str, str]:
    """The versions that a run must go on with."""
    return {name: number for name, number in versions().items() if name in _DECISIVE}


def clear_parts(folder: Path) -> None:
    """Remove what a killed process was writing."""
    places = [folder, folder / CHECKPOINT]
    for entry in [entry for place in places if place.is_dir() for entry in place.iterdir()]:
        if entry.name.startswith((*_PARTS, ".checkpoint.")):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@contextmanager
def threads_of(metadata: Mapping[str, Any] | None) -> Iterator[int]:
    """As many threads as the run began with (sums are split among them, and rounded so); as before afterwards.

    Raises:
        InputError: torch does not take that number.
    """
    before = torch.get_num_threads()
    wanted = before if metadata is None else int(metadata["threads"])
    torch.set_num_threads(wanted)
    if torch.get_num_threads() != wanted:
        raise InputError(f"the run began with {wanted} threads, torch uses {torch.get_num_threads()} here")
    try:
        yield wanted
    finally:
        torch.set_num_threads(before)


def _named(group: str, name: str) -> str:
    return name if group == "settings" else f"{group} {name}"


def _shown(value: Any) -> str:
    return repr(value[:12] + "…" if isinstance(value, str) and len(value) > 40 else value)
