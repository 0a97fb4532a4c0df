"""Mutants: wrong versions of a statement, which the honest subject must refute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from alignprops.evidence.generation import drive, explicit_instances, seeded_generators
from alignprops.evidence.inspection import Inspector
from alignprops.evidence.reading import measure
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
    seed: int
    seen: int = 0
    nearest: dict[str, float] = field(default_factory=dict)
    dead: list[Death] = field(default_factory=list)

    def strike(self, instance: Any, by: str) -> None:
        """Measure once, and let every living mutant be judged on the same values."""
        self.seen += 1
        theorem = self.inspector.theorem
        measured = measure(theorem, self.inspector.subject, instance)
        for name, mutant in list(self.alive.items()):
            states, given = mutant_states(theorem, mutant), mutant_given(theorem, mutant)
            beyond = self.nearest.get(name, 0.0)  # balls are asked about record near misses only: they cost
            finding = self.inspector.inspect(states, given, measured, instance, near_misses_beyond=beyond)
            if finding.refuted:
                del self.alive[name]
                self.dead.append(Death(name, True, f"{by}, {finding.by}", self.seen))
            elif finding.effective:
                self.nearest[name] = min(beyond, finding.reading.slack())

    def generated(self, instance: Any) -> None:
        self.strike(instance, "generated")
        if not self.alive:
            raise _AllDead


def hunt(theorem: Theorem, subject: Any, *, exact: bool, settings: Settings) -> list[Death]:
    """Look for a counter-example to every mutant of `theorem` on the honest `subject`."""
    deaths: list[Death] = []
    for on, group in _by_source(theorem):
        inspector = Inspector(theorem, subject, exact, settings.alpha / settings.mutant_examples)
        chase = _Hunt(inspector, group, settings.seed)
        _explicit(chase, explicit_instances(theorem).items())
        if chase.alive:
            try:
                name = f"{theorem.id}::mutants/{'+'.join(group)}"
                drive(
                    on,
                    chase.generated,
                    name=name,
                    seed=settings.seed,
                    max_examples=settings.mutant_examples,
                    shrink=False,
                )
            except _AllDead:
                pass  # what the hunt is for
        deaths += chase.dead + [Death(name, False, None, chase.seen) for name in chase.alive]
    order = list(theorem.mutants)
    return sorted(deaths, key=lambda death: order.index(death.name))


def _explicit(chase: _Hunt, instances: Iterable[tuple[str, Any]]) -> None:
    for name, instance in instances:
        if chase.alive:
            with seeded_generators(chase.seed):
                chase.strike(instance, name)


def _by_source(theorem: Theorem) -> list[tuple[Any, dict[str, Mutant]]]:
    """Mutants grouped by where their counter-examples are looked for, so that each instance is measured once."""
    groups: dict[int, tuple[Any, dict[str, Mutant]]] = {}
    for name, mutant in theorem.mutants.items():
        on = theorem.on if mutant.on is None else mutant.on
        groups.setdefault(id(on), (on, {}))[1][name] = mutant
    return list(groups.values())
