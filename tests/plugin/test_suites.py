"""Suites that are installed: collected wherever they lie, and reported where a host shadows them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest


def test_a_third_partys_suite_is_collected_by_its_folder(pytester: pytest.Pytester, acme: Path) -> None:
    """Files of installed suites need not be named like tests."""
    result = pytester.runpytest_subprocess(str(acme), "-v")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*squares.py::squares.mean.upper-bound::toy PASSED*"])


def test_a_theorem_file_outside_of_suites_is_left_alone(pytester: pytest.Pytester, acme: Path) -> None:
    """A host's module is no test file because it imports alignprops."""
    pytester.makepyfile(mypkg="import alignprops\nraise AssertionError('imported')\n")

    result = pytester.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_file_given_by_name_is_collected_once(pytester: pytest.Pytester, acme: Path) -> None:
    """pytest itself collects a file that is named on the command line."""
    result = pytester.runpytest_subprocess(str(acme / "squares.py"), str(acme))

    result.assert_outcomes(passed=3)


def test_entry_points_are_read_once_a_session(
    pytester: pytest.Pytester, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many files mention alignprops, the installed distributions are scanned once."""
    for number in range(5):
        pytester.makepyfile(**{f"module_{number}": "import alignprops\n"})
    scans: list[object] = []
    original: Callable[..., object] = metadata.entry_points
    monkeypatch.setattr(
        "alignprops.installed.entry_points", lambda **chosen: scans.append(chosen) or original(**chosen)
    )

    pytester.runpytest("-p", "no:cacheprovider")

    assert scans == [{"group": "alignprops.theorems"}]


def test_files_that_do_not_mention_alignprops_ask_for_nothing(
    pytester: pytest.Pytester, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a host repository that uses none of it the installed suites are not even looked up."""
    pytester.makepyfile(module="x = 1\n", test_one="def test_one(): pass\n")
    monkeypatch.setattr("alignprops.installed.entry_points", lambda **_: pytest.fail("looked up"))

    result = pytester.runpytest()

    result.assert_outcomes(passed=1)


def test_a_host_folder_that_shadows_a_suite_is_reported(pytester: pytest.Pytester, acme: Path) -> None:
    """The wrong `acme_theorems` is not collected, and the terminal says which folder to rename."""
    shadow = pytester.mkdir("host") / "acme_theorems"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("")
    (shadow / "squares.py").write_text("import alignprops\n")
    path = os.pathsep.join([str(shadow.parent), str(acme.parent)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        result = pytester.runpytest_subprocess(str(acme))

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines([f"*{shadow} shadows the installed package 'acme_theorems' in {acme.parent}*"])
