"""Subjects made wrong on purpose are refuted: which theorem kills which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alignprops.evidence.kill_matrix import Fate, KillMatrix, attack, kill_matrix
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
PROMISING = [theorem.id for theorem in THEOREMS if theorem.counterfeits]


@pytest.fixture(scope="module")
def matrix() -> KillMatrix:
    """All theorems against all counterfeits, a dozen instances a cell."""
    return kill_matrix(THEOREMS, FEW)


@pytest.mark.parametrize(("kind", "counterfeit"), COUNTERFEITS, ids=lambda part: part)
def test_every_counterfeit_is_refuted(matrix: KillMatrix, kind: str, counterfeit: str) -> None:
    """Some theorem refutes each, within a dozen instances."""
    assert matrix.killers(kind, counterfeit)


@pytest.mark.parametrize("theorem_id", PROMISING)
def test_a_theorem_that_promises_to_refute_counterfeits_does(matrix: KillMatrix, theorem_id: str) -> None:
    """`counterfeits=True` excuses a theorem from a second mutant: it must earn that."""
    assert Fate.KILLED in {cell.fate for cell in matrix.of_theorem(theorem_id)}


def test_the_reduction_refutes_every_wrong_engine(matrix: KillMatrix) -> None:
    """Plain autograd training of the full head agrees with the honest engine alone."""
    assert {cell.fate for cell in matrix.of_theorem("learning-dynamics.reduction")} == {Fate.KILLED}


def test_only_the_reduction_sees_a_third_row(matrix: KillMatrix) -> None:
    """All other theorems speak of u_t, which a third row does not enter."""
    assert matrix.killers("last-layer", "moved-third-row") == ("learning-dynamics.reduction",)


def test_counterfeits_are_wrong_and_not_broken(matrix: KillMatrix) -> None:
    """No measure raises on one: a counterfeit that crashes would be found without any theorem."""
    assert [cell for cell in matrix.cells if cell.fate is Fate.ERROR] == []


def test_the_matrix_has_a_cell_for_every_pair_of_a_kind(matrix: KillMatrix) -> None:
    """Theorems × counterfeits of their kinds that they speak of, once each."""
    expected = [
        (theorem.id, name)
        for theorem in THEOREMS
        for name, counterfeit in KINDS[theorem.kind].counterfeits.items()
        if counterfeit.silence(theorem) is None
    ]
    assert [(cell.theorem, cell.counterfeit) for cell in matrix.cells] == expected


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
