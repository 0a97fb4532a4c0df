"""Relations made 5 % too sharp: as a whole, and constant by constant."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops.dynamics.notation import t
from alignprops.expressions import Rounded, rounded

LARGER, SMALLER = sp.Rational(21, 20), sp.Rational(20, 21)

Path = tuple[int, ...]


def whole(relation: Relational) -> list[Relational]:
    """The smaller side raised by 5 %; of an identity one side, up and down. Nothing for a mere sign, such as a ≥ 0."""
    if isinstance(relation, sp.Eq) and relation.rhs == 0:
        return []
    if isinstance(relation, sp.Eq):
        return [sp.Eq(relation.lhs, relation.rhs * factor) for factor in (LARGER, SMALLER)]
    if 0 in relation.args:
        return []
    return [_with(relation, (relation.args.index(relation.lts),), LARGER)]


def constants(relation: Relational) -> Iterator[tuple[sp.Expr, list[Relational]]]:
    """Every product inside the relation, and the relation with it 5 % off: so as to sharpen, if that can be told."""
    for path in _products(relation):
        edits = [_with(relation, path, factor) for factor in (LARGER, SMALLER)]
        sharper = [edit for edit in edits if _never_weaker(edit, relation)]
        yield _at(relation, path), sharper or edits


def _products(expr: sp.Basic, path: Path = ()) -> Iterator[Path]:
    """Paths to the terms of sums, and to the arguments of functions and extrema: what a constant is a factor of."""
    for index, part in enumerate(expr.args):
        if expr.is_Pow and index == 1:
            continue  # an exponent
        outer = expr.is_Add or isinstance(expr, sp.Function | sp.Min | sp.Max)
        if outer and part not in (0, 1, -1, t):
            yield (*path, index)
        yield from _products(part, (*path, index))


def _at(expr: sp.Basic, path: Path) -> sp.Basic:
    for index in path:
        expr = expr.args[index]
    return expr


def _with(expr: sp.Basic, path: Path, factor: sp.Expr) -> sp.Basic:
    """The expression with the part at `path` multiplied."""
    if not path:
        return expr * factor
    args = list(expr.args)
    args[path[0]] = _with(args[path[0]], path[1:], factor)
    return expr.func(*args)


def _never_weaker(edit: Relational, relation: Relational) -> bool:
    """Whether the gap of an inequality shrinks at every random point at which it changes at all."""
    if isinstance(relation, sp.Eq):
        return False
    draw, change = random.Random(0), (edit.gts - edit.lts) - (relation.gts - relation.lts)  # noqa: S311
    points = [{s: _random_value(s, draw) for s in relation.free_symbols} for _ in range(40)]
    changes = np.array([float(rounded(change, point).value) for point in points])
    changes = changes[np.isfinite(changes)]
    return bool((changes <= 1e-12).all() and (changes < -1e-12).any())


def _random_value(symbol: sp.Symbol, draw: random.Random) -> Rounded:
    value = draw.randint(2, 9) if symbol.is_integer else draw.uniform(0.1, 2)
    return Rounded(float(value), 0.0)
