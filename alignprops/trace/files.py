"""The files of a trace: written whole with a digest, and read back only if they are as they were written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from alignprops import atomic
from alignprops._errors import InputError
from alignprops.trace.format import SCHEMA, Columns, digest_of_columns, digest_of_json

_ADVICE = "train again into another folder"


def write_columns(path: Path, columns: Mapping[str, NDArray[Any]], *, run: str, kind: str, after: int = -1) -> None:
    """Write columns as one safetensors file; `after` is the last step before those of the file.

    Raises:
        InputError: it cannot be written there.
    """
    # safetensors stores the buffer as it lies: an array in Fortran order would come back wrong.
    whole = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    described = {"schema": SCHEMA, "run": run, "kind": kind, "after": str(after)}
    atomic.write_bytes(path, save(whole, {**described, "digest": digest_of_columns(whole, described)}))


def read_columns(path: Path, *, run: str, kind: str) -> tuple[Columns, int]:
    """The columns of a file and the last step before them.

    Raises:
        InputError: the file is missing, half-written, edited, of another version or of another run.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            described = dict(file.metadata() or {})
            columns = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: missing, half-written or no safetensors file ({_first_line(error)}); {_ADVICE}"
        ) from error
    require_schema(path, described.get("schema"))
    digest = described.pop("digest", None)
    if digest != digest_of_columns(columns, described):
        raise InputError(f"{path}: edited since it was written, its digest does not fit; {_ADVICE}")
    if described.get("run") != run:
        raise InputError(f"{path}: of another run than the metadata.json beside it; {_ADVICE}")
    if described.get("kind") != kind:
        raise InputError(f"{path}: holds {described.get('kind')}, expected {kind}; {_ADVICE}")
    return columns, int(described["after"])


def write_json(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write a JSON object with its digest, and return it."""
    whole = {**content, "digest": digest_of_json(content)}
    atomic.write_text(path, json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return whole


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote.

    Raises:
        InputError: it is missing, half-written, edited or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; expected a trace, as `alignprops train` writes it") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: half-written or no JSON ({_first_line(error)}); {_ADVICE}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a JSON {type(content).__name__}, expected an object; {_ADVICE}")
    require_schema(path, content.get("schema"))
    if content.get("digest") != digest_of_json(content):
        raise InputError(f"{path}: edited since it was written, its digest does not fit; {_ADVICE}")
    return content


def require_schema(path: Path, schema: Any) -> None:
    """Refuse another version."""
    if schema != SCHEMA:
        raise InputError(f"{path}: schema {schema!r}, this version of alignprops reads {SCHEMA!r}; {_ADVICE}")


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:119] + "…"
