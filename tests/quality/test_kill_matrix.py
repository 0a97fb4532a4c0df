"""Subjects made wrong on purpose are refuted: which theorem kills which."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from alignprops.evidence.kill_matrix import Cell, Fate, KillMatrix, attack, kill_matrix
from alignprops.registry import find_theorem, find_theorems
from alignprops.settings import Settings
from alignprops.subjects import kind_named, references_for
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Theorem

FEW = Settings(max_examples=12)
#: Those of host code are many, and have a file of their own.
THEOREMS = [theorem for theorem in find_theorems() if theorem.kind not in HOST_KINDS]
KINDS = {theorem.kind: kind_named(theorem.kind) for theorem in THEOREMS}
COUNTERFEITS = [(kind.name, name) for kind in KINDS.values() for name in kind.counterfeits]


@cache
def fates(theorem: Theorem) -> dict[str, Fate]:
    """A row: of every counterfeit that the theorem speaks of, at most a dozen instances each."""
    return {cell.counterfeit: cell.fate for cell in kill_matrix([theorem], FEW).cells}


def refuted(theorem: Theorem, counterfeit: str) -> bool:
    """One cell alone, so that no row is computed for its sake."""
    subject = KINDS[theorem.kind].counterfeits[counterfeit]
    return subject.silence(theorem) is None and attack(theorem, subject, FEW)[0] is Fate.KILLED


@pytest.mark.parametrize(("kind", "counterfeit"), COUNTERFEITS, ids=lambda part: part)
def test_every_counterfeit_is_refuted(kind: str, counterfeit: str) -> None:
    """Some theorem refutes each, within a dozen instances."""
    assert any(refuted(theorem, counterfeit) for theorem in THEOREMS if theorem.kind == kind)


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.id)
def test_a_row_is_as_promised(theorem: Theorem) -> None:
    """A cell for each counterfeit that it speaks of; none crashes, which would be found without any theorem.

    `counterfeits=True` excuses a theorem from a second mutant: it must earn that.
    """
    counterfeits = KINDS[theorem.kind].counterfeits
    row = fates(theorem)

    assert list(row) == [name for name, subject in counterfeits.items() if subject.silence(theorem) is None]
    assert Fate.ERROR not in row.values()
    assert not theorem.counterfeits or Fate.KILLED in row.values()


def test_the_reduction_refutes_every_wrong_engine() -> None:
    """Plain autograd training of the full head agrees with the honest engine alone."""
    assert set(fates(find_theorem("learning-dynamics.reduction")).values()) == {Fate.KILLED}


def test_only_the_reduction_sees_a_third_row() -> None:
    """All other theorems speak of u_t, which a third row does not enter."""
    mine = [theorem for theorem in THEOREMS if theorem.kind == "last-layer"]

    assert [t.id for t in mine if refuted(t, "moved-third-row")] == ["learning-dynamics.reduction"]


def test_what_a_theorem_refutes_alone_is_told() -> None:
    """Of the same kind; what merely survives or crashes refutes nothing."""
    told = [("a", "x", Fate.KILLED), ("a", "y", Fate.KILLED), ("b", "x", Fate.KILLED), ("b", "y", Fate.SURVIVED)]
    cells = [Cell(theorem, "head", counterfeit, fate, 1) for theorem, counterfeit, fate in told]
    matrix = KillMatrix((*cells, Cell("c", "loss", "y", Fate.KILLED, 1), Cell("a", "head", "z", Fate.ERROR, 1)))

    assert matrix.killers("head", "x") == ("a", "b")
    assert matrix.killers("head", "z") == ()
    assert matrix.alone("a") == ("y",)
    assert matrix.alone("b") == ()


@pytest.fixture
def rate() -> Theorem:
    """A quick theorem to attack with."""
    return find_theorem("learning-dynamics.initial-rate")


def test_an_honest_subject_survives_all_instances(rate: Theorem) -> None:
    """Its cell counts every instance: the explicit ones and those generated."""
    assert attack(rate, references_for(rate)[0], FEW) == (Fate.SURVIVED, FEW.max_examples)


def test_a_subject_that_raises_is_told_apart(rate: Theorem) -> None:
    """An error is no refutation."""

    def crash(problem: object) -> object:
        raise OSError("no engine")

    crashing = replace(references_for(rate)[0], id="crashing", get=lambda: crash)
    assert attack(rate, crashing, FEW) == (Fate.ERROR, 1)
