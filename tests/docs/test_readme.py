"""What the README says of commands and options is what they are."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from alignprops.cli import build_parser
from alignprops.options import OPTIONS, Option

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def verbs() -> list[str]:
    """Return the verbs of the command line."""
    (action,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return list(action.choices)


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_in_the_table_of_commands(verb: str) -> None:
    """And nothing else needs to be remembered to use it."""
    assert re.search(rf"^\| `alignprops {verb}[ `]", README, re.MULTILINE), f"add `alignprops {verb}` to README.md"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`alignprops ([a-z]+)", README))))
def test_every_command_that_the_readme_names_exists(command: str) -> None:
    """No verb is promised before it is there."""
    assert command in verbs()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b", README))))
def test_every_make_target_that_the_readme_names_exists(target: str) -> None:
    """The two commands of the README among them."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def row(option: Option) -> str:
    """The line of the table of options that the README must have."""
    value = "" if option.is_flag else f" {option.metavar or '{' + ','.join(option.choices) + '}'}"
    environment = f"`{option.env}`" if option.env else ""
    return f"| `--{option.name}{value}` | {environment} | {option.help} |"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_the_table_of_options_is_that_of_the_code(option: Option) -> None:
    """One line an option, word for word."""
    assert row(option) in README.splitlines()
