"""Sampled evidence: Hypothesis attacks a theorem on one subject and shrinks what refutes it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from alignprops._errors import WitnessError
from alignprops.evidence.fingerprint import fingerprint
from alignprops.evidence.generation import contiguous, drive, explicit_instances, restored_generators
from alignprops.evidence.inspection import Finding, Inspector
from alignprops.evidence.reading import MeasureFailed, blaming_the_measure
from alignprops.settings import Settings
from alignprops.theorems import Theorem
from alignprops.witness import flatten


class Refutation(Exception):
    """Raised inside a generated test so that Hypothesis shrinks the instance."""


@dataclass(slots=True)
class Tally:
    """Counts over the instances of one claim."""

    examples: int = 0
    generated: int = 0
    effective: int = 0
    premises: dict[str, int] = field(default_factory=dict)
    stated: dict[str, int] = field(default_factory=dict)
    tightness: dict[str, float] = field(default_factory=dict)
    slack: float = float("inf")
    within_rounding: int = 0
    attained: int = 0
    #: The slack of the last near miss that was measured again; the worst is less than twice as bad.
    near_miss: float = 0.0
    too_small: Any = None
    smallest_failure: Any = None
    worst_failure: tuple[float, Any] | None = None
    by: str = ""
    broken: str = ""
    log_e: float | None = None
    trials: int = 0
    timed_out: bool = False

    def add(self, finding: Finding, instance: Any) -> None:
        self.examples += 1
        for name, held in finding.reading.premises.items():
            self.premises[name] = self.premises.get(name, 0) + held
        for name, told in finding.reading.stated.items():
            self.stated[name] = self.stated.get(name, 0) + (told and finding.effective)
        if not finding.effective:
            return
        self.effective += 1
        self.attained += finding.attained
        self.within_rounding += finding.within_rounding
        for trial in finding.trials.values():
            self.log_e = trial.log_e if self.log_e is None else max(self.log_e, trial.log_e)
            self.trials += trial.trials
        if finding.refuted:
            self.add_failure(finding, instance)
            return
        slack = finding.reading.slack()
        self.slack = min(self.slack, slack)
        if slack < 2 * self.near_miss:
            self.near_miss = slack
        if finding.tolerance_too_small:
            self.too_small = instance
        for name, ratio in finding.reading.tightness().items():
            self.tightness[name] = max(ratio, self.tightness.get(name, ratio))

    def add_failure(self, finding: Finding, instance: Any) -> None:
        """Keep `instance` as the simplest witness so far, and as the worst one if it is."""
        score = -max((trial.log_e for trial in finding.trials.values()), default=-finding.reading.slack())
        # Of equally many numbers the last: Hypothesis shrinks, and explicit instances come first.
        if self.smallest_failure is None or numbers_in(instance) <= numbers_in(self.smallest_failure):
            self.smallest_failure, self.by, self.broken = instance, finding.by, finding.worst_relation
        if self.worst_failure is None or score < self.worst_failure[0]:
            self.worst_failure = (score, instance)

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "examples": self.examples,
            "effective": self.effective,
            "premises": {name: {"held": held, "of": self.examples} for name, held in self.premises.items()},
            "statements": dict(self.stated),
            "tightness": max(self.tightness.values(), default=None),
            "slack": self.slack if self.slack < float("inf") else None,
            "within_rounding": self.within_rounding,
            "attained": self.attained,
        }
        if self.log_e is not None:
            record["chance"] = {"largest_log_e": self.log_e, "trials": self.trials}
        return record


def numbers_in(instance: Any) -> int:
    """How many numbers the arrays of an instance have; 0 for what cannot be a witness."""
    try:
        arrays, _ = flatten(instance)
    except (WitnessError, TypeError):
        return 0
    return sum(array.size for array in arrays.values())


def sample(
    theorem: Theorem, subject: Any, *, exact: bool, name: str, settings: Settings, explicit: bool = True
) -> Tally:
    """Attack `theorem` on `subject` with the explicit instances (unless told otherwise), then with generated ones.

    Raises:
        MeasureFailed: the measure raised, or broke its contract; the exception is chained.
        GenerationFailed: the instances cannot be generated, or one came out in two ways.
    """
    generated = max(1, round(settings.max_examples * theorem.effort))
    planned = generated + len(theorem.examples) + len(theorem.tight)
    inspector = Inspector(theorem, subject, exact, settings.alpha / planned, settings.seed)
    attack = _Attack(inspector, settings)
    # Generated also if an explicit one refutes, for a simpler witness. The tally keeps the simplest and the worst.
    with restored_generators(), suppress(Refutation):
        attack.explicit(explicit_instances(theorem).values() if explicit else ())
        drive(
            theorem.on,
            attack.generated,
            name=name,
            seed=settings.seed,
            max_examples=generated,
            shrink=True,
        )
    return attack.tally


class _Attack:
    """One run over instances: counts, and raises `Refutation` where Hypothesis is to shrink."""

    def __init__(self, inspector: Inspector, settings: Settings) -> None:
        self.inspector = inspector
        self.settings = settings
        self.tally = Tally()
        self.failing: set[str] = set()
        self.started = time.monotonic()
        self.shrink_until: float | None = None

    def explicit(self, instances: Iterable[Any]) -> None:
        for instance in instances:
            self._inspect(instance)

    def generated(self, instance: Any) -> None:
        if self._out_of_time():
            self.tally.timed_out = True
            return
        if self._stop_shrinking(instance):
            return
        self.tally.generated += 1
        try:
            refuted = self._inspect(instance).refuted
        except MeasureFailed:
            self._start_shrinking(instance)
            raise
        if refuted:
            self._start_shrinking(instance)
            raise Refutation

    def _inspect(self, instance: Any) -> Finding:
        inspector, theorem = self.inspector, self.inspector.theorem
        # Only a near miss twice as bad as the last is measured again, for balls cost; while shrinking every one is:
        # an instance must not change its fate.
        beyond = 2 * self.tally.near_miss if self.shrink_until is None else 0.0
        with blaming_the_measure(instance):
            measured = inspector.measure(instance)
            finding = inspector.inspect(theorem.states, theorem.given, measured, instance, near_misses_beyond=beyond)
        if self.shrink_until is None:
            self.tally.add(finding, instance)
        elif finding.refuted:
            self.tally.add_failure(finding, instance)
        return finding

    def _out_of_time(self) -> bool:
        cap = self.settings.max_seconds
        return cap is not None and self.shrink_until is None and time.monotonic() - self.started > cap

    def _start_shrinking(self, instance: Any) -> None:
        self.failing.add(fingerprint(instance))
        if self.shrink_until is None:
            cap = self.settings.max_seconds
            seconds = self.settings.shrink_seconds if cap is None else min(cap, self.settings.shrink_seconds)
            self.shrink_until = time.monotonic() + seconds

    def _stop_shrinking(self, instance: Any) -> bool:
        """Past the deadline only instances already known to fail do so: Hypothesis then settles on the smallest."""
        late = self.shrink_until is not None and time.monotonic() > self.shrink_until
        return late and fingerprint(instance) not in self.failing


def check_instance(theorem: Theorem, subject: Any, instance: Any, *, exact: bool, settings: Settings) -> Tally:
    """Judge one instance alone: how a witness is replayed and how a real run is observed."""
    attack = _Attack(Inspector(theorem, subject, exact, settings.alpha, settings.seed), settings)
    with restored_generators():
        attack.explicit([contiguous(instance)])
    return attack.tally
