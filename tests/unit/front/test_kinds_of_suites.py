"""A suite that says which kinds it is about tells the truth: none of its theorems would be overlooked."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from alignprops._errors import UnknownNameError
from alignprops.registry import find_theorems, load_suites, theorems_about

SUITES = load_suites()


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_names_the_kinds_of_its_theorems(name: str) -> None:
    """Exactly those."""
    kinds = importlib.import_module(SUITES[name].package).KINDS

    assert set(kinds) == {theorem.kind for theorem in SUITES[name].theorems}


def test_theorems_about_a_kind_are_those_of_all_suites() -> None:
    """As if every suite were loaded."""
    assert theorems_about("pairwise-loss") == [t for t in find_theorems() if t.kind == "pairwise-loss"]


def test_a_pattern_of_another_suite_selects_nothing_and_an_unknown_one_is_refused() -> None:
    """A glob that exists is no mistake."""
    assert theorems_about("pairwise-loss", ["learning-dynamics.*"]) == []
    with pytest.raises(UnknownNameError, match="did you mean"):
        theorems_about("pairwise-loss", ["preference-losses.referense.value"])


def test_the_suites_of_other_kinds_are_not_imported() -> None:
    """Who checks a loss does not wait for them."""
    code = (
        "import sys; from alignprops.registry import theorems_about; theorems_about('advantages');"
        "print([name for name in sys.modules if name.startswith('property_suites.learning_dynamics.')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
