"""Options of verbs, generated from the table in `alignprops.config` or shared by several verbs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from alignprops import atomic
from alignprops._errors import InputError
from alignprops.config import Configuration, resolve, with_default_expected
from alignprops.ini_file import read_ini
from alignprops.options import OPTIONS
from alignprops.report.json_report import encoded


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Add every option of the table; the values stay text until they are resolved."""
    group = parser.add_argument_group("configuration", "as for pytest (there with the prefix --alignprops-)")
    for option in OPTIONS:
        if option.is_flag:
            group.add_argument(f"--{option.name}", action=argparse.BooleanOptionalAction, help=option.help)
            continue
        action = "append" if option.repeatable else "store"
        choices = {"choices": option.choices} if option.choices else {"metavar": option.metavar}
        group.add_argument(f"--{option.name}", action=action, help=option.help, **choices)


def configuration_from(arguments: argparse.Namespace) -> Configuration:
    """Resolve the configuration of a verb run in the current folder, its ini file included."""
    given = {option.dest: getattr(arguments, option.dest) for option in OPTIONS}
    return with_default_expected(resolve(given, ini=read_ini(Path.cwd())), Path.cwd())


def import_from_here() -> None:
    """Let subjects be modules of the current folder, as `python -m` does."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json FILE`."""
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (-: to standard output)")


def emit(arguments: argparse.Namespace, result: Any, text: str) -> None:
    """Print `text` (safe for a terminal), and write `result` where `--json` says; to standard output it goes alone."""
    if arguments.json == "-":
        sys.stdout.write(encoded(result))
        return
    if arguments.json is not None:
        atomic.write_text(Path(arguments.json), encoded(result))
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def require_result_place(path: str | None, *, folder_made: bool = False) -> None:
    """Refuse a result file that could not be written before the work is done; `folder_made`: its folder may be new."""
    if path is None or path == "-":
        return
    folder = Path(path).parent
    while folder_made and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.exists():
        raise InputError(f"cannot write {path}: the folder {folder} does not exist; create it or choose another")
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: {folder} is no folder that can be written; choose another")
    if Path(path).is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file in it")
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".alignprops-"):  # permissions do not tell all
            pass
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another place") from error
