"""One theorem read on one instance: the sides of each relation, where the premises hold, and the tolerance.

`read` is the float64 reading; `exact.py` repeats it on balls where the floats cannot decide.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.evidence.outcomes import Outcomes
from alignprops.expressions import Rounded, as_rounded, follow, is_strict, symbols_of
from alignprops.theorems import Theorem

#: The error bounds are themselves computed in floats; this covers their rounding.
MARGIN = 1 + 1e-9


class MeasureFailed(TheoremError):
    """The measure raised, or broke its contract, on an instance."""

    def __init__(self, message: str, instance: Any) -> None:
        super().__init__(message)
        self.instance = instance


@contextmanager
def blaming_the_measure(instance: Any) -> Iterator[None]:
    """Whatever a foreign measure or subject raises makes the claim an error, told with the instance."""
    try:
        yield
    except TheoremError as error:
        raise MeasureFailed(str(error), instance) from error
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # pytest.skip() and sys.exit() too: a subject cannot excuse itself
        raise MeasureFailed(f"{type(error).__name__}: {error} ({_place(error)})", instance) from error


def _place(error: BaseException) -> str:
    """Where an exception was raised: the innermost file, by its name, and line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}"


class NonFinite(TheoremError):
    """A side of a statement is NaN or infinite where its premises hold: an error, never a pass."""


@dataclass(frozen=True, slots=True)
class Sides:
    """One relation on one instance, element by element (all arrays of one shape, float64).

    `gap` is rhs − lhs for ≤ and <, lhs − rhs for ≥ and >, −|lhs − rhs| for =. `tolerance` bounds the rounding
    error of the gap. `effective` tells where every premise holds, `certain` where no rounding could make one fail.
    """

    name: str
    relation: Relational
    small: NDArray[np.float64]
    large: NDArray[np.float64]
    gap: NDArray[np.float64]
    tolerance: NDArray[np.float64]
    effective: NDArray[np.bool_]
    certain: NDArray[np.bool_]

    @property
    def is_identity(self) -> bool:
        return isinstance(self.relation, sp.Eq)

    @property
    def is_strict(self) -> bool:
        return is_strict(self.relation)

    def slack(self) -> float:
        """The smallest gap in units of its tolerance; +inf if nothing is effective."""
        gap, tolerance = self.gap[self.effective], self.tolerance[self.effective]
        if gap.size == 0:
            return float("inf")
        with np.errstate(all="ignore"):
            ratio = np.where(tolerance > 0, gap / tolerance, np.where(gap < 0, -np.inf, np.inf))
        return float(np.min(np.where(gap == 0, 0.0, ratio)))

    def tightness(self) -> float | None:
        """The largest ratio small side / large side seen where the large side is positive; None for identities."""
        where = self.effective & (self.large > self.tolerance) & (self.small >= 0)
        if self.is_identity or not where.any():
            return None
        with np.errstate(all="ignore"):
            return float(np.max(self.small[where] / self.large[where]))

    def missed(self) -> NDArray[np.bool_]:
        """Where the relation misses by more than its tolerance."""
        return self.gap <= -self.tolerance if self.is_strict else self.gap < -self.tolerance

    def suspected(self) -> bool:
        """Whether the relation misses somewhere where the premises hold, as far as floats can tell."""
        return bool((self.effective & self.missed()).any())

    def refuting(self) -> bool:
        """Whether the relation misses where no rounding could make a premise fail: all that floats can refute."""
        return bool((self.certain & self.missed()).any())

    def undecided(self) -> bool:
        """Whether some effective element is short by less than its tolerance (identities: more than nothing)."""
        short = self.gap <= 0 if self.is_strict else self.gap < 0
        return bool((self.effective & short).any())

    def blind(self) -> bool:
        """Whether floats say nothing at all: the error has no bound, or a strict relation has equal sides."""
        lost = np.isinf(self.tolerance)
        if self.is_strict:
            lost |= self.gap <= 0
        return bool((self.effective & lost).any())


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
    with np.errstate(all="ignore"):  # a verdict must not depend on a host's filter of warnings
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
    with np.errstate(all="ignore"):  # what is not finite is judged, never passed
        return _read(theorem, states, given, measured, operations)


def _read(
    theorem: Theorem,
    states: Mapping[str, Relational],
    given: Mapping[str, Relational],
    measured: Mapping[sp.Symbol, Any],
    operations: float,
) -> Reading:
    values = {
        symbol: as_rounded(value, operations) for symbol, value in measured.items() if not isinstance(value, Outcomes)
    }
    for symbol in theorem.symbols & set(values):
        _require_assumptions(theorem, symbol, values[symbol])
    general = {name: _premise(relation, values) for name, relation in given.items()}
    premises, stated, sides = dict(general), {}, []
    for name, relation in states.items():
        own = {key: _premise(premise, values) for key, premise in theorem.under.get(name, {}).items()}
        premises |= own
        where = _meeting(theorem, name, relation, values, {**general, **own})
        stated[name] = bool(where.holds.any())
        if all(symbol in values for symbol in symbols_of(relation)):
            sides.append(_sides(name, relation, values, where))
    return Reading({name: bool(premise.holds.any()) for name, premise in premises.items()}, stated, tuple(sides))


def _require_assumptions(theorem: Theorem, symbol: sp.Symbol, measured: Rounded) -> None:
    """Hold a value to what its symbol is declared to be: sympy has simplified the statement on the strength of it."""
    for word, sign in _signs(symbol):
        reach = sign * measured.value + measured.error  # as far as rounding may take it (NaN is judged elsewhere)
        if np.any(reach <= 0 if word in ("positive", "negative") else reach < 0):
            raise TheoremError(
                f"{theorem.id}: {symbol} is declared {word}, and measured as {np.min(sign * measured.value) * sign:g}"
            )
    if symbol.is_integer and np.any(np.abs(measured.value - np.round(measured.value)) > measured.error):
        raise TheoremError(f"{theorem.id}: {symbol} is declared an integer, and measured as {measured.value}")


@lru_cache(maxsize=4096)
def _signs(symbol: sp.Symbol) -> tuple[tuple[str, int], ...]:
    """The strongest thing that the symbol's assumptions say of its sign, and that sign."""
    words = (("positive", 1), ("negative", -1), ("nonnegative", 1), ("nonpositive", -1))
    return tuple(pair for pair in words if getattr(symbol, f"is_{pair[0]}"))[:1]


class _Premise(NamedTuple):
    """Where a premise holds, where rounding cannot change that, and where a side of it is NaN."""

    holds: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    undefined: NDArray[np.bool_]


def _meeting(
    theorem: Theorem,
    name: str,
    relation: Relational,
    values: Mapping[sp.Symbol, Rounded],
    premises: Mapping[str, _Premise],
) -> _Premise:
    """All premises of a relation together, in the common shape of its symbols and premises."""
    shapes = {symbol: values[symbol].value.shape for symbol in symbols_of(relation) if symbol in values}
    try:
        shape = _common({*shapes.values(), *(premise.holds.shape for premise in premises.values())})
    except ValueError:
        told = ", ".join(sorted(f"{symbol} {shape}" for symbol, shape in shapes.items() if shape))
        raise TheoremError(f"{theorem.id}: the measured shapes do not fit together in {name!r}: {told}") from None
    for key, premise in premises.items():
        if premise.undefined.any() and _unexcused(premise, premises.values()):
            raise NonFinite(f"the premise {key!r} of {name!r} is NaN where no other premise fails")
    everywhere = np.ones(shape, dtype=bool)
    holds = reduce(np.logical_and, [premise.holds for premise in premises.values()], everywhere)
    certain = reduce(np.logical_and, [premise.certain for premise in premises.values()], everywhere)
    return _Premise(holds, certain, ~everywhere)


def _common(shapes: set[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that all broadcast to; as a rule there is one beside ()."""
    proper = shapes - {()}
    return np.broadcast_shapes(*proper) if len(proper) > 1 else next(iter(proper), ())


def _unexcused(premise: _Premise, premises: Iterable[_Premise]) -> bool:
    """Whether `premise` is NaN somewhere where no premise fails: a subject that diverges is not excused by it."""
    fails = reduce(np.logical_or, [~(other.holds | other.undefined) for other in premises])
    return bool(np.any(premise.undefined & ~fails))


def _premise(relation: Relational, values: Mapping[sp.Symbol, Rounded]) -> _Premise:
    left, right = follow(relation.lhs, values), follow(relation.rhs, values)
    error = (left.error + right.error) * MARGIN
    if isinstance(relation, sp.Eq):  # an equality of floats holds to its rounding error; balls decide in doubt
        holds = certain = np.abs(left.value - right.value) <= error
    else:
        small, large = (left, right) if relation.lts is relation.lhs else (right, left)
        holds = small.value < large.value if is_strict(relation) else small.value <= large.value
        certain = holds & (large.value - small.value >= error)  # inf − inf is not certain of anything
    return _Premise(np.asarray(holds), np.asarray(certain), np.isnan(left.value) | np.isnan(right.value))


def _sides(name: str, relation: Relational, values: Mapping[sp.Symbol, Rounded], where: _Premise) -> Sides:
    identity = isinstance(relation, sp.Eq)
    small_side, large_side = (relation.lhs, relation.rhs) if identity else (relation.lts, relation.gts)
    small, large = follow(small_side, values), follow(large_side, values)
    difference = large.value - small.value
    gap = -np.abs(difference) if identity else difference
    tolerance = (small.error + large.error) * MARGIN
    nothing = np.zeros(where.holds.shape)  # adding it broadcasts
    smalls, larges, gaps, tolerances = (part + nothing for part in (small.value, large.value, gap, tolerance))
    _require_finite(name, relation, [smalls, larges, gaps, tolerances], where.holds)
    return Sides(name, relation, smalls, larges, gaps, tolerances, where.holds, where.certain)


def _require_finite(
    name: str, relation: Relational, arrays: list[NDArray[np.float64]], effective: NDArray[np.bool_]
) -> None:
    # An infinite tolerance is honest: the floats cannot tell, and the balls are asked.
    *sides, tolerance = arrays
    for side, array in zip(("smaller side", "larger side", "gap"), sides, strict=True):
        if (~np.isfinite(array) & effective).any():
            raise NonFinite(f"the {side} of {name!r}, {relation}, is not finite where the premises hold")
    if (~(tolerance >= 0) & effective).any():
        raise NonFinite(f"the tolerance of {name!r}, {relation}, is NaN or negative where the premises hold")
