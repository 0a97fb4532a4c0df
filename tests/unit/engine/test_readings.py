"""A theorem read on one instance: the measure's contract, the sides, the slack."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from specimens import HONEST, HOST, QUICK, SQUARE, Number, Numbers, X, arrays, declare, rows, square, squares
from sympy import Eq, Ge, Gt, Le, Lt

from alignprops import Subject, Theorem, TheoremError, Verdict, bounded
from alignprops.engine import attack_mutants, evaluate
from alignprops.evidence.reading import Reading, Sides, measure, read
from alignprops.theorems import Under

Y = sp.Symbol("y", real=True)


def reading(theorem: Theorem, instance: Any) -> Reading:
    """The float64 reading of a theorem on the honest subject."""
    return read(theorem, theorem.states, theorem.given, measure(theorem, square, instance), instance)


def sides(states: sp.Rel, values: dict[sp.Symbol, Any], **fields: Any) -> Sides:
    """The sides of one relation on given values."""
    mutants = {"a": Ge(X + Y, 0), "b": Ge(X - Y, 1)}
    theorem = declare(states, lambda subject, instance: {X: 0, Y: 0, **values}, mutants=mutants, **fields)
    (found,) = reading(theorem, Number(0.0)).sides
    return found


# --- the measure's contract -------------------------------------------------------------------------------------


def raising(subject: Any, number: Number) -> Any:
    """A measure with a bug."""
    raise ZeroDivisionError("by x")


BROKEN = {
    "forgets a symbol": (lambda s, n: {X: n.x}, "the measure gave no value for s"),
    "forgets all": (lambda s, n: {}, "the measure gave no value for s, x"),
    "is no mapping": (lambda s, n: [n.x], "the measure returned list, expected a mapping of symbols"),
    "raises": (raising, "ZeroDivisionError: by x"),
    "misfits": (
        lambda s, n: {X: np.ones(3), SQUARE: np.ones(2)},
        "the measured shapes do not fit together in 'statement': s (2,), x (3,)",
    ),
    "gives text": (lambda s, n: {X: n.x, SQUARE: "four"}, "ValueError: could not convert string to float"),
    "gives NaN": (lambda s, n: {X: n.x, SQUARE: math.nan}, "is not finite where the premises hold"),
    "gives nothing": (lambda s, n: {X: n.x, SQUARE: None}, "is not finite where the premises hold|TypeError"),
    "gives a negative error": (lambda s, n: {X: n.x, SQUARE: bounded(n.x, -1.0)}, "is NaN or negative where"),
}


@pytest.mark.parametrize(("gives", "told"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("subject", [HONEST, HOST], ids=lambda subject: subject.id)
def test_a_measure_that_breaks_its_contract_is_an_error(gives: Any, told: str, subject: Subject) -> None:
    """Of the claim and of the mutants, with the reason; never a traceback, never a pass."""
    theorem = declare(Eq(SQUARE, X**2), gives)
    found, hunted = evaluate(theorem, subject, QUICK), attack_mutants(theorem, QUICK)

    assert found.verdict is hunted.verdict is Verdict.ERROR
    assert any(part in found.reason for part in told.split("|")), found.reason
    assert hunted.reason in (found.reason, "0 of 2 mutants killed; alive: 2 times, 3 times")


def test_keys_that_nothing_asks_for_are_ignored() -> None:
    """A measure may serve several theorems."""
    theorem = declare(Eq(SQUARE, X**2), lambda s, n: {**squares(s, n), Y: "anything"})

    with pytest.raises(ValueError, match=r"could not convert"):
        reading(theorem, Number(1.0))
    harmless = declare(Eq(SQUARE, X**2), lambda s, n: {**squares(s, n), Y: np.ones(7)})
    assert reading(harmless, Number(1.0)).effective


def test_relations_may_have_shapes_of_their_own() -> None:
    """Each relation broadcasts its own symbols; those of another need not fit."""
    theorem = declare(
        {"rows": Eq(SQUARE, X**2), "columns": Le(Y, 9)},
        lambda s, r: {**rows(s, r), Y: np.ones(7)},
        on=arrays,
        of=Numbers,
    )
    found = reading(theorem, Numbers(np.array([1.0, 2.0])))

    assert [part.gap.shape for part in found.sides] == [(2,), (7,)]


def test_empty_arrays_say_nothing() -> None:
    """No element is no evidence."""
    theorem = declare(Eq(SQUARE, X**2), rows, on=arrays, of=Numbers)
    found = reading(theorem, Numbers(np.zeros(0)))

    assert not found.effective
    assert found.slack() == math.inf


@pytest.mark.parametrize(
    ("assumption", "value", "told"),
    [
        ("nonnegative", -0.5, "is declared nonnegative, and measured as -0.5"),
        ("positive", 0, "is declared positive, and measured as 0"),
        ("negative", 2.0, "is declared negative, and measured as 2"),
        ("nonpositive", np.array([-1.0, 3.0]), "is declared nonpositive, and measured as 3"),
        ("integer", 1.5, "is declared an integer, and measured as 1.5"),
        ("nonnegative", 0.0, None),
        ("nonnegative", bounded(-1e-17, 1e-16), None),
        ("positive", bounded(0.0, 1e-16), None),
        ("integer", 3.0, None),
        ("integer", 7, None),
    ],
    ids=str,
)
def test_a_value_is_what_its_symbol_is_declared_to_be(assumption: str, value: Any, told: str | None) -> None:
    """sympy simplifies on the strength of it: √(q²) is q only if q is not negative. Rounding is allowed for."""
    symbol = sp.Symbol("q", real=True, **{assumption: True})
    theorem = declare(Le(symbol, X + 9), lambda s, n: {X: n.x + 20, symbol: value})
    found = evaluate(theorem, HOST, QUICK)

    assert found.verdict is (Verdict.ERROR if told else Verdict.HELD)
    assert told is None or f"q {told}" in found.reason


# --- gaps, slack, tightness -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "gap", "missed"),
    [
        (Le(X, Y), -1.0, True), (Lt(X, Y), -1.0, True), (Ge(Y, X), -1.0, True), (Gt(Y, X), -1.0, True),
        (Ge(X, Y), 1.0, False), (Gt(X, Y), 1.0, False), (Le(Y, X), 1.0, False), (Lt(Y, X), 1.0, False),
        (Eq(X, Y), -1.0, True), (Eq(Y, X), -1.0, True),
    ],
    ids=str,
)  # fmt: skip
def test_the_gap_is_negative_where_a_relation_is_broken(states: sp.Rel, gap: float, missed: bool) -> None:
    """For every kind of relation, whichever way it is written."""
    found = sides(states, {X: 3.0, Y: 2.0})

    assert float(found.gap) == gap
    assert found.suspected() == found.refuting() == missed
    assert math.copysign(1, found.slack()) == math.copysign(1, gap)


@pytest.mark.parametrize(
    ("states", "suspected", "undecided", "blind"),
    [
        (Le(X, Y), False, False, False),
        (Eq(X, Y), False, False, False),
        (Lt(X, Y), True, True, True),
        (Gt(Y, X), True, True, True),
    ],
    ids=str,
)
def test_equal_exact_sides(states: sp.Rel, suspected: bool, undecided: bool, blind: bool) -> None:
    """Equal integers meet a closed relation and break a strict one."""
    found = sides(states, {X: 2, Y: 2})

    assert (found.suspected(), found.undecided(), found.blind()) == (suspected, undecided, blind)
    assert found.slack() == 0.0


def test_slack_is_in_units_of_the_tolerance() -> None:
    """−1 is where a suspicion begins."""
    assert sides(Le(X, Y), {X: bounded(1.0, 0.5), Y: bounded(0.75, 0.5)}).slack() == pytest.approx(-0.25)
    assert sides(Le(X, Y), {X: bounded(1.0, 0.0), Y: bounded(0.75, 0.0)}).slack() == -math.inf
    assert sides(Le(X, Y), {X: bounded(1.0, 0.0), Y: bounded(1.75, 0.0)}).slack() == math.inf
    assert sides(Le(X, Y), {X: bounded(1.0, math.inf), Y: bounded(0.5, 0.0)}).blind()


def test_the_tolerance_is_not_below_the_errors() -> None:
    """What is computed about errors is rounded too: a margin covers it."""
    found = sides(Le(X, Y), {X: bounded(1.0, 0.1), Y: bounded(0.5, 0.2)})

    assert 0.3 < float(found.tolerance) < 0.3 * (1 + 1e-6)


def test_tightness_is_the_largest_ratio_of_positive_sides() -> None:
    """Where the larger side is positive beyond rounding and the smaller one not negative."""
    values = {X: np.array([1.0, 3.0, -5.0, 0.0]), Y: np.array([2.0, 4.0, 1.0, 1e-300])}

    assert sides(Le(X, Y), values).tightness() == 0.75
    assert sides(Ge(Y, X), values).tightness() == 0.75
    assert sides(Eq(X, Y), values).tightness() is None
    assert sides(Le(X, Y), {X: -1.0, Y: 0.0}).tightness() is None
    assert sides(Le(X, Y), {X: 1e300, Y: 1e-300}).tightness() is None


# --- premises ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("premise", "values", "holds", "certain"),
    [
        (Le(X, Y), {X: 1.0, Y: 2.0}, True, True),
        (Le(X, Y), {X: 1, Y: 1}, True, True),
        (Lt(X, Y), {X: 1, Y: 1}, False, False),
        (Le(X, Y), {X: bounded(1.0, 1e-9), Y: 1}, True, False),
        (Lt(X, Y), {X: bounded(1.0, 1e-9), Y: 1 + 1e-10}, True, False),
        (Ge(Y, X), {X: bounded(1.0, 1e-9), Y: 1 + 1e-8}, True, True),
        (Eq(X, Y), {X: bounded(1.0, 1e-9), Y: 1 + 1e-10}, True, True),
        (Eq(X, Y), {X: 1, Y: 2}, False, False),
        (Le(X, Y), {X: bounded(1.0, math.inf), Y: 2}, True, False),
    ],
    ids=str,
)
def test_premises_hold_surely_or_by_rounding(
    premise: sp.Rel, values: dict[sp.Symbol, Any], holds: bool, certain: bool
) -> None:
    """What only rounding grants is enough to look, not enough to refute a host."""
    found = sides(Eq(SQUARE, 0), {**values, SQUARE: 0}, given={"premise": premise})

    assert (bool(found.effective), bool(found.certain)) == (holds, certain)


def test_premises_of_one_relation_do_not_guard_another() -> None:
    """`Under` is for one of several."""
    theorem = declare(
        {"all": Le(X, 5), "large": Under({"above 1": Ge(X, 1)}, Ge(SQUARE, X))},
        rows, on=arrays, of=Numbers,
    )  # fmt: skip
    found = reading(theorem, Numbers(np.array([0.5, 2.0])))

    assert found.premises == {"above 1": True}
    assert found.stated == {"all": True, "large": True}
    assert [list(part.effective) for part in found.sides] == [[True, True], [False, True]]


def test_theorem_errors_keep_their_text() -> None:
    """What the engine finds wrong is not dressed up as somebody's exception."""
    found = evaluate(declare(Eq(SQUARE, X**2), lambda s, n: {}), HONEST, QUICK)

    assert found.reason == "specimen.square.holds: the measure gave no value for s, x"
    assert issubclass(TheoremError, Exception)
