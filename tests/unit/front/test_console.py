"""The command as it is started: light, and quiet when it is interrupted."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest

from alignprops import console
from alignprops.cli import VERBS, build_parser

INTERRUPTED_IMPORT = """
import runpy, sys
class Interrupted:
    @staticmethod
    def find_spec(name, *rest):
        if name == "alignprops.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted)
sys.argv = ["alignprops", "train"]
runpy.run_module("alignprops", run_name="__main__")
"""


def test_an_interruption_while_modules_are_imported_is_told_in_a_word() -> None:
    """Exit code 130 and no traceback, through `python -m alignprops`."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_the_installed_command_goes_the_same_way() -> None:
    """The console script is the function that catches it."""
    (script,) = entry_points(group="console_scripts", name="alignprops")
    assert script.load() is console.main


def test_help_imports_nothing_heavy() -> None:
    """The verbs are listed without their modules."""
    code = (
        "import sys; from alignprops.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print([name for name in ('sympy', 'torch', 'numpy', 'pytest', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "leave a trace" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_lines_of_help_are_those_of_the_verbs() -> None:
    """What is told without an import is what the verb says of itself."""
    assert _told(build_parser()) == _told(build_parser("")) == {verb: told for verb, (_, told) in VERBS.items()}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_options_when_it_is_asked_for(verb: str) -> None:
    """Only its own module is needed for it."""
    (own,) = [action for action in build_parser(verb)._actions if isinstance(action, argparse._SubParsersAction)]
    assert own.choices[verb].get_default("execute") is not None


def _told(parser: argparse.ArgumentParser) -> dict[str, Any]:
    (verbs,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {choice.dest: choice.help for choice in verbs._choices_actions}
