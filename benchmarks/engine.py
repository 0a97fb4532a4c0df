"""What the engine adds to a sampled example, against the same check as a bare Hypothesis test.

Both run the theorem's own measure on the same inputs (the same strategy and seed; the inputs are compared). The bare
test evaluates premises and relations as numpy code with a tolerance that somebody chose; the engine follows rounding
errors, counts premises and measures doubts again in ball arithmetic. (The error bounds that a measure computes are
paid for on both sides.) The runs alternate in one process, minima of CPU time count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import hypothesis
import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops.atoms import Atom
from alignprops.engine import evaluate
from alignprops.evidence.fingerprint import fingerprint
from alignprops.evidence.generation import (
    derived_seed,
    explicit_instances,
    generation_settings,
    without_local_constants,
)
from alignprops.evidence.sampled import sample
from alignprops.measured import Bounded
from alignprops.registry import find_theorem
from alignprops.settings import Settings
from alignprops.subjects import Subject, references_for
from alignprops.theorems import Theorem
from benchmarks.row import Row

THEOREMS = (
    "learning-dynamics.initial-rate",
    "learning-dynamics.secant-form",
    "learning-dynamics.update-rate.upper-bound",
    "learning-dynamics.update-rate.paid-by-loss",
    "learning-dynamics.loss.any-step",
    "learning-dynamics.priority.first-step",
)
TARGET = 1.5
#: What a bare test might allow for; an honest subject must pass it, or the baseline checks something else.
RELATIVE, ABSOLUTE = 1e-6, 1e-9
#: A bare example that is much faster than drawing and measuring can be checks nothing.
FASTEST_PLAUSIBLE = 1e-4


@dataclass(frozen=True, slots=True)
class Size:
    """How many theorems, examples a run, and rounds."""

    theorems: tuple[str, ...] = THEOREMS
    examples: int = 100
    rounds: int = 7


REDUCED = Size(theorems=THEOREMS[:2], examples=20, rounds=2)


def measure(size: Size = Size()) -> list[Row]:  # frozen
    """Time both on every theorem; under a minute."""
    cases = [_Case(find_theorem(name), size.examples) for name in size.theorems]
    refused = ""
    for case in cases:  # warm both: caches, compiled relations, decided proofs
        case.bare()
        case.engine()
        refused = case.difference() or refused
    for _ in range(size.rounds):
        for case in cases:
            case.ours.append(_seconds(case.engine))
            case.theirs.append(_seconds(case.bare))
    ours, theirs = (tuple(map(sum, zip(*times, strict=True))) for times in _per_example(cases))
    if min(theirs) / len(cases) < FASTEST_PLAUSIBLE:
        refused = refused or f"{min(theirs) / len(cases):.1e} s an example is too fast to be a check"
    each = ", ".join(f"{case.name} {min(case.ours) / min(case.theirs):.2f}×" for case in cases)
    row = Row(
        name="engine",
        what=f"engine, one sampled example of each of {len(cases)} theorems",
        against="the same measure and inputs as a bare Hypothesis test",
        target=TARGET,
        value=min(ours) / min(theirs),
        unit="×",
        ours=ours,
        theirs=theirs,
        checks=f"{size.examples} examples a run, {size.rounds} rounds, the same inputs on both sides; {each}",
        refused=refused,
        at_most=True,
    )
    return [row]


def _per_example(cases: list[_Case]) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds an example, by case and round: ours and theirs."""
    ours = [[seconds / len(case.seen) for seconds in case.ours] for case in cases]
    theirs = [[seconds / len(case.seen) for seconds in case.theirs] for case in cases]
    return ours, theirs


def _seconds(run: Callable[[], Any]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


@dataclass(slots=True)
class _Case:
    """One theorem, checked by the engine and by a bare test."""

    theorem: Theorem
    examples: int
    subject: Subject = field(init=False)
    check: Callable[[Any], None] = field(init=False)
    seen: list[str] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subject = references_for(self.theorem)[0]
        self.check = _bare_check(self.theorem, self.subject.get())

    @property
    def name(self) -> str:
        return self.theorem.id.partition(".")[2]

    def engine(self) -> Any:
        """The claim, as a run evaluates it."""
        return evaluate(self.theorem, self.subject, Settings(max_examples=self.examples))

    def bare(self) -> None:
        """The same examples, under `@given` alone."""
        check = self.check

        def test(instance: Any) -> None:
            check(instance)

        self._run(test)

    def _run(self, test: Callable[[Any], None]) -> None:
        for instance in explicit_instances(self.theorem).values():
            test(instance)
        given = hypothesis.given(instance=self.theorem.on)(test)
        given = generation_settings(self.examples, shrink=True)(given)
        with without_local_constants():
            hypothesis.seed(derived_seed(0, f"{self.theorem.id}::{self.subject.id}"))(given)()

    def difference(self) -> str:
        """Why the two sides are not the same check; empty if they are."""
        self._run(lambda instance: self.seen.append(fingerprint(instance)))
        judged: list[str] = []

        def spy(subject: Any, instance: Any) -> Any:
            if not instance.exact:  # the same instance may be measured again on balls
                judged.append(fingerprint(instance))
            return self.theorem.measure(subject, instance)

        spied, settings = replace(self.theorem, measure=spy), Settings(max_examples=self.examples)
        name = f"{self.theorem.id}::{self.subject.id}"
        sample(spied, self.subject.get(), exact=self.subject.exact, name=name, settings=settings)
        return "" if judged == self.seen else f"{self.name}: {len(judged)} examples against other {len(self.seen)}"


def _bare_check(theorem: Theorem, subject: Any) -> Callable[[Any], None]:
    """The premises and relations as numpy functions of the measured values."""
    given = [_numpy(relation) for relation in theorem.given.values()]
    states = [
        (_numpy(relation), [_numpy(premise) for premise in theorem.under.get(name, {}).values()])
        for name, relation in theorem.states.items()
    ]

    def check(instance: Any) -> None:
        values = {
            symbol: value.value if isinstance(value, Bounded) else value
            for symbol, value in theorem.measure(subject, instance).items()
        }
        fails = [~premise(values) for premise in given]
        for relation, own in states:
            excused = [*fails, *(~premise(values) for premise in own)]
            assert np.all(reduce(np.logical_or, excused, relation(values)))

    return check


def _numpy(relation: Relational) -> Callable[[Mapping[sp.Symbol, Any]], Any]:
    symbols = sorted(relation.free_symbols, key=str)
    atoms = {type(atom).__name__: atom.numeric for atom in relation.atoms(Atom)}
    sides = sp.lambdify(symbols, [relation.lhs, relation.rhs], modules=[atoms, "numpy"])
    identity, downwards = isinstance(relation, sp.Eq), relation.args[0] == getattr(relation, "lts", None)

    def holds(values: Mapping[sp.Symbol, Any]) -> Any:
        left, right = sides(*[values[symbol] for symbol in symbols])
        slack = ABSOLUTE + RELATIVE * np.maximum(np.abs(left), np.abs(right))
        if identity:
            return np.abs(left - right) <= slack
        return left <= right + slack if downwards else right <= left + slack

    return holds
