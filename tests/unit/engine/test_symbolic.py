"""Deciding relations: nothing false is ever proved, and what is true and simple is."""

from __future__ import annotations

import pytest
import sympy as sp
from specimens import SQUARE, X, declare, squares
from sympy import Abs, Eq, Ge, Gt, Le, Lt, Rational, cos, cosh, exp, log, pi, sin, sinh, sqrt, tanh

from alignprops import TheoremError
from alignprops.atoms import log_cosh, log_sigmoid, sigmoid, softplus, tanhc
from alignprops.engine import prove
from alignprops.evidence.symbolic import _counter_example, decide

u, v, w = sp.symbols("u v w", real=True)
p, q = sp.symbols("p q", positive=True)
s, r = sp.symbols("s r", nonnegative=True)
m = sp.Symbol("m", negative=True)
k = sp.Symbol("k", integer=True, positive=True)

TRUE = [
    Eq((u + v) ** 2, u**2 + 2 * u * v + v**2, evaluate=False),
    Eq(sin(u) ** 2 + cos(u) ** 2, 1, evaluate=False),
    Eq(sigmoid(u) + sigmoid(-u), 1, evaluate=False),
    Eq(sigmoid(-u), Rational(1, 2) - tanh(u / 2) / 2, evaluate=False),
    Eq(softplus(u), u + softplus(-u), evaluate=False),
    Eq(cosh(u) ** 2 - sinh(u) ** 2, 1, evaluate=False),
    Eq(sqrt(p**2 * q**2), p * q, evaluate=False),
    Ge(u**2 + v**2, 2 * u * v, evaluate=False),
    Le(0, (u - v) ** 2 + w**2, evaluate=False),
    Gt(exp(u) + p, 0, evaluate=False),
    Lt(m * p, 0, evaluate=False),
    Le(p * q / (1 + q), p, evaluate=False),
    Ge(k, 1, evaluate=False),
    Le(log_sigmoid(u), 0, evaluate=False),
    Eq(k * (k + 1) / 2, sp.Sum(sp.Symbol("i", integer=True), (sp.Symbol("i", integer=True), 1, k)), evaluate=False),
]

FALSE = [
    Eq(u, v, evaluate=False),
    Eq((u + v) ** 2, u**2 + v**2, evaluate=False),
    Eq(sqrt(u**2), u, evaluate=False),
    Eq(log(u**2), 2 * log(u), evaluate=False),
    Eq(sqrt(u * v) ** 2, Abs(u * v), evaluate=False),
    Eq(sigmoid(u) + sigmoid(-u), 1 + Rational(1, 10**12), evaluate=False),
    Eq(exp(u), 1 + u + u**2 / 2, evaluate=False),
    Eq(tanh(u), u - u**3 / 3, evaluate=False),
    Eq(pi, Rational(355, 113), evaluate=False),
    Eq(sqrt(2), Rational(665857, 470832), evaluate=False),
    Eq(tanhc(u) * u, sinh(u), evaluate=False),
    Ge(u, 0, evaluate=False),
    Ge(u**3, 0, evaluate=False),
    Gt(u**2, 0, evaluate=False),
    Gt(s, 0, evaluate=False),
    Gt(s * r, 0, evaluate=False),
    Lt(Abs(u), Abs(u) + s, evaluate=False),
    Lt(s, s + r**2, evaluate=False),
    Le(u * v, u**2, evaluate=False),
    Le(p, q, evaluate=False),
    Le(p, p**2, evaluate=False),
    Le(sqrt(p), p, evaluate=False),
    Le(p * q, p, evaluate=False),
    Ge(u**2 + v**2, 3 * u * v, evaluate=False),
    Ge(u**4 - 2 * u**2 + 1 - Rational(1, 10**9), 0, evaluate=False),
    Le(tanh(p), p * (1 - Rational(1, 10**9)) / p, evaluate=False),
    Le(log_cosh(u), u**2 / 2 - u**4 / 12, evaluate=False),
    Le(softplus(u), log(2) + u / 2, evaluate=False),
    Gt(softplus(u) - log(2) - u / 2, 0, evaluate=False),
    Le(exp(u), 1 + u, evaluate=False),
    Le(k, 10**6, evaluate=False),
    Gt(k, 1, evaluate=False),
    Ge(sin(u), -Rational(999, 1000), evaluate=False),
    Le(cosh(u), exp(u**2 / 2) - Rational(1, 10**15), evaluate=False),
    Ge((u - v) * (v - w) * (w - u), 0, evaluate=False),
    Ge(m, 0, evaluate=False),
]


@pytest.mark.parametrize("relation", TRUE, ids=str)
def test_what_is_true_and_simple_is_decided(relation: sp.Rel) -> None:
    """Expansion, factoring, simplification or the exponential form decide it."""
    assert _counter_example(relation) is None
    assert decide(sp.Rel(relation.lhs.doit(), relation.rhs.doit(), relation.rel_op, evaluate=False)) is not None


@pytest.mark.parametrize("relation", FALSE, ids=str)
def test_nothing_false_is_ever_proved(relation: sp.Rel) -> None:
    """Not even what is false only on a thin set, by a little, or far out."""
    assert decide(relation) is None


#: Where only a thin set, a minute difference or a far point shows it, random points need not.
PLAIN = [
    relation
    for relation in FALSE
    if relation.free_symbols
    and relation.rel_op in ("==", "<=", ">=")
    and not relation.atoms(Rational) & {-Rational(1, 10**15), Rational(-999, 1000), Rational(10**6)}
    and not relation.has(1 - Rational(1, 10**9))
    and not relation.has(log(u))
]


@pytest.mark.parametrize("relation", PLAIN, ids=str)
def test_what_is_plainly_false_is_false_at_a_random_point(relation: sp.Rel) -> None:
    """The points lie near 0 and far out, on both sides where the symbol's assumptions allow."""
    assert len(PLAIN) > 20
    assert _counter_example(relation) is not None


def test_points_respect_the_assumptions_on_symbols() -> None:
    """A negative symbol is negative at every point, a positive integer is one."""
    for kind, symbol, limit in ((Lt, m, 0), (Ge, k, 1), (Gt, p, 0), (Ge, s, 0)):
        assert _counter_example(kind(symbol, limit, evaluate=False)) is None


def test_points_of_a_box_with_irrational_ends() -> None:
    """Ends such as √2 or log 2 are allowed."""
    box = {u: (sqrt(2), pi)}

    assert _counter_example(Ge(u, sqrt(2), evaluate=False), box) is None
    assert _counter_example(Ge(u, 2, evaluate=False), box) is not None


def test_a_relation_that_is_nowhere_defined_is_an_error() -> None:
    """What has no finite value anywhere was not meant."""
    with pytest.raises(TheoremError, match=r"has no finite value at any of 24 points of its domain"):
        _counter_example(Le(log(-p), 0, evaluate=False))


def test_an_inequation_is_no_lemma() -> None:
    """≠ is neither an identity nor an inequality."""
    claim = declare(Ge(SQUARE, 2 * X - 1), squares)
    claim.proof("unequal", domain="everywhere", lemma=True)(lambda: sp.Ne(u, v))

    assert "a literal decides nothing" in prove(claim).reason


def test_definitions_may_differ_from_relation_to_relation() -> None:
    """Each of several relations can have its own; all must be there."""
    states = {"above": Ge(SQUARE, 2 * X - 1), "square": Eq(SQUARE, X**2)}
    claim = declare(states, squares, mutants={"a": {"above": Ge(SQUARE, X)}, "b": {"square": Eq(SQUARE, X)}})
    claim.proof("each", domain="all real x")(lambda: {"above": {SQUARE: X**2}, "square": {SQUARE: X**2}})
    partial = declare(states, squares, mutants={"a": {"above": Ge(SQUARE, X)}, "b": {"square": Eq(SQUARE, X)}})
    partial.proof("one", domain="all real x")(lambda: {"above": {SQUARE: X**2}})

    assert prove(claim).verdict.value == "proved"
    assert "gives definitions for ['above'], expected all of ['above', 'square']" in prove(partial).reason
