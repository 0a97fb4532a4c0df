"""The kill matrix: which theorem refutes which counterfeit, a subject made wrong on purpose.

A cell ends with the first refutation; nothing is shrunk. A counterfeit on which the measure raises is told apart: the
claim is an error, which fails a run too, but nothing was refuted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alignprops.evidence.generation import drive, explicit_instances, restored_generators
from alignprops.evidence.inspection import Inspector
from alignprops.evidence.reading import MeasureFailed, blaming_the_measure
from alignprops.settings import Settings
from alignprops.subjects import Subject, kind_named
from alignprops.theorems import Theorem


class Fate(StrEnum):
    """What became of a counterfeit under a theorem."""

    KILLED = "killed"
    SURVIVED = "survived"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Cell:
    """One theorem against one counterfeit: its fate, and after how many instances."""

    theorem: str
    kind: str
    counterfeit: str
    fate: Fate
    examples: int


@dataclass(frozen=True, slots=True)
class KillMatrix:
    """All theorems against all counterfeits of their kinds."""

    cells: tuple[Cell, ...]

    def of_theorem(self, theorem_id: str) -> tuple[Cell, ...]:
        """The row of a theorem."""
        return tuple(cell for cell in self.cells if cell.theorem == theorem_id)

    def killers(self, kind: str, counterfeit: str) -> tuple[str, ...]:
        """The ids of the theorems that refute a counterfeit."""
        mine = (cell for cell in self.cells if (cell.kind, cell.counterfeit) == (kind, counterfeit))
        return tuple(cell.theorem for cell in mine if cell.fate is Fate.KILLED)

    def alone(self, theorem_id: str) -> tuple[str, ...]:
        """The counterfeits that this theorem refutes and no other does."""
        killed = (cell for cell in self.of_theorem(theorem_id) if cell.fate is Fate.KILLED)
        return tuple(c.counterfeit for c in killed if self.killers(c.kind, c.counterfeit) == (theorem_id,))


def kill_matrix(theorems: Iterable[Theorem], settings: Settings) -> KillMatrix:
    """Let every theorem attack every counterfeit of its kind, with `settings.max_examples` instances a cell."""
    return KillMatrix(tuple(cell for theorem in theorems for cell in _row(theorem, settings)))


def _row(theorem: Theorem, settings: Settings) -> Iterator[Cell]:
    for name, counterfeit in kind_named(theorem.kind).counterfeits.items():
        if counterfeit.silence(theorem) is not None:
            continue  # the theorem does not speak of it
        fate, examples = attack(theorem, counterfeit, settings)
        yield Cell(theorem.id, theorem.kind, name, fate, examples)


class _Decided(Exception):
    """Ends the attack: the counterfeit is refuted, or the measure raised."""


def attack(theorem: Theorem, subject: Subject, settings: Settings) -> tuple[Fate, int]:
    """The fate of a subject that should be refuted, and the number of instances that it took."""
    generated = max(1, round(settings.max_examples * theorem.effort))
    explicit = explicit_instances(theorem).values()
    alpha = settings.alpha / (generated + len(explicit))
    inspector = Inspector(theorem, subject.get(), theorem.exact and subject.exact, alpha, settings.seed)
    fate, seen = Fate.SURVIVED, 0

    def strike(instance: Any) -> None:
        nonlocal fate, seen
        if fate is Fate.SURVIVED:  # Hypothesis shows what ended the attack a second time
            fate = _meet(inspector, instance)
            seen += 1
        if fate is not Fate.SURVIVED:
            raise _Decided

    with restored_generators(), suppress(_Decided):
        for instance in explicit:
            strike(instance)
        name = f"{theorem.id}::{subject.id}"
        drive(theorem.on, strike, name=name, seed=settings.seed, max_examples=generated, shrink=False)
    return fate, seen


def _meet(inspector: Inspector, instance: Any) -> Fate:
    theorem = inspector.theorem
    try:
        with blaming_the_measure(instance):
            measured = inspector.measure(instance)
            finding = inspector.inspect(theorem.states, theorem.given, measured, instance)
    except MeasureFailed:
        return Fate.ERROR
    return Fate.KILLED if finding.refuted else Fate.SURVIVED
