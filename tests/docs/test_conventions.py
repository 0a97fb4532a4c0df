"""docs/conventions.md lists the formulas, options and conventions that the code knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignprops.conformance.specification import Specification
from alignprops.subjects import kind_named
from alignprops.subjects.adapters.forms import FORMS
from alignprops.subjects.kinds import HOST_KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text("utf-8")


def _specifications(kind: str) -> dict[str, Specification]:
    """The formulas of a kind, by name."""
    made = [subject.get().specification for subject in kind_named(kind).references]
    return {specification.name: specification for specification in made}


def _section(kind: str) -> str:
    return PAGE.partition(f"## `{kind}`\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_every_formula_of_a_kind_is_listed(kind: str) -> None:
    """And no other."""
    listed = {
        line.split("`")[1] for line in _section(kind).splitlines() if line.startswith("| `") and "--loss" not in line
    }

    assert listed == set(_specifications(kind))


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_options_and_conventions_are_listed(kind: str) -> None:
    """In the line of their formula."""
    lines = {line.split("`")[1]: line for line in _section(kind).splitlines() if line.startswith("| `")}
    for name, specification in _specifications(kind).items():
        told = [option.name for option in specification.options] + [v for v in specification.variants if v]
        assert [part for part in told if f"`{part}`" not in lines[name]] == []


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_forms_are_listed(kind: str) -> None:
    """Every form with what its inputs look like; those of the references among them."""
    used = {subject.get().form.partition(", ")[0] for subject in kind_named(kind).references} - {""}

    assert used <= set(FORMS[kind])
    assert [line for line in _section(kind).splitlines() if line.startswith("- `")] == [
        f"- `{name}`: {told}" for name, told in FORMS[kind].items()
    ]
