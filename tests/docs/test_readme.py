"""What the README says of commands and options is what they are."""

from __future__ import annotations

import argparse
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from alignprops.cli import build_parser
from alignprops.options import OPTIONS, Option
from alignprops.registry import find_theorems

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


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)\b", README))))
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


# --- theorems, the host's file and its failure --------------------------------------------------------------------


CATALOGUE = (ROOT / "docs" / "catalogue.md").read_text("utf-8")


def test_the_catalogue_is_that_of_the_registry() -> None:
    """Every registered theorem with its title, and nothing else."""
    listed = dict(re.findall(r"^\| `([a-z0-9.-]+)` \| (.+?) \| .+ \|$", CATALOGUE, re.MULTILINE))
    told = {theorem.id: re.sub(r" \([A-Z]+-[0-9a-z, –-]+\)", "", theorem.title) for theorem in find_theorems()}

    assert told == listed


def test_every_family_of_theorems_is_in_the_readme() -> None:
    """A glob or an id of the README's table for each theorem, and none that matches nothing."""
    patterns: list[str] = []
    for prefix, table in re.findall(
        r"^\| ids begin with `([a-z.-]+)` .*\n\| --- .*\n((?:\|.*\n)+)", README, re.MULTILINE
    ):
        patterns += [
            prefix + name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])
        ]
    ids = [theorem.id for theorem in find_theorems()]

    assert [theorem for theorem in ids if not any(fnmatchcase(theorem, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(theorem, pattern) for theorem in ids)] == []


#: The loss of the README's failure: β twice.
WRONG_LOSS = """
from torch.nn.functional import logsigmoid


def dpo_loss(policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps, beta=0.1):
    chosen = beta * (policy_chosen_logps - reference_chosen_logps)
    rejected = beta * (policy_rejected_logps - reference_rejected_logps)
    return -logsigmoid(beta * (chosen - rejected))
"""


def test_the_failure_is_the_one_that_the_host_file_gives(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's test file, run on the mistake that the README describes, word for word."""
    for name in ("CI", "ALIGNPROPS_PROFILE", "ALIGNPROPS_SEED"):
        monkeypatch.delenv(name, raising=False)
    block = re.search(r"fails with\n\n```text\n(.*?)\n```", README, re.DOTALL)
    host = re.search(r"A whole test file of your repository:\n\n```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    assert host is not None
    pytester.makepyfile(**{"mypkg/__init__": "", "mypkg/losses": WRONG_LOSS, "test_losses": host.group(1)})

    result = pytester.runpytest_subprocess("-k", "reference.value", "--strict-markers")

    printed = [line.removeprefix("E").strip() for line in result.outlines if line.startswith("E ")]
    printed[0] = printed[0].removeprefix("alignprops.claims.ClaimFailed: ")
    assert printed == [line.strip() for line in block.group(1).splitlines()]
