"""The judgement of one instance: floats first, balls where they cannot tell, a sequential test for probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.evidence.chance import Trial, probability_trial
from alignprops.evidence.exact import Judgement, adjudicate
from alignprops.evidence.fingerprint import fingerprint
from alignprops.evidence.generation import seed_generators
from alignprops.evidence.outcomes import Outcomes
from alignprops.evidence.reading import Reading, measure, read
from alignprops.expressions import as_rounded, symbols_of
from alignprops.theorems import Theorem


@dataclass(frozen=True, slots=True)
class Finding:
    """What one instance says of one set of relations.

    `tolerance_too_small`: the floats miss by more than the derived tolerance, and the balls say that nothing is
    wrong: the error bounds of the measure, or the operation count of the theorem, are too optimistic.
    """

    reading: Reading
    effective: bool
    refuted: bool
    by: str
    tolerance_too_small: bool = False
    attained: bool = False
    within_rounding: bool = False
    trials: Mapping[str, Trial] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    @property
    def worst_relation(self) -> str:
        """Of the broken relations the one that misses most, in units of its tolerance (probabilities: by e-value)."""
        if self.trials and self.by == "sequential test":
            return max(self.trials, key=lambda name: self.trials[name].log_e)
        sides = [sides for sides in self.reading.sides if sides.name in self.broken]
        return min(sides or self.reading.sides, key=lambda sides: sides.slack()).name


@dataclass(frozen=True, slots=True)
class Inspector:
    """Judges instances of one theorem on one subject."""

    theorem: Theorem
    subject: Any
    exact: bool
    alpha: float
    seed: int = 0

    def measure(self, instance: Any) -> dict[sp.Symbol, Any]:
        """Run the measure on floats; each time, as on balls, it finds the global generators in the same state.

        Raises:
            TheoremError: the measure breaks its contract, or the instance is not what it was.
        """
        before = fingerprint(instance)
        measured = self._measure(instance)
        if fingerprint(instance) != before:
            raise TheoremError(f"{self.theorem.id}: the subject changed its instance; it must work on a copy")
        return measured

    def _measure(self, instance: Any) -> dict[sp.Symbol, Any]:
        seed_generators(self.seed)
        return measure(self.theorem, self.subject, instance)

    def inspect(
        self,
        states: Mapping[str, Relational],
        given: Mapping[str, Relational],
        measured: Mapping[sp.Symbol, Any],
        instance: Any,
        *,
        near_misses_beyond: float = float("-inf"),
    ) -> Finding:
        """Judge `instance`; a near miss is measured again on balls if its slack is below `near_misses_beyond`."""
        reading = read(self.theorem, states, given, measured, instance)
        if not reading.effective:
            return Finding(reading, effective=False, refuted=False, by="float64")
        trials = self._trials(states, measured, instance, reading)
        if any(trial.refutes(self.alpha / len(trials)) for trial in trials.values()):
            return Finding(reading, True, True, "sequential test", trials=trials)
        suspected = any(sides.suspected() for sides in reading.sides)
        near = not suspected and any(sides.undecided() for sides in reading.sides)
        blind = any(sides.blind() for sides in reading.sides)
        if not self.exact:
            broken = tuple(sides.name for sides in reading.sides if sides.refuting())
            within = not broken and (suspected or near or blind)
            return Finding(reading, True, bool(broken), "float64", within_rounding=within, trials=trials, broken=broken)
        if suspected or blind or (near and reading.slack() < near_misses_beyond):
            return self._by_balls(states, given, instance, reading, trials)
        return Finding(reading, True, False, "float64", within_rounding=near, trials=trials)

    def _by_balls(
        self,
        states: Mapping[str, Relational],
        given: Mapping[str, Relational],
        instance: Any,
        reading: Reading,
        trials: Mapping[str, Trial],
    ) -> Finding:
        told = adjudicate(self.theorem, states, given, self._measure, instance)
        met = told.judgement in (Judgement.MET, Judgement.ATTAINED)
        too_small = met and any(
            np.any(sides.effective & sides.missed() & told.effective[sides.name]) for sides in reading.sides
        )
        return Finding(
            reading,
            effective=told.judgement is not Judgement.INEFFECTIVE,
            refuted=told.judgement is Judgement.REFUTED,
            by="balls",
            tolerance_too_small=too_small,
            attained=told.judgement is Judgement.ATTAINED,
            trials=trials,
            broken=told.refuted,
        )

    def _trials(
        self, states: Mapping[str, Relational], measured: Mapping[sp.Symbol, Any], instance: Any, reading: Reading
    ) -> dict[str, Trial]:
        outcomes = {s: v for s, v in measured.items() if isinstance(v, Outcomes)}
        if not outcomes:
            return {}
        operations = self.theorem.rounding.count(instance)
        values = {s: as_rounded(v, operations) for s, v in measured.items() if s not in outcomes}
        return {
            name: probability_trial(relation, outcomes, values)
            for name, relation in states.items()
            if reading.stated[name] and symbols_of(relation) & set(outcomes)
        }
