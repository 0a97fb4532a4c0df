"""Re-measurement on balls: what the floats cannot decide is computed again, by the same measure, exactly.

The instance's floats become python-flint balls (exact: a float is a dyadic rational), the measure runs on them,
and premises and relations are evaluated by the tree walk, constants included. The precision is doubled until
the sign of every gap is known, or 1024 bits are spent: a gap whose ball still contains 0 is attained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops.evidence.outcomes import Outcomes
from alignprops.evidence.reading import NonFinite, measure
from alignprops.expressions import as_balls, exact
from alignprops.theorems import Theorem

PRECISIONS = (64, 128, 256, 512, 1024)


class Judgement(Enum):
    """What balls say about relations on one instance."""

    MET = "met"
    ATTAINED = "attained"
    REFUTED = "refuted"
    INEFFECTIVE = "ineffective"


def to_balls(instance: Any) -> Any:
    """The same instance with every float, alone or in arrays, as an exact ball; integers and text stay."""
    from flint import arb

    if isinstance(instance, float):
        return arb(instance)
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
    subject: Any,
    instance: Any,
) -> Judgement:
    """Decide the relations on `instance` by balls of growing precision."""
    from flint import ctx

    for precision in PRECISIONS:
        with ctx.workprec(precision):
            judgement = _judge(theorem, states, given, subject, instance, last=precision == PRECISIONS[-1])
        if judgement is not None:
            return judgement
    raise AssertionError("the last precision always judges")


def _judge(
    theorem: Theorem,
    states: Mapping[str, Relational],
    given: Mapping[str, Relational],
    subject: Any,
    instance: Any,
    *,
    last: bool,
) -> Judgement | None:
    measured = measure(theorem, subject, to_balls(instance))
    values = {s: as_balls(v, str(s)) for s, v in measured.items() if not isinstance(v, Outcomes)}
    general = [_Signs.of(relation, values) for relation in given.values()]
    rulings = [
        _rule(
            _Signs.of(relation, values),
            general + [_Signs.of(premise, values) for premise in theorem.under.get(name, {}).values()],
            last=last,
        )
        for name, relation in states.items()
        if all(symbol in values for symbol in relation.free_symbols)
    ]
    if any(ruling.refuted for ruling in rulings):
        return Judgement.REFUTED
    if all(ruling.ineffective for ruling in rulings):
        return Judgement.INEFFECTIVE
    if all(ruling.met for ruling in rulings):
        return Judgement.MET
    if not last:
        return None
    if any(ruling.blown for ruling in rulings):
        raise NonFinite(f"{theorem.id}: a side has no finite value at {PRECISIONS[-1]} bits where the premises hold")
    return Judgement.ATTAINED


@dataclasses.dataclass(frozen=True, slots=True)
class _Ruling:
    """One relation under its premises, over all elements."""

    refuted: bool
    ineffective: bool
    met: bool
    blown: bool


def _rule(conclusion: _Signs, premises: list[_Signs], *, last: bool) -> _Ruling:
    shape = np.broadcast_shapes(conclusion.broken.shape, *(premise.broken.shape for premise in premises))
    nowhere = np.zeros(shape, dtype=bool)
    fails = reduce(np.logical_or, [nowhere, *(premise.broken for premise in premises)])
    doubtful = reduce(np.logical_or, [nowhere, *(premise.open for premise in premises)])
    # A closed premise whose ball still contains 0 at the last precision is attained, and so counts as met.
    refuted = conclusion.broken & ~fails & (~doubtful | last)
    unsettled = (conclusion.open | conclusion.broken) & ~fails
    return _Ruling(
        refuted=bool(refuted.any()),
        ineffective=bool(fails.all()),
        met=not unsettled.any(),
        blown=bool((conclusion.blown & ~fails).any()),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Signs:
    """Where a relation is certainly broken, where its ball does not tell, and where that ball is not finite."""

    broken: Any
    open: Any
    blown: Any

    @classmethod
    def of(cls, relation: Relational, values: Mapping[sp.Symbol, Any]) -> _Signs:
        identity = isinstance(relation, sp.Eq)
        small, large = (relation.lhs, relation.rhs) if identity else (relation.lts, relation.gts)
        gap = np.asarray(exact(large, values) - exact(small, values), dtype=object)
        blown = _where(lambda ball: not ball.is_finite(), gap)
        if identity:
            broken = _where(lambda ball: not ball.contains(0), gap)
            return cls(broken, ~broken & ~_where(lambda ball: ball.is_zero(), gap), blown)
        strict = isinstance(relation, sp.StrictLessThan | sp.StrictGreaterThan)
        broken = _where(lambda ball: bool(ball <= 0 if strict else ball < 0), gap)
        met = _where(lambda ball: bool(ball > 0 if strict else ball >= 0), gap)
        return cls(broken, ~broken & ~met, blown)


def _where(test: Any, gaps: Any) -> Any:
    return np.vectorize(test, otypes=[bool])(gaps) if gaps.size else np.zeros(gaps.shape, dtype=bool)
