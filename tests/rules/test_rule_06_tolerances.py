"""Rule 6: tolerances are derived, and discontinuous measures are bracketed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from specimens import HOST, QUICK, SQUARE, Number, Numbers, X, arrays, declare, numbers
from sympy import Eq, Ge, Le

from alignprops import Ref, Rounding, Settings, Theorem, Verdict, bounded, theorem
from alignprops.engine import evaluate
from alignprops.evidence.reading import measure, read
from alignprops.measured import EPS

ACCURACY, LEAST = sp.symbols("accuracy least", real=True)


def off_by(roundings: float) -> Any:
    """A measure whose square is off by that many roundings."""
    return lambda subject, number: {X: bounded(number.x, 0), SQUARE: subject(number.x) * (1 + roundings * EPS)}


@pytest.mark.parametrize(("roundings", "allowed", "held"), [(6, 10, True), (14, 10, False), (14, 20, True)])
def test_the_tolerance_is_eps_times_operations_times_size(roundings: float, allowed: float, held: bool) -> None:
    """What the theorem allows for is what a host's result may be off by."""
    found = evaluate(declare(Eq(SQUARE, X**2), off_by(roundings), operations=allowed), HOST, QUICK)

    assert (found.verdict is Verdict.HELD) == held


def test_operations_may_depend_on_the_instance() -> None:
    """A sum of n numbers carries n roundings."""

    def summing(rounding: Rounding) -> Theorem:
        def measured(subject: Any, row: Numbers) -> Any:
            """A specimen."""
            n = len(row.values)
            return {X: n, SQUARE: 1.0 * n * (1 + (n - 1) * EPS)}

        made: Theorem = theorem(
            "specimen.sum.holds",
            states=Eq(SQUARE, X),
            source=Ref("specimen", "here"),
            on=arrays,
            rounding=rounding,
            kind="specimen",
            mutants={"off": Eq(SQUARE, X + 1)},
        )(measured)
        return made

    by_length = Rounding(lambda row: len(row.values), "a sum of n numbers")

    assert by_length.count(Numbers(np.zeros(3))) == 3.0
    assert evaluate(summing(by_length), HOST, QUICK).verdict is Verdict.HELD
    assert evaluate(summing(Rounding(1, "wrong")), HOST, Settings(max_examples=60)).verdict is Verdict.REFUTED


def test_a_bound_given_by_the_measure_replaces_the_count() -> None:
    """Cancellation is known to the measure, not to the theorem."""

    def bounds(error: float) -> Theorem:
        return declare(
            Eq(SQUARE, X**2), lambda subject, number: {X: number.x, SQUARE: bounded(subject(number.x) + 1e-6, error)}
        )

    assert evaluate(bounds(2e-6), HOST, QUICK).verdict is Verdict.HELD
    assert evaluate(bounds(5e-7), HOST, QUICK).verdict is Verdict.REFUTED


def test_the_error_of_the_statement_itself_is_followed() -> None:
    """The tolerance of √(s) − √(x² + 1) follows from those of s and x, through every operation."""
    claim = declare(
        Le(sp.sqrt(SQUARE), sp.sqrt(X**2 + 1)),
        lambda subject, number: {X: bounded(number.x, 0.0), SQUARE: bounded(subject(number.x), 1e-9)},
    )
    instance = Number(3.0)
    reading = read(claim, claim.states, claim.given, measure(claim, lambda x: x * x, instance), instance)
    (sides,) = reading.sides

    assert float(sides.tolerance) == pytest.approx(1e-9 / 6, rel=1e-3)  # d√s = ds/(2√s)


def test_integers_and_truth_values_carry_no_error() -> None:
    """A count is a count: a difference of 1 in 10⁹ refutes."""
    claim = declare(Eq(SQUARE, X), lambda subject, number: {X: 10**9, SQUARE: 10**9 + (number.x > 4)}, operations=1000)

    assert evaluate(claim, HOST, Settings(max_examples=60)).verdict is Verdict.REFUTED


def test_ties_are_counted_for_the_side_that_favours_refutation_last() -> None:
    """An accuracy whose ties are rounding is a bracket: neither a lower nor an upper bound is refuted within it."""

    def ties(subject: Any, number: Number) -> Any:
        won, tied = 0.5, 0.25  # of all samples
        return {ACCURACY: bounded(won + tied / 2, tied / 2), LEAST: number.x * 0 + 0.75}

    mutants = {"one": Ge(ACCURACY, LEAST + 1), "two": Le(ACCURACY, LEAST - 1)}

    def claim(states: sp.Rel) -> Theorem:
        return declare(states, ties, mutants=mutants)

    assert evaluate(claim(Ge(ACCURACY, LEAST)), HOST, QUICK).verdict is Verdict.HELD
    assert evaluate(claim(Le(ACCURACY, LEAST - sp.Rational(1, 4))), HOST, QUICK).verdict is Verdict.HELD
    assert evaluate(claim(Ge(ACCURACY, LEAST + sp.Rational(1, 8))), HOST, QUICK).verdict is Verdict.REFUTED
    assert evaluate(claim(Le(ACCURACY, LEAST - sp.Rational(3, 8))), HOST, QUICK).verdict is Verdict.REFUTED


def test_a_theorem_must_say_its_rounding_and_why() -> None:
    """There is no default tolerance to fall back on."""
    with pytest.raises(TypeError, match="rounding"):
        theorem("specimen.square.loose", states=Eq(SQUARE, X**2), source=Ref("a", "b"), on=numbers)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="reason"):
        Rounding(4)  # type: ignore[call-arg]


def test_a_nan_error_bound_is_an_error() -> None:
    """A bound that is no number bounds nothing, and would let everything pass."""
    claim = declare(Eq(SQUARE, X**2), lambda subject, number: {X: number.x, SQUARE: bounded(subject(number.x), np.nan)})
    found = evaluate(claim, HOST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "the tolerance of 'statement', Eq(s, x**2), is NaN or negative where the premises hold" in found.reason


def test_a_negative_error_bound_is_an_error() -> None:
    """It would turn what is met into a refutation."""
    claim = declare(Eq(SQUARE, X**2), lambda subject, number: {X: number.x, SQUARE: bounded(subject(number.x), -1e-9)})
    found = evaluate(claim, HOST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "is NaN or negative where the premises hold" in found.reason
