"""What the theory's theorems say, on instances that can be reckoned by hand: the witnesses that the theory names."""

from __future__ import annotations

from math import cosh, exp, log, tanh
from typing import Any

import numpy as np
import pytest
from sympy import Symbol

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.optima import (
    FORWARD_KL,
    JENSEN_SHANNON,
    REVERSE_KL,
    RewardsProblem,
    alpha_divergence,
    optimum,
)
from alignprops.conformance.pair_by_pair import at_the_reference, each_pair, flipped, rows
from alignprops.conformance.votes import VotesCase
from alignprops.evidence.sampled import check_instance
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.table import PAIR_LOSSES
from alignprops.registry import find_theorem, find_theorems
from alignprops.settings import Settings
from alignprops.subjects.kinds import kind_named
from alignprops.subjects.pairwise_loss import reference
from alignprops.theorems import Theorem, mutant_states
from property_suites.preference_losses.optima import PREFERENCES, THREE
from property_suites.preference_losses.reference_free import simpo_minimiser
from property_suites.preference_losses.specimens import RAGGED
from property_suites.preference_losses.theory import pairs_at, votes_at, with_option

MODULES = ("dpo_gradient", "label_flip", "population", "near_the_reference", "noisy_labels", "reference_free", "optima")
#: The theorems, and the statements of the theory that they encode.
STATEMENTS = {
    "dpo.at-the-reference": "KL-7",
    "dpo.gradient": "KL-7",
    "dpo.curvature": "KL-7",
    "dpo.label-flip": "KL-9",
    "dpo.full-smoothing": "KL-9",
    "dpo.near-the-reference": "PO-2",
    "dpo.tempering": "KL-10",
    "dpo.smoothed-minimum": "PO-6",
    "dpo.gibbs": "KL-6",
    "convex.cycle": "PO-5",
    "robust.label-flip": "PO-7",
    "robust.unbounded": "PO-7",
    "ipo.label-flip": "KL-9",
    "ipo.finite-responses": "PO-3",
    "hinge.label-flip": "PO-1",
    "free-probabilities": "DISP-4",
    "population.majority": "PO-1",
    "population.logistic": "KL-8",
    "population.hinge": "PO-1",
    "population.squared-hinge": "PO-1",
    "population.exponential": "PO-1",
    "population.ipo": "PO-4",
    "population.robust": "PO-7",
    "simpo.gradient": "PO-9",
    "simpo.equal-tokens": "PO-9",
    "simpo.population": "PO-9",
    "orpo.odds-ratio": "PO-10",
    "cpo.anchor": "PO-11",
    "f-dpo.optimum": "PO-12",
}
THEOREMS = {
    theorem.id.removeprefix("preference-losses."): theorem
    for theorem in find_theorems(["preference_losses"])
    if theorem.module.rpartition(".")[2] in MODULES
}
REFERENCES = {subject.id: subject.get() for subject in kind_named("pairwise-loss").references}
HALF = 1  # the choice at which β = ½ and ε = ⅛


def test_the_theory_is_covered_by_exactly_these_theorems() -> None:
    """Ids are a contract."""
    assert sorted(STATEMENTS) == sorted(THEOREMS)


@pytest.mark.parametrize("aspect", STATEMENTS)
def test_the_docstring_names_the_statement_of_the_theory(aspect: str) -> None:
    """Beside the title, a whole sentence that states the claim in words."""
    assert STATEMENTS[aspect] in THEOREMS[aspect].doc
    assert len(THEOREMS[aspect].title.split()) >= 6


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_relation_has_a_mutant_and_a_proof_of_something(theorem: Theorem) -> None:
    """A relation that no mutant stands under could be emptied unnoticed."""
    assert {name for mutant in theorem.mutants.values() for name in mutant_states(theorem, mutant)} == set(
        theorem.states
    )
    assert theorem.proofs
    assert theorem.codes


def measured(aspect: str, subject: str, instance: Any) -> dict[str, Any]:
    """What a theorem measures, by the symbols' names, as floats or arrays."""
    values = THEOREMS[aspect].measure(REFERENCES[subject], instance)
    return {str(symbol): _plain(value) for symbol, value in values.items() if isinstance(symbol, Symbol)}


def _plain(value: Any) -> Any:
    return np.squeeze(np.asarray(getattr(value, "value", value), dtype=np.float64))[()]


def test_dpo_at_a_margin_of_one() -> None:
    """KL-7 at β = ½, h = 2, no smoothing: the weight is ½σ(−1), and the flipped loss is larger by 1 (KL-9)."""
    problem = with_option(pairs_at([2.0], options=HALF), 1, 0)
    seen, turned = (each_pair(REFERENCES["dpo"], given) for given in (problem, flipped(problem)))

    assert seen.chosen_slopes.value == pytest.approx([-0.5 / (1 + exp(1))])
    assert seen.rejected_slopes.value == pytest.approx([0.5 / (1 + exp(1))])
    assert seen.losses.value == pytest.approx([log(1 + exp(-1))])
    assert turned.losses.value - seen.losses.value == pytest.approx([1.0])
    assert turned.losses.value + seen.losses.value == pytest.approx([2 * log(2 * cosh(0.5))])


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_a_policy_that_is_its_reference_costs_log_2(dtype: str) -> None:
    """Whatever the pair; the weight is β(½ − ε), 3/16 at β = ½ and ε = ⅛."""
    problem = at_the_reference(pairs_at([3.0, -1.0], options=HALF, dtype=dtype))
    seen = each_pair(REFERENCES["dpo"], problem)

    assert seen.differences.value == pytest.approx([0.0, 0.0])
    assert seen.losses.value == pytest.approx([log(2)] * 2, rel=5e-3)
    assert seen.chosen_slopes.value == pytest.approx([-3 / 16] * 2, rel=5e-3)


def test_the_parabola_at_a_margin_of_one() -> None:
    """PO-2 at m = 1: q − ℓ lies between 1/384 and 1/192, which refutes the mutant."""
    values = measured("dpo.near-the-reference", "dpo", with_option(pairs_at([2.0], options=HALF), 1, 0))
    gap = log(2) - 1 / 2 + 1 / 8 - values["pair_loss"]

    assert 1 / 384 < gap <= 1 / 192


def test_the_minimisers_at_four_votes_of_five_nearly() -> None:
    """PO-1 at p = 13/16: the logit of the votes for DPO, half of it for exp, 1 for the hinge, 2p − 1 for squares."""
    p = 13 / 16
    instance = votes_at([0.0], votes=p, options=HALF)
    odds = log(p / (1 - p))
    entropy = -p * log(p) - (1 - p) * log(1 - p)

    assert measured("population.logistic", "dpo", instance)["loss_at_the_minimiser"] == pytest.approx(entropy)
    assert measured("population.hinge", "hinge", instance)["loss_at_the_minimiser"] == pytest.approx(3 / 8)
    assert measured("population.hinge", "hinge", instance)["loss_at_linear"] > 3 / 8 + 0.1
    exponential = measured("population.exponential", "exponential", instance)
    assert exponential["loss_at_the_minimiser"] == pytest.approx(p * exp(-odds / 2) + (1 - p) * exp(odds / 2))
    assert exponential["loss_at_logit"] > exponential["loss_at_the_minimiser"] + 0.01
    squared = measured("population.squared-hinge", "squared-hinge", instance)
    assert squared["loss_at_the_minimiser"] == pytest.approx(4 * p * (1 - p))


def test_three_votes_to_one_leave_ipo_half_of_its_target() -> None:
    """PO-4b: c(a − b)/(a + b) with c = 1/(2τ) = 1; divided votes do not keep the margin at c."""
    values = measured("population.ipo", "ipo/sum", votes_at([0.5, 1.0], votes=0.75, options=HALF))

    assert values["loss_at_the_minimiser"] == pytest.approx(0.75 * 0.25 + 0.25 * 2.25)
    assert 0.75 * values["pair_loss"][0] + 0.25 * values["flipped_loss"][0] == pytest.approx(0.75)
    assert values["loss_at_the_target"] == pytest.approx(1.0)


def test_the_floor_of_smoothed_dpo() -> None:
    """PO-6 at ε = ⅛: H(ε) at m = log 7, and neither at log 3 nor at β²h*."""
    values = measured("dpo.smoothed-minimum", "dpo", votes_at([0.0], votes=0.75, options=HALF))
    floor = -log(1 / 8) / 8 - 7 / 8 * log(7 / 8)

    assert values["loss_at_the_best_margin"] == pytest.approx(floor)
    assert values["loss_at_doubled"] > floor + 0.01
    assert values["loss_at_scaled"] > floor + 0.01


def test_robust_dpo_is_unbiased_and_negative() -> None:
    """PO-7 at ε = ⅛, m = 4: the mean over flips is ℓ(4), and the loss itself is below 0."""
    values = measured("robust.label-flip", "robust", pairs_at([8.0], options=HALF))

    assert 7 / 8 * values["pair_loss"] + 1 / 8 * values["flipped_loss"] == pytest.approx(log(1 + exp(-4)))
    assert values["pair_loss"] < -0.5


def test_simpo_moves_its_margin_by_less_than_gamma() -> None:
    """PO-9 at p = 0.7, γ = 1: strictly between logit p and logit p + γ, stationary, odd; 0 for divided votes."""
    logit, best = log(0.7 / 0.3), simpo_minimiser(0.7, 1.0)

    assert logit < best < logit + 1
    assert 0.7 / (1 + exp(best - 1)) == pytest.approx(0.3 / (1 + exp(-best - 1)))
    assert simpo_minimiser(0.3, 1.0) == pytest.approx(-best)
    assert simpo_minimiser(0.5, 2.0) == pytest.approx(0.0)


def test_the_odds_of_two_exclusive_responses_are_the_square_of_their_ratio() -> None:
    """PO-10 at P = ¾ and ¼: κ = 2 log 3; at 0.9375 and 0.875 the sum exceeds 1 and κ exceeds twice the log-ratio."""
    pairs = THEOREMS["orpo.odds-ratio"].examples["a likely and an unlikely one"]
    values = measured("orpo.odds-ratio", "orpo/odds-ratio", pairs)
    kappa = -np.log(np.expm1(values["pair_loss"] / values["beta"]))

    assert kappa[0] == pytest.approx(2 * log(3))
    assert kappa[1] == pytest.approx(log(15 / 7))
    assert kappa[1] > 2 * log(0.9375 / 0.875)
    assert log(2) < kappa[2] < 2 * log(2)


def test_cpo_is_dpo_where_the_reference_is_even() -> None:
    """PO-11a, and not where it is not: the pairs' reference differs by ½."""
    values = measured("cpo.anchor", "cpo/preference", with_option(pairs_at([1.0], options=HALF), 2, 0))

    assert values["reference_difference"] == pytest.approx(0.5)
    assert values["pair_loss"] == pytest.approx(log(1 + exp(-0.5 * 1.5)))
    assert values["pair_loss"] != pytest.approx(log(1 + exp(-0.5)))


@pytest.mark.parametrize(
    "divergence", [REVERSE_KL, FORWARD_KL, JENSEN_SHANNON, alpha_divergence(0.5)], ids=["kl", "forward", "js", "alpha"]
)
def test_the_optimum_is_a_policy_with_the_rewards_margins(divergence: Any) -> None:
    """PO-12: it sums to 1, and β(f'(z) − f'(z')) is the difference of the rewards."""
    policy = optimum(THREE.rewards, THREE.log_reference, 0.5, divergence)
    scores = 0.5 * divergence.slope(policy - THREE.log_reference)

    assert np.exp(policy).sum() == pytest.approx(1)
    assert np.diff(scores) == pytest.approx(np.diff(THREE.rewards))


def test_the_gibbs_policy_by_hand() -> None:
    """KL-6: π_ref·e^(r/β)/Z for a reference of (2, 1, 1)/4, rewards (1, 0, −1) and β = ½."""
    weights = np.array([2 * exp(2), 1, exp(-2)])

    assert np.exp(optimum(THREE.rewards, THREE.log_reference, 0.5, REVERSE_KL)) == pytest.approx(
        weights / weights.sum()
    )


def test_an_unknown_order_is_refused() -> None:
    """α-divergences of orders in (0, 1]."""
    with pytest.raises(InputError, match=r"order of an α-divergence is 2.0; expected a number in \(0, 1\]"):
        alpha_divergence(2.0)


def test_ipo_of_preferences_that_run_in_a_circle() -> None:
    """PO-3: labelled = population + 1/(4τ²) − 2 Var(q)/τ², with q = P·μ by hand for μ = (.8, .1, .1)."""
    problem = PREFERENCES["a cycle of three, unevenly drawn"]
    values = measured("ipo.finite-responses", "ipo/sum", problem)
    q = np.array([0.4 + 0.075 + 0.025, 0.2 + 0.05 + 0.0875, 0.6 + 0.0125 + 0.05])
    spread = 0.8 * q[0] ** 2 + 0.1 * q[1] ** 2 + 0.1 * q[2] ** 2 - 0.25

    assert problem.quality == pytest.approx(q)
    assert values["variance"] == pytest.approx(spread)
    assert values["labelled_loss"] == pytest.approx(values["population_loss"] + 1 - 8 * spread)
    assert values["loss_at_the_inverse"] > values["loss_at_the_optimum"] + 1e-3


def test_a_cycle_of_three_at_the_reference_costs_three_log_2() -> None:
    """PO-5c: attained at s = 0."""
    values = measured("convex.cycle", "dpo", pairs_at([0.0, 0.0, 0.0]))

    assert values["cycle_loss"] == pytest.approx(log(2))
    assert values["other_loss"] == pytest.approx(log(2))


def test_every_pair_is_seen_alone_however_the_code_reduces() -> None:
    """The same losses and slopes from code that returns the batch's mean, from tokens, and from sums."""
    dpo: PairLoss = PAIR_LOSSES["dpo"]
    plain = each_pair(reference(dpo), RAGGED["ragged pairs in float64"])

    for other in (reference(dpo, reduction="sum"), reference(dpo, form="tokens", reduction="mean")):
        seen = each_pair(other, RAGGED["ragged pairs in float64"])
        assert seen.losses.value == pytest.approx(plain.losses.value)
        assert seen.chosen_slopes.value == pytest.approx(plain.chosen_slopes.value)
        assert seen.known.tolist() == [1, 1, 1]


def test_pairs_can_be_taken_apart_and_flipped_back() -> None:
    """Rows are rows, and flipping twice is nothing."""
    problem = RAGGED["ragged pairs in float64"]
    again = flipped(flipped(rows(problem, slice(1, 2))))

    assert np.array_equal(again.policy_chosen_logps, problem.policy_chosen_logps[1:2])
    assert np.array_equal(flipped(problem).rejected_mask, problem.chosen_mask)


def test_the_population_is_charged_for_the_margin_that_the_dtype_does_not_have() -> None:
    """In bfloat16 the logit of ¾ is not a number that log-probabilities can differ by: the error covers that."""
    exact = log(3) * 2
    for dtype in ("float64", "bfloat16"):
        case = VotesCase(REFERENCES["dpo"], votes_at([0.0], votes=0.75, dtype=dtype).with_choice(1, 0), (exact,))
        met, known = case.populations
        floor = -0.75 * log(0.75) - 0.25 * log(0.25)
        assert known.tolist() == [1]
        assert abs(met.value[0] - floor) <= met.error[0]


@pytest.mark.parametrize(
    ("aspect", "subject"),
    [
        ("dpo.gradient", "hinge"),
        ("simpo.population", "dpo"),
        ("orpo.odds-ratio", "cpo/nll-sum"),
        ("cpo.anchor", "ipo/sum"),
    ],
)
def test_a_theorem_says_of_which_losses_it_speaks(aspect: str, subject: str) -> None:
    """And is silent about the others, with a reason."""
    theorem = find_theorem(f"preference-losses.{aspect}")

    assert theorem.about is not None
    assert "it speaks of" in str(theorem.about(REFERENCES[subject]))


def test_code_without_label_smoothing_is_not_asked_for_its_floor() -> None:
    """It has none: plain DPO may come without the option."""
    plain = Conformer(lambda _: {}, PAIR_LOSSES["dpo"], options=frozenset({"beta"}))
    about = THEOREMS["dpo.smoothed-minimum"].about

    assert about is not None
    assert about(plain) == "the code takes no label_smoothing"


@pytest.mark.parametrize("aspect", [aspect for aspect, theorem in THEOREMS.items() if theorem.tight])
def test_bounds_that_are_declared_sharp_are(aspect: str) -> None:
    """On the instance itself."""
    theorem = THEOREMS[aspect]

    for tight in theorem.tight.values():
        tally = check_instance(theorem, REFERENCES["dpo"], tight.instance, exact=False, settings=Settings())
        assert tally.smallest_failure is None
        assert tally.tightness[tight.of] >= tight.at_least


def test_margins_of_hyperbolic_functions_agree() -> None:
    """The slope of the parabola's remainder: σ(−m) = ½ − tanh(m/2)/2, at m = 1."""
    seen = each_pair(REFERENCES["dpo"], with_option(pairs_at([2.0], options=HALF), 1, 0))

    assert -seen.chosen_slopes.value[0] / 0.5 == pytest.approx(1 / 2 - tanh(1 / 2) / 2)


def test_the_rewards_problem_pairs_all_different_responses() -> None:
    """n(n − 1) ordered pairs."""
    problem = RewardsProblem(np.array([1.0, 0.0]), np.array([1, 3]), np.zeros(8, dtype=np.int64), "float64")

    assert problem.reward_differences.tolist() == [1.0, -1.0]
    assert problem.pairs(np.log([0.5, 0.5])).policy_chosen_logps.shape == (2, 1)
