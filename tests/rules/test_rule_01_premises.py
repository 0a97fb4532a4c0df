"""Rule 1: premises are declared and counted; what they never let through is vacuous."""

from __future__ import annotations

from typing import Any

import hypothesis
import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st
from specimens import HONEST, HOST, QUICK, SQUARE, Number, Numbers, X, arrays, declare, rows, squares

from alignprops import Settings, Subject, Verdict
from alignprops.engine import evaluate
from alignprops.theorems import Under


def test_premises_are_counted_on_every_input() -> None:
    """The evidence tells of each premise on how many of the inputs it held, and how many were effective."""
    positive = declare(
        sp.Ge(SQUARE * X, X**3), squares, given={"positive": sp.Gt(X, 0), "small": sp.Le(X, 4)}, min_effective=5
    )
    found = evaluate(positive, HONEST, QUICK)
    told = found.evidence["sampled"]

    assert found.verdict is Verdict.HELD
    assert told["examples"] == QUICK.max_examples
    assert 0 < told["premises"]["positive"]["held"] < told["premises"]["positive"]["of"] == told["examples"]
    assert 0 < told["effective"] < told["premises"]["small"]["held"]
    assert f"{told['effective']} effective of {told['examples']} examples" in found.reason


def test_a_premise_that_is_never_met_is_vacuous() -> None:
    """A claim about nothing fails, whatever it states."""
    never = declare(sp.Le(SQUARE, 2 * X**2 - 5), squares, given={"imaginary": sp.Lt(SQUARE, -1)})
    found = evaluate(never, HONEST, QUICK)

    assert found.verdict is Verdict.VACUOUS
    assert found.verdict.fails
    assert "0 effective of 30 examples, at least 3 needed: the premises are hardly ever met" in found.reason


def test_fewer_effective_inputs_than_needed_are_vacuous() -> None:
    """`min_effective` is the theorem's own measure of enough."""
    seldom = {"large": sp.Ge(X, 7)}
    few = declare(sp.Eq(SQUARE, X**2), squares, given=seldom, min_effective=20)
    enough = declare(sp.Eq(SQUARE, X**2), squares, given=seldom, min_effective=1)

    assert evaluate(few, HONEST, Settings(max_examples=100)).verdict is Verdict.VACUOUS
    assert evaluate(enough, HONEST, Settings(max_examples=100)).verdict is Verdict.HELD


def test_with_few_examples_the_share_counts() -> None:
    """A run of 5 examples does not ask for more effective ones than a run of 100 does, in proportion."""
    half = declare(sp.Eq(SQUARE, X**2), squares, given={"not negative": sp.Ge(X, 0)}, min_effective=10)
    found = evaluate(half, HONEST, Settings(max_examples=5))

    assert found.evidence["sampled"]["effective"] < 5
    assert found.verdict is Verdict.HELD


def test_assume_in_a_measure_is_an_error() -> None:
    """An input that a measure rejects by itself would go uncounted."""

    def assuming(subject: Any, number: Number) -> Any:
        hypothesis.assume(number.x > 0)
        return squares(subject, number)

    found = evaluate(declare(sp.Eq(SQUARE, X**2), assuming), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "UnsatisfiedAssumption" in found.reason


def test_early_return_from_a_measure_is_an_error() -> None:
    """A measure gives a value for every symbol on every instance."""

    def returning(subject: Any, number: Number) -> Any:
        return squares(subject, number) if number.x > 0 else None

    found = evaluate(declare(sp.Eq(SQUARE, X**2), returning), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "the measure returned NoneType, expected a mapping of symbols" in found.reason


def test_a_strategy_that_rejects_everything_is_vacuous() -> None:
    """Nothing generated is nothing checked."""
    empty = declare(sp.Eq(SQUARE, X**2), squares, on=st.integers(0, 5).map(Number).filter(lambda number: False))
    found = evaluate(empty, HONEST, QUICK)

    assert found.verdict is Verdict.VACUOUS
    assert "0 effective of 0 examples" in found.reason


def test_premises_hold_element_by_element() -> None:
    """Where a premise fails an element is not checked; where it holds it is."""
    only_large = declare(
        sp.Le(SQUARE, X**2 - 1 + 2 * sp.Min(1, sp.Abs(X))),  # false for |x| < 1/2
        rows, on=arrays, of=Numbers, given={"large": sp.Ge(sp.Abs(X), 1)},
    )  # fmt: skip
    unguarded = declare(sp.Le(SQUARE, X**2 - 1 + 2 * sp.Min(1, sp.Abs(X))), rows, on=arrays, of=Numbers)

    assert evaluate(only_large, HONEST, QUICK).verdict is Verdict.HELD
    assert evaluate(unguarded, HONEST, QUICK).verdict is Verdict.REFUTED


def test_a_relation_with_premises_of_its_own_is_counted_by_itself() -> None:
    """One of several relations whose premises are hardly ever met makes the claim vacuous, by name."""
    states = {
        "square": sp.Eq(SQUARE, X**2),
        "impossible": Under({"imaginary": sp.Lt(SQUARE, -1)}, sp.Ge(SQUARE, 5 + X)),
    }
    found = evaluate(declare(states, squares), HONEST, QUICK)

    assert found.verdict is Verdict.VACUOUS
    assert "at least 3 needed for 'impossible'" in found.reason
    assert found.evidence["sampled"]["statements"] == {"square": 30, "impossible": 0}


def test_a_premise_that_is_nan_is_an_error() -> None:
    """A subject that diverges is not excused by a premise that it makes undefined."""

    def diverging(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: np.nan if number.x > 4 else subject(number.x)}

    found = evaluate(declare(sp.Le(X, SQUARE), diverging, given={"finite": sp.Ge(SQUARE, 9)}), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "the premise 'finite' of 'statement' is NaN where no other premise fails" in found.reason


def test_a_premise_may_be_undefined_where_another_one_fails() -> None:
    """0/0 beside the premise that excludes it harms nothing."""
    ratio = sp.Symbol("ratio", real=True)

    def dividing(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: subject(number.x), ratio: subject(number.x) / number.x if number.x else np.nan}

    given = {"not 0": sp.Gt(sp.Abs(X), 0), "positive ratio": sp.Gt(ratio, 0)}
    found = evaluate(declare(sp.Eq(SQUARE, X * ratio), dividing, given=given), HONEST, QUICK)

    assert found.verdict is Verdict.HELD


@pytest.mark.parametrize("subject", [HONEST, HOST], ids=lambda subject: subject.id)
def test_an_observed_run_on_which_no_premise_holds_is_not_applicable(subject: Subject) -> None:
    """A real run cannot be asked for other inputs; the premise that it misses is named."""
    observed = Subject("model/behaviour", "specimen", subject.get, observed=lambda theorem: Number(3.0))
    given = {"finite": sp.Le(X, 10), "negative": sp.Lt(X, 0)}
    found = evaluate(declare(sp.Eq(SQUARE, X**2), squares, given=given), observed, QUICK)

    assert found.verdict is Verdict.NOT_APPLICABLE
    assert found.reason == "premise not met on this run: negative"


def test_an_observed_run_on_which_premises_hold_apart_says_so() -> None:
    """Premises that hold at different elements leave nothing to check."""
    row = Numbers(np.array([-1.0, 1.0]))
    observed = Subject("model/behaviour", "specimen", HOST.get, observed=lambda theorem: row)
    given = {"negative": sp.Lt(X, 0), "positive": sp.Gt(X, 0)}
    found = evaluate(declare(sp.Eq(SQUARE, X**2), rows, on=arrays, of=Numbers, given=given), observed, QUICK)

    assert found.reason == "premise not met on this run: all of them together"
