"""The text of theorem files: one true theorem, and others to add."""

THEOREMS = '''
"""Squares: true, false, vacuous and undecided statements."""

from dataclasses import dataclass

import sympy as sp
from hypothesis import strategies as st

from alignprops._errors import UnknownNameError
from alignprops.subjects import Kind, Subject, kind_named, register_kind
from alignprops.theorems import Ref, Rounding, theorem


@dataclass(frozen=True)
class Pair:
    x: float
    y: float


def square(x):
    return x * x


def broken_square(x):
    raise OSError("no such square")


try:  # several inner runs may share a process
    kind_named("squares")
except UnknownNameError:
    register_kind(Kind("squares", "x -> x squared", (Subject("toy", "squares", lambda: square, exact=True),)))
a, b, p = sp.symbols("a b p", real=True)
eighths = st.integers(-64, 64).map(lambda n: n / 8)
COMMON = {
    "source": Ref("cauchy1821", "Note II"),
    "on": st.builds(Pair, eighths, eighths),
    "rounding": Rounding(2, "a product and a sum"),
    "kind": "squares",
    "mutants": {"larger": sp.Le(sp.Rational(21, 10) * p, a + b), "reversed": sp.Ge(p, a + b)},
}


def values(square, pair):
    return {p: pair.x * pair.y, a: square(pair.x), b: square(pair.y)}


@theorem("squares.mean.upper-bound", states=sp.Le(2 * p, a + b), **COMMON)
def mean(square, pair: Pair):
    """Twice a product is at most the sum of the squares."""
    return values(square, pair)


@mean.proof("difference of squares", domain="all reals")
def _():
    x, y = sp.symbols("x y", real=True)
    return {p: x * y, a: x**2, b: y**2}
'''

FALSE = '''
@theorem("squares.mean.false", states=sp.Le(3 * p, a + b), no_proof="it is false", **COMMON)
def false(square, pair: Pair):
    """Three times a product is at most the sum of the squares."""
    return values(square, pair)
'''

VACUOUS = '''
@theorem("squares.mean.vacuous", states=sp.Le(2 * p, a + b), given={"negative square": sp.Le(a, -1)},
         no_proof="nothing to prove", **COMMON)
def vacuous(square, pair: Pair):
    """Nothing is said of real numbers."""
    return values(square, pair)
'''
