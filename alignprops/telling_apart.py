"""Whether expressions differ, seen from their values: that spares sympy the expansion, where they do."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops.expressions import Rounded, rounded, symbols_of

#: Of the points at which expressions are looked at.
SALTS = (b"first", b"second")


def surely_differ(one: Relational, other: Relational) -> bool:
    """Whether the distances between the sides of two relations differ by more than rounding, whatever their signs.

    If not, they may be the same, or one has no value at the point: sympy is to say.
    """
    first, second = (_distance(relation, _point(relation, SALTS[0])) for relation in (one, other))
    return _apart(first, second) and _apart(first, Rounded(-second.value, second.error))


def surely_varies(relation: Relational) -> bool:
    """Whether the distance between its sides changes by more than rounding from one point to another."""
    return _apart(*(_distance(relation, _point(relation, salt)) for salt in SALTS))


def _distance(relation: Relational, point: Mapping[sp.Symbol, Rounded]) -> Rounded:
    left, right = (rounded(side, point) for side in relation.args)
    return Rounded(left.value - right.value, left.error + right.error)


def _apart(a: Rounded, b: Rounded) -> bool:
    """A NaN is never apart; the factor covers the subtractions."""
    return bool(np.abs(a.value - b.value) > 2 * (a.error + b.error) + 1e-9 * (np.abs(a.value) + np.abs(b.value)))


def _point(relation: Relational, salt: bytes) -> dict[sp.Symbol, Rounded]:
    """A value for every symbol, in (0, 1) or, where it is negative, in (-1, 0): a matter of its name alone."""
    return {symbol: Rounded(_value(symbol, salt), 0.0) for symbol in symbols_of(relation)}


def _value(symbol: sp.Symbol, salt: bytes) -> float:
    size = (crc32(salt + symbol.name.encode()) % 2**20 + 0.5) / 2**20
    return -size if symbol.is_negative else size
