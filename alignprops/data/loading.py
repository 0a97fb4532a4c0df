"""Preference data from JSONL files: one file a behaviour, named by the file's stem."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from alignprops._errors import DataError
from alignprops.data.names import safe_names, select
from alignprops.data.preferences import Behaviour, PreferenceSet, Statement
from alignprops.data.records import FileFormat, detect_format, parse_object, parse_statement

Source = str | os.PathLike[str]


def load_preferences(
    sources: Source | Sequence[Source],
    *,
    behaviours: Sequence[str] | None = None,
    max_statements: int | None = None,
) -> PreferenceSet:
    """Read preference statements from a JSONL file, several, or folders of them.

    Only the behaviours named are opened, and only the first `max_statements` lines of each are read.

    Raises:
        DataError: the data is malformed or insufficient; the message names the file and the line.
        UnknownNameError: a behaviour was asked for that no file holds.
    """
    if max_statements is not None and max_statements < 2:
        raise DataError(f"max statements is {max_statements}; a behaviour needs at least 2")
    files = _files([sources] if isinstance(sources, str | os.PathLike) else sources)
    names = safe_names([file.stem for file in files])
    read = [_read_behaviour(names[i], files[i], max_statements) for i in select(names, behaviours)]
    if not read:
        raise DataError("no behaviour was asked for; name at least one")
    formats = [file_format for _, file_format in read]
    if len(set(formats)) > 1:
        other = formats.index(next(f for f in formats if f != formats[0]))
        raise DataError(
            f"{read[other][0].source} is in {formats[other]} format and {read[0][0].source} in {formats[0]} "
            f"format; give the files of one format at a time"
        )
    return PreferenceSet(tuple(behaviour for behaviour, _ in read), formats[0])


def _files(sources: Sequence[Source]) -> list[Path]:
    if not sources:
        raise DataError("no preference data was given; expected a JSONL file or a folder of them")
    files = [file for source in sources for file in _expand(Path(source))]
    by_stem: dict[str, Path] = {}
    for file in files:
        if file.stem in by_stem:
            raise DataError(
                f"{by_stem[file.stem]} and {file} both hold the behaviour {file.stem!r}; "
                f"rename one (a behaviour is named by its file)"
            )
        by_stem[file.stem] = file
    return files


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.glob("*.jsonl") if file.is_file())
        if not found:
            raise DataError(f"{path}: no .jsonl file in this folder; expected one for each behaviour")
        return found
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; expected preference statements in JSONL")
    return [path]


def _read_behaviour(name: str, path: Path, max_statements: int | None) -> tuple[Behaviour, FileFormat]:
    statements: list[Statement] = []
    file_format: FileFormat | None = None
    for number, line in _lines(path):
        where = f"{path}:{number}"
        record = parse_object(line, where)
        if file_format is None:
            file_format = detect_format(record, where)
        statements.append(parse_statement(record, file_format, where=where, line=number))
        if len(statements) == max_statements:
            break
    if file_format is None:
        raise DataError(f"{path}: empty; expected one JSON object a line")
    _refuse_insufficient(statements, path, file_format, cut=len(statements) == max_statements)
    return Behaviour(name, tuple(statements), str(path)), file_format


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                if line.strip():
                    yield number, line
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number}: not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _refuse_insufficient(statements: list[Statement], path: Path, file_format: FileFormat, *, cut: bool) -> None:
    advice = "; raise max statements" if cut else ""
    if len(statements) == 1:
        raise DataError(f"{path}:{statements[0].line}: the only statement of its behaviour; at least 2 are needed")
    if file_format == "persona" and len({statement.chosen for statement in statements}) == 1:
        raise DataError(
            f"{path}: all {len(statements)} statements have one label ({statements[0].chosen!r}), "
            f"both classes are needed{advice}"
        )
