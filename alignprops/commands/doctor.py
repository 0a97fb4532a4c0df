"""`alignprops doctor`: what is installed, where things are kept, and what is wrong with them."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from rich.text import Text

from alignprops._errors import AlignpropsError
from alignprops.commands.options import add_json, emit
from alignprops.commands.run import DEFAULT_REPORT_DIR
from alignprops.installed import InstalledSuite, installed_suites
from alignprops.registry import package_theorems
from alignprops.report.json_report import versions
from alignprops.report.terminal import counted, for_stdout


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `problem` says what is wrong and what to do, None if nothing is."""

    name: str
    found: str
    problem: str | None = None


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("doctor", help="versions, entry points and folders, and what is wrong with them")
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print every check; the exit code is 2 if one found a problem."""
    checks = [*_versions(), _plugin(), *map(_suite, installed_suites()), _cuda(), *_folders()]
    told = [{"name": check.name, "found": check.found, "problem": check.problem} for check in checks]
    problems = [check for check in checks if check.problem]
    emit(arguments, {"checks": told}, for_stdout(*map(_line, checks), _conclusion(problems), wrap=False))
    return 2 if problems else 0


def _line(check: Check) -> Text:
    text = Text(f"{check.name:<24}{check.found}")
    return text.append(f"\n    problem: {check.problem}", style="bold red") if check.problem else text


def _conclusion(problems: list[Check]) -> Text:
    if not problems:
        return Text("no problem found", style="green")
    return Text(counted(len(problems), "problem"), style="bold red")


def _versions() -> Iterator[Check]:
    yield Check("interpreter", sys.executable)
    for name, version in versions().items():
        missing = None if version else f"{name} is not installed; reinstall alignprops"
        yield Check(name, version or "missing", missing)


def _plugin() -> Check:
    found = [point.value for point in entry_points(group="pytest11") if point.name == "alignprops"]
    problem = None if found else "pytest does not know the plugin; reinstall alignprops"
    return Check("pytest plugin", ", ".join(found) or "not registered", problem)


def _suite(suite: InstalledSuite) -> Check:
    name = f"suite {suite.name}"
    if suite.problem:
        return Check(name, suite.package, suite.problem)
    try:
        theorems = package_theorems(suite.package)
    except (AlignpropsError, ImportError, SyntaxError) as error:
        return Check(name, suite.package, f"{type(error).__name__}: {error}")
    return Check(name, f"{suite.package}, {counted(len(theorems), 'theorem')}, in {suite.folder}")


def _cuda() -> Check:
    import torch

    if not torch.cuda.is_available():
        return Check("CUDA", "not available; models run on the CPU")
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Check("CUDA", ", ".join(devices))


def _folders() -> Iterator[Check]:
    from alignprops.models.tiny import cache_folder

    yield _writable("current folder", Path.cwd(), "use --report-dir for reports")
    yield _writable("report folder", Path.cwd() / DEFAULT_REPORT_DIR, "use --report-dir, or remove it")
    yield _writable("cache", cache_folder(), "set ALIGNPROPS_CACHE to a folder that can be written")


def _writable(name: str, folder: Path, advice: str) -> Check:
    """Whether `folder`, or the nearest parent that exists, can be written; nothing is left behind."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    told = str(folder) if existing == folder else f"{folder} (not made yet)"
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            return Check(name, told)
    except OSError as error:
        return Check(name, told, f"{existing} cannot be written ({error.strerror}): {advice}")
