"""Mistakes of real code, planted in the references: each is refuted, and every theorem about host code refutes one.

The whole matrix, with what each theorem refutes alone, is printed by `python -m benchmarks.kill_matrix`; here a row or
column ends with the first refutation.
"""

from __future__ import annotations

from functools import cache

import pytest

from alignprops.evidence.kill_matrix import Fate, attack
from alignprops.known_bugs import known_bugs
from alignprops.registry import find_theorems
from alignprops.settings import Settings
from alignprops.subjects import Subject, kind_named
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Theorem

FEW = Settings(max_examples=12)
KINDS = {name: kind_named(name) for name in HOST_KINDS}
#: By kind, those that compare with the formula first: they refute most.
THEOREMS = {
    kind: sorted((t for t in find_theorems() if t.kind == kind), key=lambda t: t.codes[:1] != ("REF",))
    for kind in HOST_KINDS
}
COUNTERFEITS = [(kind.name, name) for kind in KINDS.values() for name in kind.counterfeits]
ABOUT_HOST_CODE = [theorem for theorems in THEOREMS.values() for theorem in theorems]


@cache
def refutes(theorem: Theorem, counterfeit: Subject) -> bool:
    """Whether a theorem that speaks of a counterfeit refutes it, within its explicit instances and a few more."""
    return counterfeit.silence(theorem) is None and attack(theorem, counterfeit, FEW)[0] is Fate.KILLED


@pytest.mark.parametrize(("kind", "counterfeit"), COUNTERFEITS, ids=lambda part: part)
def test_every_counterfeit_is_refuted(kind: str, counterfeit: str) -> None:
    """Some theorem of its kind refutes it."""
    assert any(refutes(theorem, KINDS[kind].counterfeits[counterfeit]) for theorem in THEOREMS[kind])


@pytest.mark.parametrize("theorem", ABOUT_HOST_CODE, ids=lambda theorem: theorem.id)
def test_every_theorem_refutes_something(theorem: Theorem) -> None:
    """One that refutes no counterfeit would pass any mistake."""
    assert any(refutes(theorem, counterfeit) for counterfeit in KINDS[theorem.kind].counterfeits.values())


def test_there_are_counterfeits_from_the_list_of_known_bugs() -> None:
    """At least sixty name rows of the list, and only rows that there are."""
    mistakes = [mistake for kind in KINDS.values() if kind.conformance for mistake in kind.conformance.mistakes]

    assert sum(bool(mistake.bugs) for mistake in mistakes) >= 60
    assert {number for mistake in mistakes for number in mistake.bugs} <= {bug.number for bug in known_bugs()}


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_a_kind_explains_its_refutations(kind: str) -> None:
    """It has formulas to be named, mistakes to be compared with, and a counterfeit for each of its mistakes."""
    conformance = KINDS[kind].conformance

    assert conformance is not None
    assert conformance.formulas
    assert {mistake.name for mistake in conformance.mistakes} <= set(KINDS[kind].counterfeits)
