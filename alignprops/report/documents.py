"""What `alignprops report` is given: files and folders, told apart by the schema that they name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alignprops._errors import DataError, InputError
from alignprops.report.fields import cleaned

EXPERIMENT: Final = "alignprops-experiment/1"
SUITE: Final = "alignprops-report/1"
MEASURE: Final = "alignprops-measure/1"
TRACE: Final = "alignprops-trace/1"
#: The JSON documents that are rendered; a trace is a folder.
SCHEMAS: Final = (EXPERIMENT, SUITE, MEASURE)
#: A trace folder holds this file.
TRACE_FILE: Final = "metadata.json"
#: How deep a folder is searched.
DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document, or the folder of a trace (whose content is its metadata)."""

    schema: str
    path: Path
    content: dict[str, Any]


def collect(paths: Iterable[str | Path]) -> list[Document]:
    """The documents that `paths` name or hold, each once, in the order given.

    A folder is searched four levels deep; JSON files without a schema of ours are passed over there, and so are traces
    that an experiment of the same folder refers to (its section tells of them).

    Raises:
        InputError: a path that does not exist, a damaged or foreign file, a folder that holds nothing.
    """
    found: dict[Path, Document] = {}
    for given in map(Path, paths):
        for document in _named(given) if given.is_file() else _within(given):
            found.setdefault(document.path.resolve(), document)
    return list(found.values())


def _named(path: Path) -> Iterator[Document]:
    content = _read(path)
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema == TRACE:
        yield Document(TRACE, path.parent, content)
        return
    if schema not in SCHEMAS:
        told = f"names the schema {schema!r}" if isinstance(schema, str) else "names no schema"
        raise InputError(f"{path} {told}; expected one of {', '.join(SCHEMAS)}, or the folder of a trace")
    yield Document(schema, path, content)


def _within(folder: Path) -> list[Document]:
    if not folder.is_dir():
        raise InputError(f"no such file or folder: {folder}; give JSON files that alignprops wrote, traces, or folders")
    found = list(_search(folder, DEPTH))
    if not found:
        raise InputError(f"{folder} holds nothing to report; expected {', '.join(SCHEMAS)} (JSON) or a trace folder")
    told = {
        (document.path.parent / name).resolve()
        for document in found
        if document.schema == EXPERIMENT
        for name in document.content.get("traces") or []
        if isinstance(name, str)
    }
    return [document for document in found if document.schema != TRACE or document.path.resolve() not in told]


def _search(folder: Path, depth: int) -> Iterator[Document]:
    if (folder / TRACE_FILE).is_file():
        metadata = _read(folder / TRACE_FILE)
        if _is_ours(metadata) and metadata["schema"].startswith("alignprops-trace/"):
            if metadata["schema"] != TRACE:
                raise InputError(f"{folder} is a trace of schema {metadata['schema']!r}; expected {TRACE}")
            yield Document(TRACE, folder, metadata)
            return
    for path in sorted(folder.glob("*.json")):
        if path.is_file() and _is_ours(_read(path)):
            yield from _named(path)
    if depth == 0:
        return
    with os.scandir(folder) as entries:
        below = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    for name in below:
        if not name.startswith("."):
            yield from _search(folder / name, depth - 1)


def _is_ours(content: Any) -> bool:
    schema = content.get("schema") if isinstance(content, dict) else None
    return isinstance(schema, str) and schema.startswith("alignprops-")


def _is_preferences(path: Path) -> bool:
    """Whether every line of a file is a JSON object, and the first one a preference statement."""
    from alignprops.data.records import detect_format, parse_object

    try:
        records = [parse_object(line, "") for line in path.read_text("utf-8").splitlines() if line.strip()]
        return bool(records) and bool(detect_format(records[0], ""))
    except (DataError, ValueError):
        return False


def _read(path: Path) -> Any:
    try:
        return cleaned(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        if _is_preferences(path):
            raise InputError(
                f"{path} is a file of preferences, which a report cannot show; give it to `alignprops measure MODEL` "
                f"or `alignprops train MODEL`, and what they write to `alignprops report`"
            ) from None
        raise InputError(f"{path} is no JSON: {error}; it may be damaged or half-written, make it again") from None
