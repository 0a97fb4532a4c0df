"""The search for a refutation: time, shrinking, and what cannot be relied on."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from specimens import HONEST, HOST, QUICK, SQUARE, Number, Numbers, Pair, X, arrays, declare, numbers, rows, squares
from sympy import Eq, Ge, Le

from alignprops import NotApplicable, Settings, Subject, Verdict, bounded
from alignprops.engine import evaluate, replay
from alignprops.evidence.fingerprint import fingerprint
from alignprops.evidence.generation import explicit_instances


def test_a_time_cap_gives_inconclusive_with_what_was_done() -> None:
    """Half a search is told as such."""

    def slow(subject: Any, number: Number) -> Any:
        time.sleep(0.05)
        return squares(subject, number)

    found = evaluate(declare(Eq(SQUARE, X**2), slow), HONEST, Settings(max_examples=200, max_seconds=1.0))
    done = found.evidence["sampled"]["examples"]

    assert found.verdict is Verdict.INCONCLUSIVE
    assert 1 <= done < 30
    assert found.reason == f"the time cap ended the search: {done} effective of {done} examples"


def test_a_refutation_within_the_time_cap_counts() -> None:
    """The cap bounds the shrinking too."""
    started = time.monotonic()

    def slow(subject: Any, row: Numbers) -> Any:
        time.sleep(0.002)
        return rows(subject, row)

    found = evaluate(
        declare(Le(SQUARE, 4 * X), slow, on=arrays, of=Numbers), HONEST, Settings(max_seconds=0.2, shrink_seconds=60.0)
    )

    assert found.verdict is Verdict.REFUTED
    assert time.monotonic() - started < 30  # the cap is 0.2 s; shrinking alone may take 60 s


def test_the_time_to_shrink_is_bounded() -> None:
    """Past it Hypothesis settles on the simplest witness so far, without a flaw in the verdict."""
    big = st.lists(st.integers(0, 10**6), min_size=20, max_size=40).map(lambda row: Numbers(np.array(row) / 8))

    calls: list[None] = []

    def slow(subject: Any, row: Numbers) -> Any:
        calls.append(time.sleep(0.003))
        return {X: float(row.values.sum()), SQUARE: subject(row.values.sum())}

    found = evaluate(
        declare(Le(SQUARE, X), slow, on=big, of=Numbers), HOST, Settings(max_examples=5, shrink_seconds=0.1)
    )

    assert found.verdict is Verdict.REFUTED
    assert len(calls) < 200  # 0.1 s of shrinking at 3 ms a call, and replays; thousands without the bound


def test_errors_are_shrunk_within_the_same_time() -> None:
    """A measure that raises on large inputs does not keep Hypothesis busy for minutes."""
    big = st.lists(st.integers(0, 10**6), min_size=20, max_size=40).map(lambda row: Numbers(np.array(row) / 8))

    calls: list[None] = []

    def slow(subject: Any, row: Numbers) -> Any:
        calls.append(time.sleep(0.003))
        raise OverflowError("too much")

    found = evaluate(declare(Le(SQUARE, X), slow, on=big, of=Numbers), HOST, Settings(shrink_seconds=0.1))

    assert found.verdict is Verdict.ERROR
    assert len(calls) < 200  # 0.1 s of shrinking at 3 ms a call, and replays; thousands without the bound


def test_a_subject_that_changes_its_mind_is_an_error() -> None:
    """What is refuted once and then not is neither refuted nor held."""
    calls = itertools.count()
    moody = Subject("moody", "specimen", lambda: lambda x: x * x + (next(calls) == 3))
    found = evaluate(declare(Eq(SQUARE, X**2), squares), moody, QUICK)

    assert found.verdict is Verdict.ERROR
    assert "one instance came out in two ways: the measure or the subject is not a function of the" in found.reason


def test_a_subject_that_raises_now_and_then_is_an_error() -> None:
    """Also where the exception does not come back."""
    calls = itertools.count()

    def moody(x: Any) -> Any:
        if next(calls) == 3:
            raise OSError("connection lost")
        return x * x

    found = evaluate(declare(Eq(SQUARE, X**2), squares), Subject("moody", "specimen", lambda: moody), QUICK)

    assert found.verdict is Verdict.ERROR


def test_a_strategy_that_raises_is_an_error() -> None:
    """With the exception; our own defects would not be hidden that way."""

    def failing(number: Number) -> Number:
        raise RuntimeError("no cloud")

    found = evaluate(declare(Eq(SQUARE, X**2), squares, on=numbers.map(failing)), HONEST, QUICK)

    assert found.verdict is Verdict.ERROR
    assert found.reason == "the instances cannot be generated: RuntimeError: no cloud"
    assert found.witness is None


def test_near_misses_before_a_refutation_do_not_confuse_it() -> None:
    """While shrinking every near miss is measured again, so that no instance changes its fate."""

    def cancelled(subject: Any, pair: Pair) -> Any:
        noisy = (subject(pair.x) + 2**40) - 2**40 + abs(pair.y) * 2**-13
        return {X: pair.x, SQUARE: bounded(noisy, 2.0**-11)}

    sevenths = st.builds(Pair, st.integers(1, 40).map(lambda k: k / 7), st.integers(-9, 9).map(float))
    for seed in range(8):
        found = evaluate(
            declare(Le(SQUARE, X**2), cancelled, on=sevenths, of=Pair), HONEST, Settings(max_examples=40, seed=seed)
        )

        assert found.verdict is Verdict.REFUTED
        assert found.witness is not None
        assert abs(found.witness["simplest"].instance.y) == 1.0


def test_named_and_tight_instances_are_tried_first() -> None:
    """Before anything is generated."""
    seen: list[float] = []

    def recorded(subject: Any, number: Number) -> Any:
        seen.append(number.x)
        return squares(subject, number)

    claim = declare(Ge(SQUARE, 2 * X - 1), recorded, examples={"a": Number(100.0), "b": Number(200.0)})
    evaluate(claim, HOST, QUICK)

    assert seen[:2] == [100.0, 200.0]
    assert list(explicit_instances(claim)) == ["a", "b"]


def test_fingerprints_tell_instances_apart() -> None:
    """By content to the last bit, not by identity."""
    same = [Numbers(np.array([1.0, 2.0])), Numbers(np.array([1.0, 2.0]))]
    other = [Numbers(np.array([1.0, np.nextafter(2.0, 3)])), Numbers(np.array([[1.0, 2.0]])), Number(-0.0), Number(0.0)]

    assert len({fingerprint(instance) for instance in same}) == 1
    assert len({fingerprint(instance) for instance in [*same, *other]}) == 5
    assert fingerprint((1, "a")) != fingerprint((1, "b"))


# --- observed claims --------------------------------------------------------------------------------------------


def observed(instance: Any, get: Any = HOST.get) -> Subject:
    """A subject that brings its own instance."""
    return Subject("model/behaviour", "specimen", get, observed=lambda theorem: instance)


def test_an_observed_run_is_judged_on_its_own_instance() -> None:
    """By floats, whatever `exact` says; nothing is generated."""
    held = evaluate(declare(Eq(SQUARE, X**2), squares), observed(Number(3.0)), QUICK)
    refuted = evaluate(declare(Eq(SQUARE, X**2 + 1), squares), observed(Number(3.0)), QUICK)

    assert (held.verdict, held.reason) == (Verdict.HELD, "held on the observed run")
    assert held.evidence["observed"]["examples"] == 1
    assert held.id == "specimen.square.holds::model/behaviour"
    assert refuted.verdict is Verdict.REFUTED
    assert "refuted on the observed run, beyond the derived tolerance" in refuted.reason


def test_an_observed_run_that_does_not_apply_says_why() -> None:
    """In the words of the subject."""
    found = evaluate(declare(Eq(SQUARE, X**2), squares), observed(NotApplicable("no head to train")), QUICK)

    assert (found.verdict, found.reason) == (Verdict.NOT_APPLICABLE, "no head to train")


def test_an_observed_run_on_which_the_measure_raises_is_an_error() -> None:
    """Not a refutation, and no pass."""

    def raising(subject: Any, number: Number) -> Any:
        raise ValueError("empty batch")

    found = evaluate(declare(Eq(SQUARE, X**2), raising), observed(Number(3.0)), QUICK)

    assert found.verdict is Verdict.ERROR
    assert found.reason.startswith("ValueError: empty batch (test_search.py:")


def test_a_proof_does_not_make_an_observed_run_proved() -> None:
    """What was seen on one run is seen on one run."""
    claim = declare(Ge(SQUARE, 2 * X - 1), squares)
    claim.proof("s = x²", domain="all real x")(lambda: {SQUARE: X**2})

    assert evaluate(claim, HONEST, QUICK).verdict is Verdict.PROVED
    assert evaluate(claim, observed(Number(3.0)), QUICK).verdict is Verdict.HELD


# --- replay -----------------------------------------------------------------------------------------------------


def test_a_replay_reports_a_tolerance_that_is_too_small() -> None:
    """It is an error there as it is in the search."""

    def optimistic(subject: Any, number: Number) -> Any:
        return {X: number.x, SQUARE: (subject(number.x) + 2**40) - 2**40}

    claim = declare(Eq(SQUARE, X**2), optimistic, operations=2)
    found = replay(claim, HONEST, Number(10 / 7))

    assert found.verdict is Verdict.ERROR
    assert found.reason.startswith("the derived tolerance is too small")


@pytest.mark.parametrize("fields", [{}, {"given": {"negative": Le(X, -1)}}])
def test_a_replay_judges_one_instance(fields: Any) -> None:
    """Held, or outside of the premises."""
    found = replay(declare(Eq(SQUARE, X**2), squares, **fields), HONEST, Number(2.0))

    assert found.verdict is (Verdict.NOT_APPLICABLE if fields else Verdict.HELD)
    assert found.evidence["sampled"]["examples"] == 1


def test_a_verdict_stands_without_a_witness_that_can_be_stored() -> None:
    """An instance with a field that no file can hold is told, and refuted all the same."""

    def first(subject: Any, pair: Pair) -> Any:
        return {X: pair.x[0], SQUARE: subject(pair.x[0])}  # type: ignore[index]

    lists = st.integers(1, 9).map(lambda k: Pair([float(k)], 0.0))  # type: ignore[arg-type]
    found = evaluate(declare(Le(SQUARE, X), first, on=lists, of=Pair), HOST, QUICK)

    assert found.verdict is Verdict.REFUTED
    assert found.witness is None
    assert "(the witness cannot be stored: field 'x' is a list; an instance has arrays, numbers, text" in found.reason
