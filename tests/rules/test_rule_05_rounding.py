"""Rule 5: rounding is adjudicated; floats suspect, balls decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx
from hypothesis import strategies as st
from specimens import (
    HONEST,
    HOST,
    QUICK,
    SQUARE,
    Number,
    Numbers,
    X,
    arrays,
    declare,
    squares,
)
from sympy import Eq, Ge, Gt, Le, Lt

from alignprops import Settings, Verdict, bounded
from alignprops.dynamics.problem import HeadProblem
from alignprops.engine import evaluate
from alignprops.evidence import exact as adjudication
from alignprops.evidence.exact import PRECISIONS, Judgement, adjudicate, to_balls
from alignprops.evidence.inspection import Inspector
from alignprops.evidence.reading import measure
from alignprops.measured import EPS
from alignprops.registry import find_theorem
from alignprops.subjects import references_for

OFFSET = 2**40
C = sp.Symbol("c", real=True)
sevenths = st.integers(1, 64).map(lambda k: Number(k / 7))  # squares of these are rounded


def cancelled(subject: Any, number: Number) -> dict[sp.Symbol, Any]:
    """The square, after a cancellation that leaves it about 1e-4 in doubt, and says so."""
    return {X: number.x, SQUARE: bounded((subject(number.x) + OFFSET) - OFFSET, 2 * EPS * OFFSET)}


def noise(subject: Any, number: Number) -> dict[sp.Symbol, Any]:
    """A c that is truly 0, which neither floats nor balls of any precision can know."""
    return {X: number.x, SQUARE: subject(number.x), C: bounded(np.sqrt(number.x) * np.sqrt(number.x) - number.x, 1e-14)}


# --- what floats cannot see -------------------------------------------------------------------------------------


def test_a_bound_wrong_by_one_part_in_a_billion_is_refuted() -> None:
    """float64 cannot see it behind the cancellation; ball re-measurement can."""
    wrong = Le(SQUARE, X**2 * (1 - sp.Rational(1, 10**9)))
    found = evaluate(declare(wrong, cancelled, on=sevenths), HONEST, QUICK)

    assert found.verdict is Verdict.REFUTED
    assert "refuted by balls after" in found.reason
    unseen = evaluate(declare(wrong, cancelled, on=sevenths), HOST, QUICK)
    assert unseen.verdict is Verdict.HELD  # a host's code cannot be measured again
    assert unseen.evidence["sampled"]["within_rounding"] > 0


def test_the_right_bound_behind_the_same_cancellation_is_met() -> None:
    """Near misses of floats are found to be none, the attained ones are counted."""
    found = evaluate(declare(Le(SQUARE, X**2), cancelled, on=sevenths), HONEST, QUICK)

    assert found.verdict is Verdict.HELD
    assert found.evidence["sampled"]["slack"] < 0


def test_only_record_near_misses_are_measured_again() -> None:
    """Balls cost; of many near misses those are asked about that are worse than any before."""
    balls = []

    def counting(subject: Any, number: Number) -> Any:
        balls.append(not isinstance(number.x, float))
        return cancelled(subject, number)

    found = evaluate(declare(Eq(SQUARE, X**2), counting, on=sevenths), HONEST, Settings(max_examples=60))

    assert found.verdict is Verdict.HELD
    assert found.evidence["sampled"]["within_rounding"] > 20
    assert 1 <= sum(balls) <= 12


def test_a_tolerance_that_is_too_small_is_an_error() -> None:
    """Floats miss by more than the theorem allows for, balls find nothing wrong: the theorem's rounding is wrong."""

    def optimistic(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: (subject(number.x) + OFFSET) - OFFSET}

    found = evaluate(declare(Eq(SQUARE, X**2), optimistic, on=sevenths, operations=2), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert found.reason.startswith("the derived tolerance is too small: float64 misses by more, yet exact arithmetic")
    assert found.witness is not None
    assert 0 < found.witness["simplest"].instance.x < 64


# --- attained bounds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", PRECISIONS)
def test_an_attained_bound_is_met_as_attained_at_every_precision(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """LD-4 at t = 1, where ‖W_1 − W_0‖ = ηβ‖z̄‖/√2: the ball contains 0 however precise it is."""
    theorem = find_theorem("learning-dynamics.update-rate.upper-bound")
    features = np.array([[3.0, 1.0], [1.0, -2.0], [0.5, 0.25]])
    problem = HeadProblem.of(features, [1, -1, 1], eta=0.125, beta=0.75, steps=1)
    monkeypatch.setattr(adjudication, "PRECISIONS", (bits,))
    inspector = Inspector(theorem, references_for(theorem)[0].get(), exact=True, alpha=1e-9)
    told = adjudicate(theorem, theorem.states, theorem.given, inspector.measure, problem)

    assert told.judgement is Judgement.ATTAINED


def test_attained_bounds_are_counted() -> None:
    """(√x)² = x is attained in every ball, and said to be."""

    def rooted(subject: Any, number: Number) -> Any:
        return {X: number.x, C: np.sqrt(number.x)}

    found = evaluate(declare(Eq(C**2, X), rooted, on=sevenths), HONEST, QUICK)

    assert found.verdict is Verdict.HELD
    assert found.evidence["sampled"]["attained"] >= 1


def test_an_identity_that_balls_show_exactly_is_met_not_attained() -> None:
    """On a grid of dyadic numbers the gap is exactly 0."""
    found = evaluate(declare(Eq(SQUARE, X**2), squares, operations=0), HONEST, QUICK)

    assert found.verdict is Verdict.HELD
    assert found.evidence["sampled"]["attained"] == 0


# --- strict relations -------------------------------------------------------------------------------------------


def test_a_strict_relation_with_equal_sides_is_refuted() -> None:
    """x² < x² is false though no gap is negative."""
    found = evaluate(declare(Lt(SQUARE, X**2), squares), HONEST, QUICK)

    assert found.verdict is Verdict.REFUTED


def test_a_strict_relation_that_is_kept_by_less_than_rounding_is_met() -> None:
    """Floats round the gap to 0, balls see it."""
    found = evaluate(declare(Lt(SQUARE, X**2 * (1 + sp.Rational(1, 10**20))), squares, on=sevenths), HONEST, QUICK)

    assert found.verdict is Verdict.HELD


def test_a_strict_relation_that_is_broken_by_less_than_rounding_is_refuted() -> None:
    """Every instance on which floats see equal sides is measured again."""
    found = evaluate(declare(Lt(SQUARE, X**2 * (1 - sp.Rational(1, 10**20))), squares, on=sevenths), HONEST, QUICK)

    assert found.verdict is Verdict.REFUTED


def test_a_strict_relation_that_no_ball_can_decide_is_an_error() -> None:
    """Equal sides to the last bit neither keep nor break it: it should be stated otherwise (rule 7)."""
    found = evaluate(declare(Lt(C, 0), noise, on=sevenths, mutants=two(Lt(C, X))), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert (
        "'statement' is strict, and its sides are equal to 1024 bits; state it with ≤, or in log space" in found.reason
    )


def test_a_host_is_not_refuted_by_equal_floats() -> None:
    """Where nothing can be measured again, equal sides within the tolerance are within rounding."""
    found = evaluate(declare(Lt(SQUARE, X**2), squares, operations=4), HOST, QUICK)

    assert found.verdict is Verdict.HELD
    assert found.evidence["sampled"]["within_rounding"] == QUICK.max_examples


def two(relation: sp.Rel) -> dict[str, sp.Rel]:
    """Two mutants for a theorem whose mutants do not matter."""
    return {"one": relation, "two": relation.func(relation.lhs - 1, relation.rhs)}


# --- premises ---------------------------------------------------------------------------------------------------


def test_a_premise_that_only_rounding_meets_refutes_nothing() -> None:
    """10·fl(0.1) = 1 in floats, above 1 in truth: what is false there is outside of the theorem."""
    claim = declare(Le(SQUARE, -1 - X), squares, on=st.just(Number(0.1)), given={"small": Le(10 * X, 1)})

    assert evaluate(claim, HONEST, QUICK).verdict is Verdict.VACUOUS
    host = evaluate(claim, HOST, QUICK)
    assert host.verdict is Verdict.HELD
    assert host.evidence["sampled"]["within_rounding"] == 1


def test_a_premise_that_holds_beyond_rounding_lets_a_host_be_refuted() -> None:
    """The same false statement, where no rounding could excuse it."""
    claim = declare(Le(SQUARE, -1 - X), squares, on=st.just(Number(0.05)), given={"small": Le(10 * X, 1)})

    assert evaluate(claim, HOST, QUICK).verdict is Verdict.REFUTED
    assert evaluate(claim, HONEST, QUICK).verdict is Verdict.REFUTED


def test_a_closed_premise_that_is_attained_is_met() -> None:
    """c ≥ 0 with c = 0: the theorem speaks of this instance."""
    attained = [k for k in range(1, 200) if np.sqrt(k / 7) * np.sqrt(k / 7) - k / 7 >= 0]
    instances = st.sampled_from([Number(k / 7) for k in attained])
    claim = declare(Le(SQUARE, -1 - X), noise, on=instances, given={"closed": Ge(C, 0)})

    assert evaluate(claim, HONEST, QUICK).verdict is Verdict.REFUTED


def test_a_strict_premise_that_is_attained_is_not_met() -> None:
    """c > 0 with c = 0 to 1024 bits: nothing is refuted there."""
    positive = [k for k in range(1, 200) if np.sqrt(k / 7) * np.sqrt(k / 7) - k / 7 > 0]
    instances = st.sampled_from([Number(k / 7) for k in positive])
    claim = declare(Le(SQUARE, -1 - X), noise, on=instances, given={"strict": Gt(C, 0)})
    found = evaluate(claim, HONEST, QUICK)

    assert found.verdict is Verdict.VACUOUS
    assert found.evidence["sampled"]["premises"]["strict"]["held"] == QUICK.max_examples


def test_a_premise_without_a_finite_ball_is_an_error() -> None:
    """1/c² > 0 holds in floats by noise alone; no ball of c stays away from 0."""
    noisy = [k for k in range(1, 200) if np.sqrt(k / 7) * np.sqrt(k / 7) - k / 7 != 0]
    instances = st.sampled_from([Number(k / 7) for k in noisy])
    given = {"finite": Ge(1 / C**2, X)}
    found = evaluate(declare(Le(SQUARE, -1 - X), noise, on=instances, given=given), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "'statement' or a premise of it has no finite value at 1024 bits where the premises hold" in found.reason


def test_an_element_that_only_rounding_admits_is_no_tolerance_error() -> None:
    """Balls find one element outside of the premises and the others in order: nothing is too small."""

    def steps(subject: Any, numbers: Numbers) -> Any:
        return {X: numbers.values, C: np.array([1, 0])}

    claim = declare(
        Le(C, 0), steps, on=st.just(Numbers(np.array([0.1, 0.05]))), of=Numbers, given={"small": Le(10 * X, 1)},
        mutants={"one": Le(C + X, 0), "two": Le(C + 1, 0)},
    )  # fmt: skip

    assert evaluate(claim, HONEST, QUICK).verdict is Verdict.HELD


def test_one_bad_element_of_many_refutes() -> None:
    """Statements are checked element by element."""

    def last_off(subject: Any, numbers: Numbers) -> Any:
        values = subject(numbers.values)
        return {X: numbers.values, SQUARE: np.where(np.arange(len(values)) == 3, values + 1, values)}

    found = evaluate(declare(Eq(SQUARE, X**2), last_off, on=arrays, of=Numbers), HONEST, Settings(max_examples=60))

    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["simplest"].instance.values.shape == (4,)


# --- where floats have no bound ---------------------------------------------------------------------------------


def test_an_infinite_tolerance_sends_every_instance_to_the_balls() -> None:
    """A measure that cannot bound its error is honest; floats then decide nothing, whatever the sign of the gap."""

    def unbounded(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: bounded(subject(number.x) + 1000 * (not isinstance(number.x, arb)), np.inf)}

    assert evaluate(declare(Ge(SQUARE, X**2 + 10), unbounded), HONEST, QUICK).verdict is Verdict.REFUTED
    assert evaluate(declare(Le(SQUARE, X**2), unbounded), HONEST, QUICK).verdict is Verdict.HELD
    host = evaluate(declare(Le(SQUARE, X**2), unbounded), HOST, QUICK)
    assert host.verdict is Verdict.HELD
    assert host.evidence["sampled"]["within_rounding"] == QUICK.max_examples


# --- the world of balls -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nested:
    """Fields of every kind."""

    parts: tuple[Number, ...]
    matrix: Any
    counts: Any
    single: Any
    steps: int
    name: str


def test_floats_become_exact_balls_and_nothing_else_changes() -> None:
    """A float is a dyadic rational; integers, text and structure stay."""
    before = Nested((Number(0.1),), np.array([[0.1, 2.0]]), np.array([1, 2]), np.float32(0.1), 3, "x")
    after = to_balls(before)

    assert after.parts[0].x == arb(0.1)
    assert after.parts[0].x.is_exact()
    assert after.matrix.dtype == object
    assert after.matrix.shape == (1, 2)
    assert after.single == arb(float(np.float32(0.1)))
    assert after.counts.dtype == before.counts.dtype
    assert (after.steps, after.name) == (3, "x")


def test_constants_of_the_statement_are_exact() -> None:
    """x/3 in a statement is a third, not the float nearest to it."""
    third = declare(Eq(SQUARE, X**2 / 3), lambda subject, number: {X: number.x, SQUARE: subject(number.x) / 3})
    found = evaluate(third, HONEST, QUICK)

    assert found.verdict is Verdict.HELD


def test_a_measure_that_returns_floats_among_balls_is_an_error() -> None:
    """An exact re-measurement that passed through floats would be none."""

    def leaking(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: float(subject(number.x)) + 1e-3}

    found = evaluate(declare(Eq(SQUARE, X**2), leaking), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "under exact re-measurement the measure gave s as float64" in found.reason


def test_a_theorem_that_is_not_exact_is_judged_by_floats() -> None:
    """`exact=False`: beyond the tolerance it is refuted by floats, within it nothing is."""
    claim = declare(Eq(SQUARE, X**2 + 1), squares, exact=False)
    found = evaluate(claim, HONEST, QUICK)

    assert found.verdict is Verdict.REFUTED
    assert "refuted beyond the derived tolerance" in found.reason


def test_the_precision_of_balls_is_restored() -> None:
    """python-flint's working precision is a global: the engine leaves it as it was, also after an error."""
    before = ctx.prec
    evaluate(declare(Eq(SQUARE, X**2), cancelled, on=sevenths), HONEST, QUICK)
    evaluate(declare(Lt(C, 0), noise, on=sevenths, mutants=two(Lt(C, X))), HONEST, QUICK)

    assert ctx.prec == before


@pytest.mark.parametrize("exact", [True, False])
def test_the_tolerance_grows_with_the_operations(exact: bool) -> None:
    """One line of the theorem says how many roundings a measured float carries."""
    claim = declare(Eq(SQUARE, X**2), squares, operations=1000)
    inspector = Inspector(claim, lambda x: x * x * (1 + 600 * EPS), exact, alpha=1e-9)
    instance = Number(3.0)
    measured = measure(claim, inspector.subject, instance)
    finding = inspector.inspect(claim.states, claim.given, measured, instance)

    assert not finding.refuted
    assert finding.within_rounding
