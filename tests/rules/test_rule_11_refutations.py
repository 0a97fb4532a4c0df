"""Rule 11: a refutation prints what a reader needs, and a command that gives it again."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st
from specimens import COUNTERFEIT, HONEST, QUICK, SQUARE, Number, Numbers, X, arrays, declare, rows, squares
from sympy import Eq, Ge, Le

from alignprops import Settings, Verdict, bounded
from alignprops.engine import evaluate, replay

FINE = sp.Symbol("f", real=True)
FILE = """
import sympy as sp
from specimens import *

claim = declare(
    sp.Le(SQUARE, 4 * X), squares, given={"not negative": sp.Ge(X, 0), "at most 7": sp.Le(X, 7)},
    theorem_id="specimen.square.below-the-line", no_proof="it is false",
)
object.__setattr__(claim, "module", __name__)
"""


def test_a_refutation_prints_claim_witnesses_counts_and_a_command(pytester: pytest.Pytester) -> None:
    """And no frame of pytest, Hypothesis or the engine."""
    pytester.makepyfile(test_square=FILE)
    first = pytester.runpytest_inprocess("-k", "::toy")

    first.assert_outcomes(failed=1, deselected=2)
    first.stdout.fnmatch_lines(
        [
            "refuted: specimen.square.below-the-line::toy",
            "*A specimen.",
            "*statement *s <= 4[*]x*",
            "*source *specimen, here",
            "*reason *refuted by balls after * effective of * examples*",
            "*premise *not negative: met by * of * inputs",
            "*premise *at most 7: met by * of * inputs",
            "*simplest witness *:",
            "*x = 4.125",
            "*worst witness *",
            "*replay *pytest *",
        ]
    )
    for hidden in ("*Traceback*", "*engine.py*", "*hypothesis/*", "*Refutation*"):
        first.stdout.no_fnmatch_line(hidden)

    command = next(line for line in first.stdout.lines if line.strip().startswith("replay"))
    again = pytester.runpytest_inprocess(*shlex.split(command.split("pytest", 1)[1]))
    again.assert_outcomes(failed=1)
    assert [line for line in again.stdout.lines if "witness" in line] == [
        line for line in first.stdout.lines if "witness" in line
    ]


def test_the_simplest_witness_is_simple() -> None:
    """Shrinking finds the smallest number of the simplest form."""
    found = evaluate(declare(Le(SQUARE, 4 * sp.Abs(X)), squares), HONEST, Settings(max_examples=100))

    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["simplest"].instance == Number(33 / 8)
    assert abs(found.witness["worst"].instance.x) >= abs(found.witness["simplest"].instance.x)


def test_the_worst_witness_misses_most() -> None:
    """In units of the tolerance, over everything that was tried."""
    found = evaluate(declare(Ge(SQUARE, 2 * X**2 - 1), squares, exact=False), HONEST, Settings(max_examples=60))
    assert found.witness is not None
    simplest, worst = (found.witness[role].instance.x for role in ("simplest", "worst"))

    def miss(x: float) -> float:
        return (x**2 - 1) / (x**2 + 2 * x**2 + 1)

    assert miss(worst) >= miss(simplest) > 0


def test_counts_are_those_of_the_search_not_of_the_shrinking() -> None:
    """What Hypothesis tries to simplify a witness is not evidence of how often the theorem was tested."""
    found = evaluate(declare(Eq(SQUARE, X**2), rows, on=arrays, of=Numbers), COUNTERFEIT, Settings(max_examples=20))
    told = found.evidence["sampled"]

    assert found.verdict is Verdict.REFUTED
    assert told["examples"] <= 20


def test_an_example_that_refutes_has_a_simpler_witness_generated() -> None:
    """A named instance that fails is no reason to stop looking for a simple one."""
    wild = declare(Le(SQUARE, 4 * sp.Abs(X)), squares, examples={"wild": Number(61.625)})
    found = evaluate(wild, HONEST, Settings(max_examples=100))

    assert found.witness is not None
    assert found.witness["simplest"].instance == Number(33 / 8)
    assert found.witness["worst"].instance == Number(61.625)


def test_an_example_that_alone_refutes_is_the_witness() -> None:
    """Where the strategy finds nothing, the named instance stands."""
    hidden = declare(Le(SQUARE, 100), squares, examples={"far": Number(61.625)})
    found = evaluate(hidden, HONEST, QUICK)

    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["simplest"].instance == found.witness["worst"].instance == Number(61.625)


def test_a_witness_replays_and_the_honest_subject_passes_it() -> None:
    """A stored instance can be judged again on its own."""
    theorem = declare(Eq(SQUARE, X**2), rows, on=arrays, of=Numbers)
    found = evaluate(theorem, COUNTERFEIT, QUICK)
    assert found.witness is not None

    for witness in found.witness.values():
        assert replay(theorem, COUNTERFEIT, witness.instance).verdict is Verdict.REFUTED
        assert replay(theorem, HONEST, witness.instance).verdict is Verdict.HELD
        assert isinstance(witness.instance.values, np.ndarray)


def test_the_relation_that_is_broken_is_named() -> None:
    """Of several, the one that balls refute, whatever else is near its limit."""

    def cancelled(subject: object, number: Number) -> dict[sp.Symbol, object]:
        noisy = (number.x * number.x + 2**40) - 2**40
        return {X: number.x, SQUARE: bounded(noisy, 2.0**-11), FINE: bounded(number.x * number.x, 2.0**-5)}

    states = {
        "coarse": Le(SQUARE, X**2),
        "fine": Le(FINE, X**2 * (1 - sp.Rational(1, 10**9))),
    }
    sevenths = st.integers(1, 40).map(lambda k: Number(k / 7))
    found = evaluate(declare(states, cancelled, on=sevenths), HONEST, QUICK)

    assert found.verdict is Verdict.REFUTED
    assert found.reason.startswith("'fine' refuted by balls after")


def test_an_error_has_a_witness_too() -> None:
    """The simplest instance on which the measure raises is told with the reason."""

    def raising(subject: object, number: Number) -> dict[sp.Symbol, float]:
        if number.x > 2:
            raise ValueError("too large")
        return {X: number.x, SQUARE: number.x**2}

    found = evaluate(declare(Eq(SQUARE, X**2), raising), HONEST, Settings(max_examples=60))

    assert found.verdict is Verdict.ERROR
    assert re.fullmatch(r"ValueError: too large \(test_rule_11_refutations\.py:\d+, in raising\)", found.reason)
    assert found.witness is not None
    assert found.witness["simplest"].instance == Number(17 / 8)
