"""Subjects: their ids, their kinds, and the ways to name one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from specimens import HONEST, IDENTITY, QUICK, square

from alignprops import InputError, Kind, Subject, UnknownNameError, Verdict, register_kind
from alignprops.engine import evaluate
from alignprops.subjects import kind_named, kinds, parse_subject, references_for


@pytest.mark.parametrize("name", ["toy", "pkg.mod:fn", "model-name/behaviour", "A_1.2:b/c-d"])
def test_subject_ids_that_can_be_pasted(name: str) -> None:
    """Letters, digits and _ . : / -."""
    assert Subject(name, "specimen", lambda: square).id == name


@pytest.mark.parametrize("name", ["", "two words", "a::b", "mutants", "proof", "α", "a\n", "a[1]"])
def test_other_subject_ids_are_refused(name: str) -> None:
    """Also the names of a theorem's other items, and what would split a claim id in two."""
    with pytest.raises(InputError, match=r"subject id .*: expected letters, digits"):
        Subject(name, "specimen", lambda: square)


def test_a_kind_is_known_by_its_name() -> None:
    """A second of that name is refused, an unknown one told with the nearest."""
    assert kind_named("specimen").references == (HONEST,)
    assert references_for(IDENTITY) == (HONEST,)
    with pytest.raises(InputError, match=r"the kind 'specimen' is registered already; choose another name"):
        register_kind(Kind("specimen", "again", ()))
    with pytest.raises(UnknownNameError, match=r"unknown subject kind 'last-layers'; did you mean 'last-layer'"):
        kind_named("last-layers")


def test_built_in_kinds_are_imported_on_use() -> None:
    """Every name of the table leads to a kind of that name, with a reference."""
    for name in kinds._BUILT_IN:
        kind = kind_named(name)
        assert kind.name == name
        assert kind.references
        assert kind.protocol


def test_a_subject_is_named_by_object_or_by_path() -> None:
    """Both go through the kind's adapter."""
    by_path = parse_subject("specimens:square", "specimen")
    by_object = parse_subject(square, "specimen")

    assert by_path.id == by_object.id == "specimens:square"
    assert by_path.get() is by_object.get() is square
    assert not by_path.exact
    assert parse_subject(square, "specimen", subject_id="mine").id == "mine"
    assert evaluate(IDENTITY, by_path, QUICK).verdict is Verdict.HELD


def test_nameless_objects_get_ids_that_are_allowed() -> None:
    """Lambdas, local functions and partial functions."""

    def local(x: Any) -> Any:
        return x * x

    for thing in (lambda x: x * x, local, functools.partial(square)):
        assert parse_subject(thing, "specimen").kind == "specimen"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("specimens", "expected package.module:attribute"),
        (":square", "expected package.module:attribute"),
        ("specimens:", "expected package.module:attribute"),
        ("no_such_module:x", "the module no_such_module cannot be imported: ModuleNotFoundError"),
        ("..relative:x", "cannot be imported: TypeError"),
        ("specimens:sqare", "unknown attribute of specimens 'sqare'; did you mean 'square'"),
        ("specimens:square.nothing", "unknown attribute of specimens 'nothing'"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(spec: str, told: str) -> None:
    """With what was expected, or the nearest name."""
    with pytest.raises(InputError, match=told):
        parse_subject(spec, "specimen")


def test_a_module_that_raises_when_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of the user's module is an input error, whatever it raises."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raising_host.py").write_text("raise RuntimeError('no accelerator')")
    (tmp_path / "garbled_host.py").write_text("def (:")

    with pytest.raises(InputError, match=r"raising_host cannot be imported: RuntimeError: no accelerator"):
        parse_subject("raising_host:x", "specimen")
    with pytest.raises(InputError, match=r"garbled_host cannot be imported: SyntaxError"):
        parse_subject("garbled_host:x", "specimen")


def test_a_subject_of_another_kind_is_refused() -> None:
    """A theorem about squares has nothing to say of a trainer."""
    other = Subject("toy", "last-layer", lambda: square)

    with pytest.raises(InputError, match=r"is about a 'specimen' subject; toy is of kind 'last-layer'"):
        evaluate(IDENTITY, other, QUICK)
