"""The pytest plugin: options, and the collection of theorems as items.

In a host repository that uses none of it, it must cost nothing: this module imports the standard library and pytest
only, and everything else when the first theorem is collected.
"""

from __future__ import annotations

import argparse
import sys
import time
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alignprops import ambient
from alignprops.options import EXPECTED, EXPECTED_FILE, OPTIONS, REPORT_DIR, TIER, Option

if TYPE_CHECKING:
    from alignprops.config import Configuration

_configuration: pytest.StashKey[Configuration] = pytest.StashKey()
_folders = pytest.StashKey[tuple[Path, ...]]()
_problems = pytest.StashKey[tuple[str, ...]]()


# --- options ----------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every option of the table, on the command line and in the ini file."""
    group = parser.getgroup("alignprops", "alignprops: theorems about preference-based alignment")
    for option in OPTIONS:
        group.addoption(f"--alignprops-{option.name}", dest=option.ini, default=None, **_argument(option))
        kind: Any = "bool" if option.is_flag else "linelist" if option.repeatable else "string"
        parser.addini(option.ini, option.help, type=kind, default=None)


def _argument(option: Option) -> dict[str, Any]:
    if option.is_flag:
        return {"action": argparse.BooleanOptionalAction, "help": option.help}
    choices = {"choices": option.choices} if option.choices else {"metavar": option.metavar}
    return {"action": "append" if option.repeatable else "store", "help": option.help, **choices}


def configuration_of(config: pytest.Config) -> Configuration:
    """Resolve the options of this session, once; relative folders are meant from where they are written."""
    if _configuration not in config.stash:
        from alignprops._errors import InputError
        from alignprops.config import resolve, with_default_expected

        given = {option.dest: config.getoption(option.ini) for option in OPTIONS}
        ini = {option.dest: config.getini(option.ini) for option in OPTIONS}
        for name in (option.dest for option in OPTIONS if option.is_path):
            if given[name] is not None:
                given[name] = config.invocation_params.dir / given[name]
            if ini[name] is not None:
                ini[name] = config.rootpath / ini[name]
        try:
            resolved = resolve(given, ini=ini)
        except InputError as error:
            raise pytest.UsageError(str(error)) from None
        config.stash[_configuration] = with_default_expected(resolved, *_default_folders(config))
    return config.stash[_configuration]


def _default_folders(config: pytest.Config) -> tuple[Path, ...]:
    """Where files are looked for that nobody named."""
    return tuple(dict.fromkeys((config.rootpath, config.invocation_params.dir)))


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the recorder; refuse bad options and an unwritable report folder before any work."""
    config.addinivalue_line("markers", "alignprops: a claim, the mutants or the proofs of a theorem")
    config.add_cleanup(ambient.enter(partial(configuration_of, config)))
    if hasattr(config, "workerinput"):
        return  # a worker of pytest-xdist sends its results to the controller
    folder = None
    if _asked_for(config):
        folder = configuration_of(config).report_dir
        _require_usable(configuration_of(config))
    config.pluginmanager.register(Recorder(config, folder), "alignprops-recorder")


def _asked_for(config: pytest.Config) -> bool:
    """Whether something is asked of us before anything is collected; if not, the rest is left unread."""
    if any(config.getoption(option.ini) is not None for option in OPTIONS):
        return True
    if config.getini(REPORT_DIR.ini) or config.getini(EXPECTED.ini):
        return True
    return any((folder / EXPECTED_FILE).is_file() for folder in _default_folders(config))


def _require_usable(configuration: Configuration) -> None:
    """Refuse a report folder that cannot be written, and expected refutations that cannot be read."""
    from alignprops._errors import InputError
    from alignprops.expected import read_expectations

    try:
        if configuration.report_dir is not None:
            from alignprops.report.json_report import require_writable

            require_writable(configuration.report_dir)
        read_expectations(configuration.expected)
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


# --- collection -------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Read the data of the model tier before anything is collected: if it cannot be used, that is told once."""
    config = session.config
    if "model" not in (config.getoption(TIER.ini), config.getini(TIER.ini)):
        return
    from alignprops._errors import InputError
    from alignprops.claim_items import observed

    if configuration_of(config).tier == "model":
        try:
            observed(configuration_of(config))
        except InputError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the theorem files of installed suites, whatever their names; pytest itself takes care of the others."""
    if file_path.suffix != ".py" or b"alignprops" not in file_path.read_bytes():
        return None
    if parent.session.isinitpath(file_path) or _is_test_file(file_path, parent.config):
        return None
    if not any(file_path.is_relative_to(folder) for folder in _suite_folders(parent.config)):
        return None
    module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
    return module


def _is_test_file(file_path: Path, config: pytest.Config) -> bool:
    """Whether pytest collects the file by its name (the ini option `python_files`)."""
    patterns: list[str] = config.getini("python_files")
    return any(
        fnmatch(str(file_path), f"*/{pattern}") if "/" in pattern else fnmatch(file_path.name, pattern)
        for pattern in patterns
    )


def _suite_folders(config: pytest.Config) -> tuple[Path, ...]:
    if _folders not in config.stash:
        from alignprops.installed import installed_suites

        suites = installed_suites()
        for suite in suites:
            if suite.package not in sys.modules:
                pytest.register_assert_rewrite(suite.package)
        config.stash[_folders] = tuple(suite.folder for suite in suites if suite.folder and not suite.problem)
        config.stash[_problems] = tuple(f"suite {suite.name}: {suite.problem}" for suite in suites if suite.problem)
    return config.stash[_folders]


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> Any:
    """Turn a theorem into its collector, in the module that declares it."""
    theorem_module = sys.modules.get("alignprops.theorems")
    if theorem_module is None or type(obj) is not theorem_module.Theorem:
        return None
    from alignprops.claim_items import collect_theorem

    return collect_theorem(collector, name, obj)


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the theorems that `--alignprops-theorems` does not match, and see to the claims of a host's tests."""
    if "alignprops.claims" in sys.modules:
        from alignprops.claim_items import HostClaims, claim_of

        if any(claim_of(item) is not None for item in items):
            config.pluginmanager.register(HostClaims(), "alignprops-host-claims")
    claim_items = sys.modules.get("alignprops.claim_items")
    if claim_items is None:
        return
    from alignprops.expected_items import impossible_entries

    items += impossible_entries(items, session)
    globs = configuration_of(config).theorems
    if not globs:
        return
    ours = [item for item in items if isinstance(item, claim_items.TheoremItem)]
    dropped = {item for item in ours if not any(fnmatch(item.theorem.id, glob) for glob in globs)}
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))
        items[:] = [item for item in items if item not in dropped]


# --- results ----------------------------------------------------------------------------------------------------


class Recorder:
    """Keeps the results that come in on reports, from this process or from the workers of pytest-xdist."""

    def __init__(self, config: pytest.Config, folder: Path | None) -> None:
        self.config = config
        self.folder = folder
        self.started = time.time()
        self.results: list[dict[str, Any]] = []
        self.report: dict[str, Any] | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = getattr(report, "alignprops", None)
        if result is not None:
            self.results.append(result)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Assemble the report; also after an interruption, with the results so far."""
        if not self.results and self.folder is None:
            return
        from alignprops.report.json_report import assemble, describe_run, write

        status = pytest.ExitCode(exitstatus).name.lower() if exitstatus in set(pytest.ExitCode) else str(exitstatus)
        run = describe_run(configuration_of(self.config), self.started, status)
        self.report = assemble(run, self.results)
        if self.folder is not None:
            write(self.report, self.folder)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the claims with their counts, and what is wrong with suites that were met; nothing if there is none."""
        problems = self.config.stash.get(_problems, ())
        if self.results or problems:
            terminalreporter.section("alignprops", blue=True)
        if self.results and self.report is not None:
            terminalreporter.write(self._summary(terminalreporter.hasmarkup))
        if self.results and self.folder is not None:
            terminalreporter.write_line(f"report: {self.folder / 'report.json'}")
        for problem in problems:
            terminalreporter.write_line(problem, red=True)

    def _summary(self, colour: bool) -> str:
        from alignprops.report.terminal import summary

        assert self.report is not None
        width = self.config.get_terminal_writer().fullwidth
        return summary(self.report, table=self.config.get_verbosity() >= 0, colour=colour, width=width)
