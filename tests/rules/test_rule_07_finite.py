"""Rule 7: a side that is not finite is an error, never a pass; underflow does not refute."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st
from specimens import HONEST, HOST, QUICK, SQUARE, Number, X, declare, numbers, squares
from sympy import Eq, Ge, Gt, Le, Lt

from alignprops import Settings, Subject, Verdict
from alignprops.atoms import log_sigmoid, sigmoid
from alignprops.engine import evaluate

BOTH = pytest.mark.parametrize("subject", [HONEST, HOST], ids=lambda subject: subject.id)


@BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("states", [Eq(SQUARE, X**2), Le(SQUARE, X), Ge(SQUARE, X), Lt(SQUARE, X)], ids=str)
def test_a_side_that_is_not_finite_is_an_error(subject: Subject, value: float, states: sp.Rel) -> None:
    """Also where the relation would be true of infinities."""
    found = evaluate(declare(states, lambda _, number: {X: number.x, SQUARE: value}), subject, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "is not finite where the premises hold" in found.reason


@BOTH
def test_one_element_that_is_not_finite_is_an_error(subject: Subject) -> None:
    """The others do not make up for it."""
    row = np.array([1.0, np.nan, 2.0])
    found = evaluate(declare(Le(SQUARE, X), lambda _, number: {X: 9.0, SQUARE: row}), subject, QUICK)

    assert found.verdict is Verdict.ERROR


def test_what_is_not_finite_outside_of_the_premises_is_no_matter() -> None:
    """0/0 is excused by the premise that excludes it."""

    def ratio(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: subject(number.x) / number.x if number.x else math.nan}

    claim = declare(Le(SQUARE, X), ratio, given={"not 0": Gt(sp.Abs(X), 0)})

    assert evaluate(claim, HOST, QUICK).verdict is Verdict.HELD


def test_a_statement_that_overflows_is_an_error() -> None:
    """exp(1000 x²) is infinite in floats: state it in log space."""
    found = evaluate(declare(Ge(sp.exp(1000 * SQUARE), X), squares), HOST, Settings(max_examples=60))

    assert found.verdict is Verdict.ERROR
    assert "the larger side of 'statement'" in found.reason
    assert evaluate(declare(Ge(1000 * SQUARE, sp.log(sp.Abs(X) + 1)), squares), HOST, QUICK).verdict is Verdict.HELD


@BOTH
def test_underflow_in_the_statement_does_not_refute(subject: Subject) -> None:
    """exp(−1000 x²) is 0 in floats and positive in truth."""
    large = numbers.filter(lambda number: abs(number.x) >= 1)
    claim = declare(Gt(sp.exp(-1000 * SQUARE), 0 * X + sp.exp(-1000 * X**2) / 2), squares, on=large)
    found = evaluate(claim, subject, QUICK)

    assert found.verdict is Verdict.HELD


@BOTH
def test_underflow_in_the_measure_does_not_refute(subject: Subject) -> None:
    """A product of tiny numbers is a denormal number, or 0: off by a spacing, which is allowed for."""

    def tiny(square: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: square(number.x)}

    instances = st.integers(1, 1000).map(lambda k: Number(k / 7 * 1e-162))
    claim = declare(Eq(SQUARE, X**2), tiny, on=instances)
    found = evaluate(claim, subject, QUICK)

    assert found.verdict is Verdict.HELD, found.reason


@BOTH
def test_probabilities_that_underflow_are_stated_in_log_space(subject: Subject) -> None:
    """σ(−800) is 0 in floats; log σ(−800) is −800."""
    instances = st.integers(800, 4000).map(lambda k: Number(float(-k)))
    plain = declare(Gt(sigmoid(X) * SQUARE, sigmoid(X - 1) * SQUARE), squares, on=instances)
    logs = declare(Gt(log_sigmoid(X) + SQUARE, log_sigmoid(X - 1) + SQUARE), squares, on=instances, operations=1)

    assert evaluate(logs, subject, QUICK).verdict is Verdict.HELD
    found = evaluate(plain, subject, QUICK)
    assert found.verdict is Verdict.HELD
    assert found.evidence["sampled"]["within_rounding"] == (0 if subject is HONEST else QUICK.max_examples)


def test_the_verdict_does_not_depend_on_warnings() -> None:
    """An overflow inside a measure that ends in a finite value is judged by that value."""

    def overflowing(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: subject(number.x) + 1 / (1 + np.exp(np.float64(1000.0)))}

    claim = declare(Eq(SQUARE, X**2), overflowing)
    for action in ("error", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)  # type: ignore[arg-type]
            assert evaluate(claim, HOST, QUICK).verdict is Verdict.HELD
