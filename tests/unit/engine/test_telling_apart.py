"""What surely differs does; what is the same, written otherwise, never surely differs."""

from __future__ import annotations

import pytest
import sympy as sp
from sympy.core.relational import Relational

from alignprops.telling_apart import surely_differ, surely_varies

a, b = sp.symbols("a b", real=True)
p = sp.Symbol("p", positive=True)
n = sp.Symbol("n", negative=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sp.Eq((a + b) ** 2, p), sp.Eq(a**2 + 2 * a * b + b**2, p)),
        (sp.Eq(a, b), sp.Eq(b, a)),
        (sp.Eq(a - b, p), sp.Eq(b - a, -p)),
        (sp.Le(a * (b + 1), p), sp.Ge(p, a * b + a)),
        (sp.Le(a, b), sp.Lt(a, b)),
        (sp.Eq(sp.log(a - 2), b), sp.Eq(sp.log(a - 2), 2 * b)),
        (sp.Eq(a + sp.Rational(1, 10**17), b), sp.Eq(a, b)),
    ],
    ids=["expanded", "swapped", "signs", "turned", "strict", "no-value", "below-rounding"],
)
def test_what_may_be_the_same_does_not_surely_differ(one: Relational, other: Relational) -> None:
    """Also what has no value at the points, or differs by less than rounding: that is left to sympy."""
    assert not surely_differ(one, other)
    assert not surely_differ(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sp.Eq(a, b), sp.Eq(a, 2 * b)),
        (sp.Eq(a, p), sp.Eq(a, p * (1 + sp.Rational(1, 20)))),
        (sp.Le(sp.sqrt(p) * a, b), sp.Le(sp.sqrt(p) * a, b**2)),
        (sp.Eq(sp.log(p) * a, n), sp.Eq(sp.log(p) * a, n + b)),
        (sp.Eq(sp.sqrt(-n), a), sp.Eq(sp.sqrt(-n), -a)),
    ],
)
def test_what_differs_by_more_than_rounding_does(one: Relational, other: Relational) -> None:
    """At values in the symbols' domains: √−n has one where n is negative."""
    assert surely_differ(one, other)
    assert surely_differ(other, one)


def test_a_relation_varies_unless_its_sides_are_a_number_apart() -> None:
    """Sides that only look different do not."""
    assert surely_varies(sp.Eq(a, b))
    assert surely_varies(sp.Le(sp.Max(a, b), p))
    assert not surely_varies(sp.Eq((a + b) ** 2, a**2 + 2 * a * b + b**2 + 1, evaluate=False))
    assert not surely_varies(sp.Le(a - a, 1, evaluate=False))
