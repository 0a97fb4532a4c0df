"""Re-measurement on balls: what the floats cannot decide is computed again, by the same measure, exactly.

The instance's floats become python-flint balls (exact: a float is a dyadic rational), the measure runs on them,
and premises and relations are evaluated by the tree walk, constants included. The precision is raised until
the sign of every gap is known, or 1024 bits are spent: a gap whose ball still contains 0 is attained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.evidence.outcomes import Outcomes
from alignprops.evidence.reading import NonFinite
from alignprops.expressions import as_balls, exact, is_strict, symbols_of
from alignprops.theorems import Theorem

PRECISIONS = (64, 256, 1024)


class Judgement(Enum):
    """What balls say about relations on one instance."""

    MET = "met"
    ATTAINED = "attained"
    REFUTED = "refuted"
    INEFFECTIVE = "ineffective"


class Undecided(TheoremError):
    """A strict relation whose sides are equal to the last precision: balls can neither keep nor break it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Adjudication:
    """The judgement, the relations that are refuted, and for each the elements at which no premise fails."""

    judgement: Judgement
    refuted: tuple[str, ...]
    effective: Mapping[str, NDArray[np.bool_]]


def to_balls(instance: Any) -> Any:
    """The same instance with every float, alone or in arrays, as an exact ball; integers and text stay."""
    from flint import arb

    if isinstance(instance, float | np.floating):
        return arb(float(instance))
    if isinstance(instance, np.ndarray) and np.issubdtype(instance.dtype, np.floating):
        out = np.empty(instance.shape, dtype=object)
        for index, number in np.ndenumerate(instance):
            out[index] = arb(float(number))
        return out
    if isinstance(instance, tuple):
        return tuple(to_balls(part) for part in instance)
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        parts = {f.name: to_balls(getattr(instance, f.name)) for f in dataclasses.fields(instance) if f.init}
        return dataclasses.replace(instance, **parts)
    return instance


def adjudicate(
    theorem: Theorem,
    states: Mapping[str, Relational],
    given: Mapping[str, Relational],
    remeasure: Callable[[Any], Mapping[sp.Symbol, Any]],
    instance: Any,
) -> Adjudication:
    """Decide the relations on `instance`, measured again by balls of growing precision.

    Raises:
        NonFinite: a side has no finite value at the last precision where the premises hold.
        Undecided: the sides of a strict relation are equal to the last precision.
    """
    from flint import ctx

    for precision in PRECISIONS:
        with ctx.workprec(precision):
            measured = remeasure(to_balls(instance))
            rulings = _rulings(theorem, states, given, measured, last=precision == PRECISIONS[-1])
        judgement = _judgement(rulings.values())
        if judgement is not None:
            return _adjudication(judgement, rulings)
        _require_decidable(theorem, rulings, last=precision == PRECISIONS[-1])
    return _adjudication(Judgement.ATTAINED, rulings)


def _adjudication(judgement: Judgement, rulings: Mapping[str, _Ruling]) -> Adjudication:
    refuted = tuple(name for name, ruling in rulings.items() if ruling.refuted)
    return Adjudication(judgement, refuted, {name: ruling.effective for name, ruling in rulings.items()})


def _rulings(
    theorem: Theorem,
    states: Mapping[str, Relational],
    given: Mapping[str, Relational],
    measured: Mapping[sp.Symbol, Any],
    *,
    last: bool,
) -> dict[str, _Ruling]:
    values = {s: as_balls(v, str(s)) for s, v in measured.items() if not isinstance(v, Outcomes)}
    general = [_Signs.of(relation, values) for relation in given.values()]
    return {
        name: _rule(
            _Signs.of(relation, values),
            general + [_Signs.of(premise, values) for premise in theorem.under.get(name, {}).values()],
            last=last,
        )
        for name, relation in states.items()
        if all(symbol in values for symbol in symbols_of(relation))
    }


def _judgement(rulings: Collection[_Ruling]) -> Judgement | None:
    """The judgement on all relations together; None where it takes more bits."""
    if any(ruling.refuted for ruling in rulings):
        return Judgement.REFUTED
    if not any(ruling.effective.any() for ruling in rulings):
        return Judgement.INEFFECTIVE
    if all(ruling.met for ruling in rulings):
        return Judgement.MET
    return None


def _require_decidable(theorem: Theorem, rulings: Mapping[str, _Ruling], *, last: bool) -> None:
    for name, ruling in rulings.items():
        if last and ruling.blown:
            raise NonFinite(
                f"{theorem.id}: {name!r} or a premise of it has no finite value at {PRECISIONS[-1]} bits "
                "where the premises hold"
            )
        if last and ruling.tied:
            raise Undecided(
                f"{theorem.id}: {name!r} is strict, and its sides are equal to {PRECISIONS[-1]} bits; "
                "state it with ≤, or in log space"
            )


@dataclasses.dataclass(frozen=True, slots=True)
class _Ruling:
    """One relation under its premises: where it is effective, and what is true somewhere there."""

    effective: NDArray[np.bool_]
    refuted: bool
    met: bool
    blown: bool
    tied: bool


def _rule(conclusion: _Signs, premises: list[_Signs], *, last: bool) -> _Ruling:
    shape = np.broadcast_shapes(conclusion.broken.shape, *(premise.broken.shape for premise in premises))
    nowhere = np.zeros(shape, dtype=bool)
    if last:
        premises = [premise.settled() for premise in premises]
    fails = reduce(np.logical_or, [premise.broken for premise in premises], nowhere)
    doubtful = reduce(np.logical_or, [premise.open for premise in premises], nowhere)
    blown = reduce(np.logical_or, [premise.blown for premise in premises], conclusion.blown)
    unsettled = (conclusion.open | conclusion.broken) & ~fails
    return _Ruling(
        effective=~fails,
        refuted=bool((conclusion.broken & ~fails & ~doubtful).any()),
        met=not unsettled.any(),
        blown=bool((blown & unsettled).any()),
        tied=conclusion.strict and bool((conclusion.open & ~fails).any()),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Signs:
    """Where a relation is certainly broken, where its ball does not tell, and where that ball is not finite."""

    broken: NDArray[np.bool_]
    open: NDArray[np.bool_]
    blown: NDArray[np.bool_]
    strict: bool

    @classmethod
    def of(cls, relation: Relational, values: Mapping[sp.Symbol, Any]) -> _Signs:
        identity, strict = isinstance(relation, sp.Eq), is_strict(relation)
        small, large = (relation.lhs, relation.rhs) if identity else (relation.lts, relation.gts)
        gap = np.asarray(exact(large, values) - exact(small, values), dtype=object)
        blown = _where(lambda ball: not ball.is_finite(), gap)
        if identity:
            broken = _where(lambda ball: not ball.contains(0), gap)
            met = _where(lambda ball: ball.is_zero(), gap)
        else:
            broken = _where(lambda ball: bool(ball <= 0 if strict else ball < 0), gap)
            met = _where(lambda ball: bool(ball > 0 if strict else ball >= 0), gap)
        return cls(broken & ~blown, blown | ~(broken | met), blown, strict)

    def settled(self) -> _Signs:
        """As a premise at the last precision: equal sides meet a closed premise, and break a strict one."""
        equal = self.open & ~self.blown
        return _Signs(self.broken | (equal & self.strict), self.blown, self.blown, self.strict)


def _where(test: Callable[[Any], bool], gaps: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.vectorize(test, otypes=[bool])(gaps) if gaps.size else np.zeros(gaps.shape, dtype=bool)
