"""The engine as a whole, on random statements that are true or false by construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from specimens import Pair, declare
from sympy import Eq, Ge, Le, Lt
from test_expressions import SYMBOLS, expressions, followed

from alignprops.evidence.inspection import Finding, Inspector
from alignprops.expressions import Rounded, exact
from alignprops.measured import Bounded

X, Y, Z = SYMBOLS
M = sp.Symbol("m", real=True)
numbers = st.floats(-4, 4, allow_subnormal=False)


def judged(states: sp.Rel, expr: sp.Expr, x: float, y: float, *, ball_world: bool = True) -> Finding:
    """The judgement on an m that is measured as `expr`, with the error bound that follows from its rounding."""

    def measured(subject: Any, pair: Pair) -> Any:
        if isinstance(pair.x, arb):
            return {X: pair.x, Y: pair.y, Z: 1, M: exact(expr, {X: pair.x, Y: pair.y, Z: arb(1)})}
        values = {X: Rounded(pair.x, 0.0), Y: Rounded(pair.y, 0.0), Z: Rounded(1.0, 0.0)}
        found = followed(expr, values)
        given = {s: Bounded(np.asarray(v.value), np.asarray(v.error)) for s, v in values.items()}
        return {**given, M: Bounded(np.asarray(found.value), np.asarray(found.error))}

    theorem = declare(states, measured, of=Pair, mutants={"a": Lt(M, X - 97), "b": Lt(M, Y - 89)})
    inspector = Inspector(theorem, None, ball_world, alpha=1e-9)
    instance = Pair(x, y)
    return inspector.inspect(
        theorem.states, theorem.given, inspector.measure(instance), instance, near_misses_beyond=float("inf")
    )


def finite(expr: sp.Expr, x: float, y: float) -> bool:
    """Whether there is anything to judge."""
    found = followed(expr, {X: Rounded(x, 0.0), Y: Rounded(y, 0.0), Z: Rounded(1.0, 0.0)})
    return bool(np.isfinite(found.value)) and not np.isnan(found.error)


@settings(max_examples=60, deadline=None)
@given(expressions, numbers, numbers, st.sampled_from([Eq, Le, Ge]), st.booleans())
def test_what_is_true_is_never_refuted(expr: sp.Expr, x: float, y: float, kind: Any, ball_world: bool) -> None:
    """m = E holds as ≤, = and ≥, in floats and in balls, and no tolerance is called too small."""
    if not expr.free_symbols or not finite(expr, x, y):
        return
    found = judged(kind(M, expr), expr, x, y, ball_world=ball_world)

    assert not found.refuted
    assert not found.tolerance_too_small


@settings(max_examples=60, deadline=None)
@given(expressions, numbers, numbers, st.integers(3, 40))
def test_what_is_false_is_refuted_by_balls(expr: sp.Expr, x: float, y: float, digits: int) -> None:
    """However small the excess is, from 1e-3 to 1e-40, if floats come near enough to ask."""
    if not expr.free_symbols or not finite(expr, x, y):
        return
    excess = sp.Rational(1, 10**digits)
    found = judged(Eq(M, expr + excess), expr, x, y)
    asked = found.by == "balls"

    assert found.refuted == asked
    if digits <= 12:
        assert asked or not np.isfinite(
            followed(expr, {X: Rounded(x, 0.0), Y: Rounded(y, 0.0), Z: Rounded(1.0, 0.0)})[1]
        )
