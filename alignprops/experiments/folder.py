"""The folder of a reproduction: what it was made with, so that another one is not mixed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignprops import atomic
from alignprops._errors import InputError
from alignprops.report.json_report import encoded

SCHEMA = "alignprops-reproduction/1"
MARKER = "reproduction.json"


def claim_folder(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Begin a reproduction in a new or empty folder, or go on with one that was made with the same.

    Raises:
        InputError: the folder is a file, holds something else, or a reproduction that was made with something else.
    """
    marker = folder / MARKER
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose a folder with --output")
    if marker.exists():
        _require_same(folder, _read(marker), {"schema": SCHEMA, **made_with})
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no reproduction; choose a new folder with --output")
    atomic.write_text(marker, encoded({"schema": SCHEMA, **made_with}))


def _read(marker: Path) -> dict[str, Any]:
    try:
        found = json.loads(marker.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{marker} cannot be read ({error}); choose a new folder with --output") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise InputError(f"{marker} is not of schema {SCHEMA}; choose a new folder with --output")
    return found


def _require_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    plain = json.loads(encoded(dict(now)))  # tuples are lists in JSON
    other = [key for key in plain if before.get(key) != plain[key]]
    if other:
        told = ", ".join(f"{_option(key)} {_value(before.get(key))} (now {_value(plain[key])})" for key in other)
        raise InputError(f"{folder} was made with {told}; give the same, or choose a new folder with --output")


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
