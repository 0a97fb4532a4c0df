"""Certificates: an inequality on a box, shown by interval branch and bound in ball arithmetic.

On each piece of the box the gap is enclosed by its mean-value form, f(c) + f'(box)·(box − c), met with the direct
enclosure. Where the bound is attained at a point of the box, the sign of the first derivative that does not vanish
there is certified on a neighbourhood instead (Taylor's theorem with the lower derivatives exactly 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.expressions import exact, is_strict

#: Pieces examined before the certificate is given up, and the working precision.
MOST_PIECES, BITS = 20_000, 128
#: The highest derivative tried where a bound is attained.
MOST_DERIVATIVES = 8


@dataclass(frozen=True, slots=True)
class Certificate:
    """A relation to be certified on a box (`{symbol: (low, high)}`, ends included).

    `attained_at`: for one symbol, a point of the box at which the sides are equal, and the radius around it within
    which the sign follows from the first non-vanishing derivative.
    """

    relation: Relational
    box: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]
    attained_at: tuple[sp.Expr, sp.Expr] | None = None


@dataclass(slots=True)
class _Gap:
    """The gap of a relation as a function on boxes, with its gradient."""

    expr: sp.Expr
    symbols: tuple[sp.Symbol, ...]
    strict: bool
    slopes: tuple[sp.Expr, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.slopes = tuple(sp.diff(self.expr, symbol) for symbol in self.symbols)

    def lower(self, box: tuple[Any, ...]) -> Any:
        """A lower bound of the gap on `box`: the better of the direct and the mean-value enclosure."""
        values = dict(zip(self.symbols, box, strict=True))
        centre = {symbol: side.mid() for symbol, side in values.items()}
        direct = exact(self.expr, values)
        mean_value = exact(self.expr, centre)
        for symbol, slope in zip(self.symbols, self.slopes, strict=True):
            mean_value = mean_value + exact(slope, values) * (values[symbol] - centre[symbol])
        bounds = [ball.lower() for ball in (direct, mean_value) if ball.is_finite()]
        return max(bounds) if bounds else None

    def holds(self, box: tuple[Any, ...]) -> bool:
        """Whether the relation is seen to hold on all of `box`."""
        lower = self.lower(box)
        return lower is not None and bool(lower > 0 if self.strict else lower >= 0)


def certify(certificate: Certificate) -> str | None:
    """The method and its cost, if the relation holds on the whole box; None if it could not be shown.

    Raises:
        TheoremError: the certificate is not an inequality, leaves a symbol without an interval, or its box is empty.
    """
    from flint import ctx

    relation, box = certificate.relation, certificate.box
    if not isinstance(relation, sp.LessThan | sp.GreaterThan | sp.StrictLessThan | sp.StrictGreaterThan):
        raise TheoremError(f"{relation}: a certificate is for an inequality")
    if set(relation.free_symbols) != set(box):
        raise TheoremError(f"{relation}: the box must give an interval for each of its symbols")
    gap = _Gap(relation.gts - relation.lts, tuple(sorted(box, key=str)), is_strict(relation))
    with ctx.workprec(BITS):
        _require_box(certificate)
        sides = [_interval(*box[symbol]) for symbol in gap.symbols]
        if certificate.attained_at is None:
            return _branch_and_bound(gap, [tuple(sides)])
        return _around_attained(gap, certificate)


def _require_box(certificate: Certificate) -> None:
    """An empty box would certify anything."""
    for symbol, ends in certificate.box.items():
        low, high = (exact(sp.sympify(end), {}) for end in ends)
        if not low < high:
            raise TheoremError(f"{certificate.relation}: the interval {ends} of {symbol} is empty or a point")
        if certificate.attained_at is not None:
            point, radius = (exact(sp.sympify(part), {}) for part in certificate.attained_at)
            if not radius > 0 or point < low or point > high:
                raise TheoremError(f"{certificate.relation}: attained_at is no point of {ends} with a radius above 0")


def _interval(low: sp.Expr, high: sp.Expr) -> Any:
    return exact(sp.sympify(low), {}).union(exact(sp.sympify(high), {}))


def _branch_and_bound(gap: _Gap, pending: list[tuple[Any, ...]]) -> str | None:
    examined = 0
    while pending:
        box = pending.pop()
        examined += 1
        if examined > MOST_PIECES:
            return None
        if not gap.holds(box):
            pending += _halves(box)
    return f"branch and bound, {examined} pieces at {BITS} bits"


def _halves(box: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    widest = max(range(len(box)), key=lambda axis: float(box[axis].rad()))
    side = box[widest]
    low, middle, high = side.lower(), side.mid(), side.upper()
    return [
        (*box[:widest], low.union(middle), *box[widest + 1 :]),
        (*box[:widest], middle.union(high), *box[widest + 1 :]),
    ]


def _around_attained(gap: _Gap, certificate: Certificate) -> str | None:
    if len(gap.symbols) != 1 or certificate.attained_at is None:
        raise TheoremError(f"{certificate.relation}: `attained_at` is for one symbol")
    if gap.strict:
        raise TheoremError(f"{certificate.relation}: a strict relation is not attained; state it with ≤")
    (symbol,) = gap.symbols
    point, radius = (sp.sympify(part) for part in certificate.attained_at)
    low, high = (sp.sympify(end) for end in certificate.box[symbol])
    near_low, near_high = sp.Max(low, point - radius), sp.Min(high, point + radius)
    order = _order_of_contact(gap, symbol, point)
    if order is None or not _sign_near(gap, symbol, order, point, near_low, near_high):
        return None
    rest = [piece for piece in ((low, near_low), (near_high, high)) if piece[0] < piece[1]]
    far = _branch_and_bound(gap, [(_interval(*piece),) for piece in rest])
    return far and f"derivative {order} near {symbol} = {point}, {far}"


def _order_of_contact(gap: _Gap, symbol: sp.Symbol, point: sp.Expr) -> int | None:
    """The first derivative of the gap that does not vanish at `point`; the lower ones are 0 symbolically."""
    derivative = gap.expr
    for order in range(MOST_DERIVATIVES + 1):
        if sp.simplify(derivative.subs(symbol, point)) != 0:
            return order
        derivative = sp.diff(derivative, symbol)
    return None


def _sign_near(gap: _Gap, symbol: sp.Symbol, order: int, point: sp.Expr, low: sp.Expr, high: sp.Expr) -> bool:
    """Whether derivative · (x − point)^order ≥ 0 on [low, high], by the derivative's sign on either side."""
    derivative = sp.diff(gap.expr, symbol, order)
    signs = {(point, high): 1, (low, point): (-1) ** order}
    return all(
        bool(exact(derivative, {symbol: _interval(*side)}) * sign >= 0)
        for side, sign in signs.items()
        if side[0] < side[1]
    )
