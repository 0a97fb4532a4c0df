"""The sequential test: right values, few false alarms, enough power."""

from __future__ import annotations

from math import inf, log

import numpy as np
import pytest
import sympy as sp
from mpmath import mp, quad

from alignprops.evidence.chance import confidence_interval, probability_trial, sequential_test
from alignprops.evidence.outcomes import Outcomes
from alignprops.expressions import Rounded


def e_value(successes: int, trials: int, p: float) -> float:
    """log of the mixture over the likelihood at p, by brute-force integration."""
    failures = trials - successes
    with mp.workdps(60):
        mixture = quad(lambda x: x**successes * (1 - x) ** failures, [0, successes / trials or 0.5, 1])
        return float(mp.log(mixture / (mp.mpf(p) ** successes * (1 - mp.mpf(p)) ** failures)))


def outcomes(successes: int, trials: int) -> Outcomes:
    """Successes first: at the last look all of them are in."""
    return Outcomes(np.arange(trials) < successes)


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (3, 10), (7, 10), (10, 10), (40, 200), (1, 1)])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_mixture_agrees_with_brute_force_integration(successes: int, trials: int, p: float) -> None:
    """Against P ≥ p if fewer succeeded, P ≤ p if more: the nearest hypothesis is p itself."""
    at_least = successes / trials <= p
    trial = sequential_test(outcomes(successes, trials), p, at_least=at_least)
    reversed_trial = sequential_test(Outcomes(outcomes(successes, trials).trials[::-1].copy()), p, at_least=at_least)
    expected = e_value(successes, trials, p)

    assert max(trial.log_e, reversed_trial.log_e) >= expected - 1e-9
    assert min(trial.log_e, reversed_trial.log_e) <= max(expected, 0.0) + log(trials + 1) + 1e-9 or expected > 0
    if trials == 1:
        assert trial.log_e == pytest.approx(expected, abs=1e-9)


def test_the_least_e_value_over_the_hypothesis_counts() -> None:
    """Data that agree with the hypothesis have an e-value of at most 1 at its nearest point."""
    trial = sequential_test(Outcomes(np.tile([True, False], 100)), 0.3, at_least=True)

    assert trial.log_e < 0


def test_both_directions_mirror_each_other() -> None:
    """P(success) ≤ p is P(failure) ≥ 1 − p."""
    drawn = np.random.default_rng(0).random(500) < 0.6
    above = sequential_test(Outcomes(drawn), 0.5, at_least=False)
    mirrored = sequential_test(Outcomes(~drawn), 0.5, at_least=True)

    assert above.log_e == pytest.approx(mirrored.log_e)
    assert above.successes == mirrored.trials - mirrored.successes
    assert above.interval == pytest.approx((1 - mirrored.interval[1], 1 - mirrored.interval[0]))


def test_a_tiny_probability_is_not_rounded_to_zero() -> None:
    """One success in a million against P ≤ 1e-17 is strong evidence, not a contradiction."""
    drawn = np.arange(10**6) == 5000
    trial = sequential_test(Outcomes(drawn), 1e-17, at_least=False)

    assert 0 < trial.log_e < log(1e-6 / 1e-17)


def test_what_is_impossible_refutes_at_once() -> None:
    """A success against P ≤ 0, a failure against P ≥ 1."""
    assert sequential_test(outcomes(1, 3), 0.0, at_least=False).log_e == inf
    assert sequential_test(outcomes(2, 3), 1.0, at_least=True).log_e == inf
    assert sequential_test(outcomes(0, 3), 0.0, at_least=False).log_e < 0


@pytest.mark.parametrize("p", [0.03, 0.5, 0.9])
@pytest.mark.parametrize("at_least", [True, False])
def test_false_alarms_are_rarer_than_alpha(p: float, at_least: bool) -> None:
    """At the edge of the hypothesis, looking all the time: simulated at α = 0.05."""
    alpha, repetitions = 0.05, 600
    drawn = np.random.default_rng(1).random((repetitions, 400)) < p
    alarms = sum(sequential_test(Outcomes(row), p, at_least=at_least).refutes(alpha) for row in drawn)

    assert alarms <= alpha * repetitions


def test_power_grows_with_the_trials() -> None:
    """A tenth short of one half is refuted at 1e-9 within a few thousand trials, always."""
    drawn = np.random.default_rng(2).random((100, 4000)) < 0.4
    refuted = [sequential_test(Outcomes(row), 0.5, at_least=True).refutes(1e-9) for row in drawn]
    early = [sequential_test(Outcomes(row[:200]), 0.5, at_least=True).refutes(1e-9) for row in drawn]

    assert all(refuted)
    assert sum(early) < 5


def test_an_early_excess_is_remembered() -> None:
    """The test looks along the sequence: later agreement does not take a refutation back."""
    drawn = np.concatenate([np.zeros(200, dtype=bool), np.ones(2000, dtype=bool)])

    assert sequential_test(Outcomes(drawn), 0.5, at_least=True).refutes(1e-9)
    assert not sequential_test(Outcomes(drawn[::-1].copy()), 0.5, at_least=True).refutes(1e-9)


@pytest.mark.parametrize("p", [0.02, 0.4, 0.97])
def test_confidence_sequence_covers_at_all_times(p: float) -> None:
    """The true probability lies in the interval at every look at once, in at least 95 of 100 runs."""
    drawn = np.random.default_rng(3).random((300, 256)) < p
    looks = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    missed = 0
    for row in drawn:
        intervals = [confidence_interval(int(row[:n].sum()), n) for n in looks]
        missed += not all(low <= p <= high for low, high in intervals)

    assert missed <= 0.05 * len(drawn)


def test_confidence_interval_shrinks_and_has_ends() -> None:
    """It contains the frequency, is one-sided at the ends, and narrows."""
    wide, narrow = confidence_interval(5, 10), confidence_interval(500, 1000)

    assert wide[0] < narrow[0] < 0.5 < narrow[1] < wide[1]
    assert confidence_interval(0, 10)[0] == 0.0
    assert confidence_interval(10, 10)[1] == 1.0


def test_rounding_of_the_bound_never_refutes() -> None:
    """A computed bound is moved by its error to the side of the hypothesis."""
    chance, bound = sp.symbols("P b", real=True)
    drawn = {chance: outcomes(99, 100)}
    certain = probability_trial(sp.Ge(chance, bound), drawn, {bound: Rounded(1.0, 0.0)})
    doubtful = probability_trial(sp.Ge(chance, bound), drawn, {bound: Rounded(1.0, 0.02)})

    assert certain.log_e == inf
    assert doubtful.bound == pytest.approx(0.98)
    assert doubtful.log_e < 1
