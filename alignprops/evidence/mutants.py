"""Mutants: wrong versions of a statement, which the honest subject must refute."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

import sympy as sp

from alignprops.evidence.exact import Undecided
from alignprops.evidence.generation import drive, explicit_instances, restored_generators
from alignprops.evidence.inspection import Finding, Inspector
from alignprops.evidence.reading import NonFinite, blaming_the_measure
from alignprops.settings import Settings
from alignprops.theorems import Mutant, Theorem, mutant_given, mutant_states


class _AllDead(Exception):
    """Ends the generation early: nothing is left to kill."""


@dataclass(frozen=True, slots=True)
class Death:
    """The fate of a mutant: the name of the explicit instance or `generated`, and after how many instances."""

    name: str
    killed: bool
    by: str | None
    examples: int

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "killed": self.killed, "by": self.by, "examples": self.examples}


@dataclass(slots=True)
class _Hunt:
    """The mutants that share one source of instances, and those still alive among them."""

    inspector: Inspector
    alive: dict[str, Mutant]
    until: float
    seen: int = 0
    timed_out: bool = False
    nearest: dict[str, float] = field(default_factory=dict)
    dead: list[Death] = field(default_factory=list)

    def strike(self, instance: Any, by: str) -> None:
        """Measure once, and let every living mutant be judged on the same values."""
        self.seen += 1
        with blaming_the_measure(instance):
            measured = self.inspector.measure(instance)
            findings = {name: self._inspect(name, measured, instance) for name in self.alive}
        for name, finding in findings.items():
            if finding is None or not finding.effective:
                continue
            if finding.refuted:
                del self.alive[name]
                self.dead.append(Death(name, True, f"{by}, {finding.by}", self.seen))
            else:
                self.nearest[name] = min(self.nearest.get(name, 0.0), finding.reading.slack())

    def _inspect(self, name: str, measured: Mapping[sp.Symbol, Any], instance: Any) -> Finding | None:
        """The judgement of one mutant; None where it has no finite sides, which refutes nothing."""
        theorem, mutant = self.inspector.theorem, self.alive[name]
        states, given = mutant_states(theorem, mutant), mutant_given(theorem, mutant)
        beyond = self.nearest.get(name, 0.0)  # balls are asked about record near misses only: they cost
        try:
            return self.inspector.inspect(states, given, measured, instance, near_misses_beyond=beyond)
        except (NonFinite, Undecided):
            return None

    def generated(self, instance: Any) -> None:
        if time.monotonic() > self.until:
            self.timed_out = True
            return
        self.strike(instance, "generated")
        if not self.alive:
            raise _AllDead


@dataclass(frozen=True, slots=True)
class Deaths:
    """The fates of all mutants in the order of the theorem, and whether the time cap ended the hunt."""

    fates: tuple[Death, ...]
    timed_out: bool


def hunt(theorem: Theorem, subject: Any, *, exact: bool, settings: Settings) -> Deaths:
    """Look for a counter-example to every mutant of `theorem` on the honest `subject`.

    Raises:
        MeasureFailed: the measure raised, or broke its contract; the exception is chained.
        GenerationFailed: the instances cannot be generated.
    """
    fates: list[Death] = []
    timed_out = False
    until = time.monotonic() + (inf if settings.max_seconds is None else settings.max_seconds)
    for on, group in _by_source(theorem):
        inspector = Inspector(theorem, subject, exact, settings.alpha / settings.mutant_examples, settings.seed)
        chase = _Hunt(inspector, group, until)
        with restored_generators(), suppress(_AllDead):
            _explicit(chase, explicit_instances(theorem).items())
            name = f"{theorem.id}::mutants/{'+'.join(group)}"
            if chase.alive:
                drive(
                    on,
                    chase.generated,
                    name=name,
                    seed=settings.seed,
                    max_examples=settings.mutant_examples,
                    shrink=False,
                )
        fates += chase.dead + [Death(name, False, None, chase.seen) for name in chase.alive]
        timed_out |= chase.timed_out
    order = list(theorem.mutants)
    return Deaths(tuple(sorted(fates, key=lambda death: order.index(death.name))), timed_out)


def _explicit(chase: _Hunt, instances: Iterable[tuple[str, Any]]) -> None:
    for name, instance in instances:
        if chase.alive:
            chase.strike(instance, name)


def _by_source(theorem: Theorem) -> list[tuple[Any, dict[str, Mutant]]]:
    """Mutants grouped by where their counter-examples are looked for, so that each instance is measured once."""
    groups: dict[int, tuple[Any, dict[str, Mutant]]] = {}
    for name, mutant in theorem.mutants.items():
        on = theorem.on if mutant.on is None else mutant.on
        groups.setdefault(id(on), (on, {}))[1][name] = mutant
    return list(groups.values())
