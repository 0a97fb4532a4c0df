"""Which theorems there are, and how they are named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
import sympy as sp
from specimens import IDENTITY, SQUARE, X, declare, squares

from alignprops import InputError, TheoremError, UnknownNameError, find_theorem, find_theorems, registry
from alignprops.installed import InstalledSuite
from alignprops.registry import load_suites, module_theorems, package_theorems, require_unique

MODULE = """
import sympy as sp
from specimens import IDENTITY as imported, SQUARE, X, declare, squares

first = declare(sp.Eq(SQUARE, X**2), squares, theorem_id="{family}.first.holds")
second = declare(sp.Le(SQUARE, X), squares, theorem_id="{family}.second.holds")
alias = first
for made in (first, second):
    object.__setattr__(made, "module", __name__)
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledSuite:
    """A suite of two files, installed as the only one."""
    package = tmp_path / "acme_registry"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "beta.py").write_text(MODULE.format(family="acme.beta"))
    (package / "inner" / "__init__.py").write_text(MODULE.format(family="acme.alpha"))
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("acme_registry")]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    found = InstalledSuite("acme", "acme_registry", package, None)
    monkeypatch.setattr(registry, "installed_suites", lambda: (found,))
    return found


def ids(theorems: object) -> list[str]:
    """The ids of theorems."""
    return [theorem.id for theorem in theorems]  # type: ignore[attr-defined]


def test_a_package_gives_its_own_theorems_in_the_order_of_its_files(acme: InstalledSuite) -> None:
    """Not those that it imports, and each once."""
    expected = ["acme.beta.first.holds", "acme.beta.second.holds", "acme.alpha.first.holds", "acme.alpha.second.holds"]

    assert ids(package_theorems(acme.package)) == expected
    assert ids(load_suites()["acme"].theorems) == expected


def test_a_module_does_not_own_what_it_imports() -> None:
    """An imported theorem belongs to the module that declares it."""
    module = ModuleType("elsewhere")
    module.__dict__.update(imported=IDENTITY)

    assert module_theorems(module) == []


def test_theorems_are_chosen_by_id_by_glob_and_by_suite(acme: InstalledSuite) -> None:
    """Each once, in the order of the patterns."""
    assert ids(find_theorems(["acme.beta.second.holds"])) == ["acme.beta.second.holds"]
    assert ids(find_theorems(["acme.*.first.*"])) == ["acme.beta.first.holds", "acme.alpha.first.holds"]
    assert len(find_theorems(["acme"])) == len(find_theorems()) == 4
    assert ids(find_theorems(["acme.alpha.*", "*"]))[:2] == ["acme.alpha.first.holds", "acme.alpha.second.holds"]
    assert find_theorem("acme.beta.first.holds").title == "A specimen."


def test_what_matches_nothing_is_told_with_the_nearest(acme: InstalledSuite) -> None:
    """Among theorems and suites."""
    with pytest.raises(
        UnknownNameError, match=r"unknown theorem 'acme.beta.frist.holds'; did you mean 'acme.beta.first"
    ):
        find_theorem("acme.beta.frist.holds")
    with pytest.raises(UnknownNameError, match=r"unknown theorem or suite 'acmee'; did you mean 'acme'"):
        find_theorems(["*", "acmee"])


def test_two_theorems_of_one_id_are_refused() -> None:
    """Reports and witnesses are keyed by id."""
    twin = declare(sp.Eq(SQUARE, X**2), squares, theorem_id=IDENTITY.id)

    require_unique([IDENTITY, IDENTITY])
    with pytest.raises(TheoremError, match=r"two theorems have the id 'specimen.square.identity': in .*; rename"):
        require_unique([IDENTITY, twin])


def test_duplicate_ids_across_suites_are_refused(acme: InstalledSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they come from two files."""
    assert acme.folder is not None
    (acme.folder / "gamma.py").write_text(MODULE.format(family="acme.beta"))
    importlib.invalidate_caches()

    with pytest.raises(TheoremError, match=r"two theorems have the id 'acme.beta.first.holds': in acme_registry"):
        load_suites()


def test_a_suite_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason that was found when it was looked for."""
    broken = InstalledSuite("gone", "gone_package", None, "the package 'gone_package' cannot be found; reinstall")
    monkeypatch.setattr(registry, "installed_suites", lambda: (broken,))

    with pytest.raises(InputError, match=r"the suite 'gone' cannot be used: the package 'gone_package' cannot be"):
        load_suites()
