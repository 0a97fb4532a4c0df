"""`alignprops run`: check the theorems of the installed suites; pytest does the work."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alignprops._errors import InputError
from alignprops.commands.options import add_configuration, configuration_from
from alignprops.ini_file import read_ini
from alignprops.options import OPTIONS
from alignprops.registry import find_theorems, load_suites
from alignprops.report.json_report import require_writable
from alignprops.theorems import Theorem

DEFAULT_REPORT_DIR = "alignprops-report"

#: pytest's exit status as ours; an interruption is told apart by `_Interruption`.
EXIT_CODES: Mapping[int, int] = {
    pytest.ExitCode.OK: 0,
    pytest.ExitCode.TESTS_FAILED: 1,
    pytest.ExitCode.INTERRUPTED: 2,
    pytest.ExitCode.INTERNAL_ERROR: 3,
    pytest.ExitCode.USAGE_ERROR: 2,
    pytest.ExitCode.NO_TESTS_COLLECTED: 5,
}


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "run",
        help="check the theorems of the installed suites",
        description="Check the theorems of the installed suites (all of them, or a selection). "
        "Writes report.json and junit.xml into the report folder.",
        usage="alignprops run [SUITE|GLOB ...] [options] [-- pytest arguments, e.g. -n 2]",
    )
    parser.add_argument("selection", nargs="*", metavar="SUITE|GLOB", help="a suite, a theorem id, or a glob of ids")
    add_configuration(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Select, check that the report can be written, and let pytest run."""
    configuration = configuration_from(arguments)
    theorems = find_theorems(arguments.selection or ["*"])
    folder = Path.cwd() / (configuration.report_dir or DEFAULT_REPORT_DIR)
    require_writable(folder)
    interruption = _Interruption()
    status = pytest.main(_pytest_arguments(arguments, theorems, folder), plugins=[interruption])
    return 130 if interruption.seen else EXIT_CODES.get(int(status), 3)


class _Interruption:
    """Tells Ctrl-C from pytest's other interruptions, such as an error during collection."""

    seen = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.seen = excinfo.type is KeyboardInterrupt


def _pytest_arguments(arguments: argparse.Namespace, theorems: list[Theorem], folder: Path) -> list[str]:
    """The command line of pytest: our plugin, nothing of the repository around, one argument a theorem."""
    isolated = ["-p", "alignprops", "-p", "no:cacheprovider", "-c", os.devnull, "--noconftest", "--no-header"]
    isolated.append("--assert=plain")  # suites are imported already, by the selection
    isolated.append(f"--rootdir={_common_folder()}")
    ini = read_ini(Path.cwd())
    settings: list[str] = []
    for option in OPTIONS:
        given = getattr(arguments, option.dest)
        if option.name == "report-dir":
            continue
        if given is not None:
            settings += _spelled(f"--alignprops-{option.name}", given)
        elif option.dest in ini:
            value = ini[option.dest]
            text = "\n".join(value) if isinstance(value, list) else value
            settings += ["-o", f"{option.ini}={text}"]
    reports = [f"--alignprops-report-dir={folder}", f"--junitxml={folder / 'junit.xml'}"]
    items = [f"{sys.modules[theorem.module].__file__}::{theorem.id}" for theorem in theorems]
    return [*isolated, *settings, *reports, *arguments.for_pytest, *items]


def _spelled(flag: str, given: Any) -> list[str]:
    if isinstance(given, bool):
        return [flag if given else flag.replace("--", "--no-", 1)]
    return [f"{flag}={value}" for value in (given if isinstance(given, list) else [given])]


def _common_folder() -> str:
    """Below which all suites lie, so that node ids begin with the name of a package."""
    roots = {suite.folder.parents[suite.package.count(".")] for suite in load_suites().values()}
    if not roots:
        raise InputError("no suite is installed; see `alignprops doctor`")
    return os.path.commonpath(roots)
