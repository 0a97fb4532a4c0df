"""One theorem read on one instance: the sides of each relation, where the premises hold, and the tolerance.

`read` is the float64 reading; `exact.py` repeats it on balls where the floats cannot decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.evidence.outcomes import Outcomes
from alignprops.expressions import Rounded, as_rounded, rounded
from alignprops.theorems import Theorem


class NonFinite(TheoremError):
    """A side of a statement is NaN or infinite where its premises hold: an error, never a pass."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One relation on one instance, element by element (all arrays of one shape, float64).

    `gap` is rhs − lhs for ≤ and <, lhs − rhs for ≥ and >, −|lhs − rhs| for =. `tolerance` bounds the rounding
    error of the gap. `effective` tells where every premise holds.
    """

    name: str
    relation: Relational
    small: NDArray[np.float64]
    large: NDArray[np.float64]
    gap: NDArray[np.float64]
    tolerance: NDArray[np.float64]
    effective: NDArray[np.bool_]

    @property
    def is_identity(self) -> bool:
        return isinstance(self.relation, sp.Eq)

    def slack(self) -> float:
        """The smallest gap in units of its tolerance; +inf if nothing is effective."""
        gap, tolerance = self.gap[self.effective], self.tolerance[self.effective]
        if gap.size == 0:
            return float("inf")
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(tolerance > 0, gap / tolerance, np.where(gap < 0, -np.inf, np.inf))
        return float(np.min(np.where(gap == 0, 0.0, ratio)))

    def tightness(self) -> float | None:
        """The largest ratio small side / large side seen where the large side is positive; None for identities."""
        where = self.effective & (self.large > self.tolerance) & (self.small >= 0)
        if self.is_identity or not where.any():
            return None
        return float(np.max(self.small[where] / self.large[where]))

    def refuting(self) -> bool:
        """Whether some effective element misses by more than its tolerance."""
        return bool(np.any(self.effective & (self.gap < -self.tolerance)))

    def undecided(self) -> bool:
        """Whether some effective element is short by less than its tolerance (identities: more than nothing)."""
        strict = isinstance(self.relation, sp.StrictLessThan | sp.StrictGreaterThan)
        short = self.gap <= 0 if strict else self.gap < 0
        return bool(np.any(self.effective & short))


@dataclass(frozen=True, slots=True)
class Reading:
    """One theorem (or mutant) on one instance.

    `premises` tells which hold somewhere, `stated` for which relations all of them do, `sides` their sides.
    """

    premises: Mapping[str, bool]
    stated: Mapping[str, bool]
    sides: tuple[Sides, ...]

    @property
    def effective(self) -> bool:
        """Whether the instance says anything at all."""
        return any(self.stated.values())

    def slack(self) -> float:
        return min((sides.slack() for sides in self.sides), default=float("inf"))

    def tightness(self) -> dict[str, float]:
        """The largest ratio of the sides seen, for each bound."""
        return {sides.name: ratio for sides in self.sides if (ratio := sides.tightness()) is not None}


def measure(theorem: Theorem, subject: Any, instance: Any) -> dict[sp.Symbol, Any]:
    """Run the measure and hold it to its contract: a value for every symbol of the theorem."""
    values = theorem.measure(subject, instance)
    if not isinstance(values, Mapping):
        raise TheoremError(f"{theorem.id}: the measure returned {type(values).__name__}, expected a mapping of symbols")
    missing = sorted(str(symbol) for symbol in theorem.symbols - set(values))
    if missing:
        raise TheoremError(f"{theorem.id}: the measure gave no value for {', '.join(missing)}")
    return dict(values)


def read(
    theorem: Theorem,
    states: Mapping[str, Relational],
    given: Mapping[str, Relational],
    measured: Mapping[sp.Symbol, Any],
    instance: Any,
) -> Reading:
    """Evaluate premises and relations in float64 with running error bounds."""
    operations = theorem.rounding.count(instance)
    values = {
        symbol: as_rounded(value, operations) for symbol, value in measured.items() if not isinstance(value, Outcomes)
    }
    general = {name: _premise(relation, values) for name, relation in given.items()}
    premises, stated, sides = dict(general), {}, []
    for name, relation in states.items():
        own = {key: _premise(premise, values) for key, premise in theorem.under.get(name, {}).items()}
        premises |= own
        effective = _meeting(theorem, name, relation, values, [*general.values(), *own.values()])
        stated[name] = bool(effective.any())
        if all(symbol in values for symbol in relation.free_symbols):
            sides.append(_sides(name, relation, values, effective))
    return Reading({name: bool(met.any()) for name, met in premises.items()}, stated, tuple(sides))


def _meeting(
    theorem: Theorem,
    name: str,
    relation: Relational,
    values: Mapping[sp.Symbol, Rounded],
    premises: list[NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Where all premises of a relation hold, in the common shape of its symbols and premises."""
    shapes = {str(symbol): np.shape(values[symbol].value) for symbol in relation.free_symbols if symbol in values}
    try:
        shape = np.broadcast_shapes(*shapes.values(), *(met.shape for met in premises))
    except ValueError:
        told = ", ".join(f"{symbol} {shape}" for symbol, shape in sorted(shapes.items()) if shape)
        raise TheoremError(f"{theorem.id}: the measured shapes do not fit together in {name!r}: {told}") from None
    return reduce(np.logical_and, premises, np.ones(shape, dtype=bool))


def _premise(relation: Relational, values: Mapping[sp.Symbol, Rounded]) -> NDArray[np.bool_]:
    left, right = rounded(relation.lhs, values), rounded(relation.rhs, values)
    if isinstance(relation, sp.Eq):  # an equality of floats holds to its rounding error; balls decide in doubt
        return np.asarray(np.abs(left.value - right.value) <= left.error + right.error)
    small, large = (left, right) if relation.lts is relation.lhs else (right, left)
    strict = isinstance(relation, sp.StrictLessThan | sp.StrictGreaterThan)
    return np.asarray(small.value < large.value if strict else small.value <= large.value)


def _sides(name: str, relation: Relational, values: Mapping[sp.Symbol, Rounded], effective: NDArray[np.bool_]) -> Sides:
    identity = isinstance(relation, sp.Eq)
    small_side, large_side = (relation.lhs, relation.rhs) if identity else (relation.lts, relation.gts)
    small, large = rounded(small_side, values), rounded(large_side, values)
    with np.errstate(all="ignore"):
        difference = large.value - small.value
        gap = -np.abs(difference) if identity else difference
        bound = np.asarray(small.error + large.error, dtype=np.float64)
        tolerance = np.where(np.isnan(bound), np.inf, bound)  # 0 · ∞ on the way: the floats cannot tell
    smalls, larges, gaps, tolerances = (
        np.broadcast_to(np.asarray(part, dtype=np.float64), effective.shape)
        for part in (small.value, large.value, gap, tolerance)
    )
    _require_finite(name, relation, [smalls, larges, gaps], effective)
    return Sides(name, relation, smalls, larges, gaps, tolerances, effective)


def _require_finite(
    name: str, relation: Relational, arrays: list[NDArray[np.float64]], effective: NDArray[np.bool_]
) -> None:
    for side, array in zip(("smaller side", "larger side", "gap"), arrays, strict=True):
        if np.any(~np.isfinite(array) & effective):
            raise NonFinite(f"the {side} of {name!r}, {relation}, is not finite where the premises hold")
