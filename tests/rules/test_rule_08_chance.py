"""Rule 8: statements about probabilities are tested sequentially, with a stated rate of false alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st
from specimens import declare
from sympy import Eq, Ge, Gt, Le

from alignprops import Kind, Mutant, Outcomes, Settings, Subject, Theorem, Verdict, register_kind
from alignprops.engine import attack_mutants, evaluate, replay
from alignprops.theorems import Under

CHANCE, LEAST, OTHER = sp.symbols("P p q", real=True)
TRIALS = 2000
CHANCES = Settings(max_examples=12, mutant_examples=12)


@dataclass(frozen=True)
class Coin:
    """A coin and the seed of its throws."""

    chance: float
    seed: int


coins = st.builds(Coin, st.integers(1, 15).map(lambda k: k / 16), st.integers(0, 999))


def honest(coin: Coin, trials: int = TRIALS) -> Any:
    """Throws of the coin."""
    return np.random.default_rng(coin.seed).random(trials) < coin.chance


def loaded(coin: Coin) -> Any:
    """Throws of a coin that falls on heads a tenth less often."""
    return honest(Coin(coin.chance * 0.9, coin.seed))


FAIR = Subject("toy", "specimen-coin", lambda: honest)
LOADED = Subject("counterfeit/loaded", "specimen-coin", lambda: loaded)
register_kind(Kind("specimen-coin", "called with a Coin, returns its throws", (FAIR,), {"loaded": LOADED}))


def throws(throw: Callable[[Coin], Any], coin: Coin) -> dict[sp.Symbol, Any]:
    """Outcomes against the chance that the coin claims."""
    return {CHANCE: Outcomes(throw(coin)), LEAST: coin.chance}


def claim(states: Any, gives: Any = throws, **fields: Any) -> Theorem:
    """A theorem about coins."""
    name = next(iter(states)) if isinstance(states, dict) else "statement"
    mutants = {
        "more": {name: Ge(CHANCE, LEAST + sp.Rational(1, 4))},
        "less": {name: Le(CHANCE, LEAST - sp.Rational(1, 4))},
    }
    wrong = {key: Mutant(states=mutant) for key, mutant in mutants.items()}
    return declare(states, gives, on=coins, of=Coin, mutants=wrong, exact=False, kind="specimen-coin", **fields)


@pytest.mark.parametrize("states", [Ge(CHANCE, LEAST), Le(CHANCE, LEAST), Ge(1 * CHANCE, LEAST * 1)], ids=str)
def test_an_honest_coin_is_not_refuted(states: sp.Rel) -> None:
    """Attained bounds on a probability, from both sides."""
    found = evaluate(claim(states), FAIR, CHANCES)
    told = found.evidence["sampled"]["chance"]

    assert found.verdict is Verdict.HELD
    assert told["trials"] == TRIALS * found.evidence["sampled"]["examples"]
    assert told["largest_log_e"] < log(1e9)


def test_a_loaded_coin_is_refuted() -> None:
    """A tenth off is seen within a few thousand throws, at a false-alarm rate of 1e-9."""
    found = evaluate(claim(Ge(CHANCE, LEAST)), LOADED, CHANCES)

    assert found.verdict is Verdict.REFUTED
    assert "refuted by sequential test after" in found.reason
    assert found.evidence["sampled"]["chance"]["largest_log_e"] > log(1e9)


def test_a_refutation_of_a_probability_replays() -> None:
    """The witness holds the seed of the throws."""
    theorem = claim(Ge(CHANCE, LEAST))
    found = evaluate(theorem, LOADED, CHANCES)
    assert found.witness is not None

    for witness in found.witness.values():
        assert replay(theorem, LOADED, witness.instance, CHANCES).verdict is Verdict.REFUTED
        assert replay(theorem, FAIR, witness.instance, CHANCES).verdict is Verdict.HELD


def test_mutants_of_probability_statements_die() -> None:
    """Off by a quarter in either direction."""
    found = attack_mutants(claim(Ge(CHANCE, LEAST)), CHANCES)

    assert found.verdict is Verdict.HELD
    assert {mutant["by"] for mutant in found.mutants} == {"generated, sequential test"}


def test_a_bare_frequency_refutes_nothing() -> None:
    """Forty throws of which fifteen are heads say little about a half."""
    few = np.arange(40) % 8 < 3
    found = evaluate(claim(Ge(CHANCE, LEAST), lambda throw, coin: {CHANCE: Outcomes(few), LEAST: 0.5}), FAIR, CHANCES)

    assert found.verdict is Verdict.HELD


@pytest.mark.parametrize(("relations", "examples", "refuted"), [(1, 1, True), (2, 1, False), (1, 100, False)])
def test_alpha_is_the_rate_for_the_whole_claim(relations: int, examples: int, refuted: bool) -> None:
    """More examples, or more relations, do not raise the rate of false alarms: each gets its share."""
    heads = np.zeros(60, dtype=bool)  # against P ≥ 1/2 its e-value is B(1, 61)·2^60, about exp(37.5)
    states = {f"number {k}": Ge(CHANCE, LEAST - sp.Rational(k, 10**9)) for k in range(relations)}
    theorem = claim(states, lambda throw, coin: {CHANCE: Outcomes(heads), LEAST: 0.5})
    found = evaluate(theorem, FAIR, Settings(max_examples=examples, alpha=exp(-37.2)))

    assert (found.verdict is Verdict.REFUTED) == refuted


def test_a_certain_event_that_fails_once_is_refuted() -> None:
    """P ≥ 1 leaves no room for chance."""
    once = np.arange(100) != 50

    def nearly(throw: Any, coin: Coin) -> Any:
        return {CHANCE: Outcomes(once), LEAST: 1}

    assert evaluate(claim(Ge(CHANCE, LEAST), nearly), FAIR, CHANCES).verdict is Verdict.REFUTED


def test_a_bound_beyond_the_unit_interval_says_nothing() -> None:
    """1 − 2 exp(−m) is negative for small m: true of every event."""
    claimed = claim(Ge(CHANCE, LEAST - 2), lambda throw, coin: {CHANCE: Outcomes(throw(coin)), LEAST: coin.chance})

    assert evaluate(claimed, LOADED, CHANCES).verdict is Verdict.HELD


def test_a_probability_counts_only_where_its_own_premises_hold() -> None:
    """A relation with premises of its own is not tested outside of them."""
    states = {
        "always": Ge(CHANCE, LEAST / 2),
        "never": Under({"never": Ge(LEAST, 2)}, Ge(CHANCE, LEAST + sp.Rational(1, 2))),
    }
    found = evaluate(claim(states, min_effective=1), FAIR, CHANCES)

    assert found.verdict is Verdict.VACUOUS  # for the second; not refuted


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (Ge(2 * CHANCE, LEAST), "one probability must stand alone on one side of an inequality"),
        (Ge(CHANCE, OTHER), "one probability must stand alone on one side of an inequality"),
        (Eq(CHANCE, LEAST), "one probability must stand alone on one side of an inequality"),
        (Gt(CHANCE, 1 / (LEAST - LEAST.func("z", real=True))), "not finite where the premises hold"),
    ],
    ids=str,
)
def test_a_probability_stands_alone(states: sp.Rel, told: str) -> None:
    """What cannot be tested sequentially is told, not guessed."""
    zero = LEAST.func("z", real=True)

    def several(throw: Any, coin: Coin) -> Any:
        outcomes = Outcomes(throw(coin))
        return {CHANCE: outcomes, OTHER: outcomes, LEAST: coin.chance, zero: coin.chance}

    found = evaluate(claim(states, several), FAIR, CHANCES)

    assert found.verdict is Verdict.ERROR
    assert told in found.reason


@pytest.mark.parametrize(
    "trials", [np.zeros(0, dtype=bool), np.zeros((2, 2), dtype=bool), np.array([0.5, 1.0])], ids=repr
)
def test_outcomes_are_truth_values_of_some_trials(trials: Any) -> None:
    """No trials, a table of them, or numbers are told at once."""
    found = evaluate(
        claim(Ge(CHANCE, LEAST), lambda throw, coin: {CHANCE: Outcomes(trials), LEAST: coin.chance}), FAIR, CHANCES
    )

    assert found.verdict is Verdict.ERROR
    assert "expected truth values (trials,)" in found.reason
