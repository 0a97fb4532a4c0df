"""Losses without a reference: SimPO's optimum (PO-9), ORPO's odds ratio (PO-10), CPO's anchor (PO-11).

Notation: log π of a response is averaged over its tokens for SimPO and ORPO, summed for CPO.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import exp as natural_exp
from math import log as natural_log
from math import sqrt as square_root
from typing import Any

import numpy as np
from sympy import Eq, Expr, Ge, Gt, Le, Min, Rational, Symbol, diff, exp, log

from alignprops import Ref, Under, theorem
from alignprops.atoms import expand_atoms, log1mexp, sigmoid, softplus
from alignprops.conformance.pairwise import LOGPS, PairwiseProblem
from alignprops.conformance.votes import VotesProblem
from alignprops.losses.pairs.symbols import POLICY, REFERENCE, beta, log_ratio_difference
from alignprops.measured import EPS, bounded
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.pairs import pairwise_problems
from alignprops.strategies.votes import votes_problems
from property_suites.preference_losses.population import EXAMPLES, logit, p, population
from property_suites.preference_losses.specimens import RAGGED, SINGLE
from property_suites.preference_losses.theory import (
    FINITE,
    THEORY_ROUNDING,
    chosen_slope,
    difference,
    epsilon,
    flipped_loss,
    known,
    of_options,
    only,
    pair_loss,
    pairs_at,
    rejected_slope,
    with_option,
)

Values = Mapping[Symbol, Any]
MENG = Ref("meng2024simpo", where="Eq. 6")
HONG = Ref("hong2024orpo", where="Eq. 6 and 7")
XU = Ref("xu2024contrastive", where="Eq. 3 to 5")

log_chosen = real("log_chosen", r"\log\pi_w")
log_rejected = real("log_rejected", r"\log\pi_l")
#: γ, or γβ where the code takes SimPO's γ as a share of β.
target = nonnegative("target", r"\gamma")
at_minimiser = real("loss_at_the_minimiser", "C_p(m^*)")
at_shifted = real("loss_at_shifted", r"C_p(\operatorname{logit} p + \gamma)")
at_logit = real("loss_at_logit", r"C_p(\operatorname{logit} p)")
#: The place of label_smoothing among SimPO's options.
SMOOTHING = 2
#: ORPO at P_w + P_l = 1, and beyond.
LIKELY = replace(
    pairs_at([0.0, 0.0, 0.0]),
    policy_chosen_logps=np.log(np.array([[0.75], [0.9375], [0.25]])),
    policy_rejected_logps=np.log(np.array([[0.25], [0.875], [0.125]])),
)
#: CPO without label smoothing, on a pair whose rejected response is as good as impossible.
WON = with_option(pairs_at([4096.0, 4096.0]), SMOOTHING, 0)
preference: Expr = beta * (log_chosen - log_rejected)


def target_of(subject: Any, options: Mapping[str, Any]) -> float:
    """SimPO's target margin in the convention that the subject follows."""
    gamma, scale = float(options["gamma"]), float(options["beta"])
    return gamma * scale if subject.variant == "ratio" else gamma


def simpo_minimiser(share: float, gamma: float) -> float:
    """m* of p·ℓ(m − γ) + (1 − p)·ℓ(−m − γ), odd in p − ½ (PO-9b)."""
    if share < 1 / 2:
        return -simpo_minimiser(1 - share, gamma)
    lead = (2 * share - 1) * natural_exp(gamma)
    return natural_log((lead + square_root(lead**2 + 4 * share * (1 - share))) / (2 * (1 - share)))


@theorem(
    "preference-losses.simpo.gradient",
    states={
        "chosen": Eq(chosen_slope, -beta * (sigmoid(target - preference) - epsilon)),
        "rejected": Eq(rejected_slope, beta * (sigmoid(target - preference) - epsilon)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SGN", "REF"),
    source=MENG,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only("simpo"),
    mutants={
        "+γ inside": {"chosen": Eq(chosen_slope, -beta * (sigmoid(-target - preference) - epsilon))},
        "no γ": {"rejected": Eq(rejected_slope, beta * (sigmoid(-preference) - epsilon))},
        "β lost": {"chosen": Eq(chosen_slope, epsilon - sigmoid(target - preference))},
    },
)
def simpo_gradient(subject: Any, problem: PairwiseProblem) -> Values:
    """SimPO's weight is βσ(γ − m), on averaged log-probabilities: each token pulls with 1/|y| of it (PO-9a)."""
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    chosen, rejected = seen.policies
    return {
        **of_options(seen.options),
        target: target_of(subject, seen.options),
        log_chosen: chosen,
        log_rejected: rejected,
        chosen_slope: seen.chosen_slopes,
        rejected_slope: seen.rejected_slopes,
        known: seen.known,
    }


@simpo_gradient.proof("the chain rule", domain="every pair, β > 0, γ ≥ 0, ε", lemma=True)
def _() -> Any:
    shifted = preference - target
    loss = (1 - epsilon) * softplus(-shifted) + epsilon * softplus(shifted)
    weight = beta * (sigmoid(target - preference) - epsilon)
    return (
        Eq(expand_atoms(diff(loss, log_chosen)), expand_atoms(-weight), evaluate=False),
        Eq(expand_atoms(diff(loss, log_rejected)), expand_atoms(weight), evaluate=False),
    )


@theorem(
    "preference-losses.simpo.equal-tokens",
    states=Eq(pair_loss, (1 - epsilon) * softplus(target) + epsilon * softplus(-target)),
    given=FINITE,
    kind="pairwise-loss",
    codes=("LEN", "REF"),
    source=MENG,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only("simpo"),
    mutants={
        "γ with the other sign": Eq(pair_loss, (1 - epsilon) * softplus(-target) + epsilon * softplus(target)),
        "no γ": Eq(pair_loss, log(2)),
    },
)
def equal_tokens(subject: Any, problem: PairwiseProblem) -> Values:
    """Responses whose tokens are equally likely have the margin 0, however long each is (PO-9d)."""
    from alignprops.conformance.pair_by_pair import each_pair

    level = problem.policy_chosen_logps[:, :1]
    tables: dict[str, Any] = {
        name: np.broadcast_to(level, problem.policy_chosen_logps.shape).copy() for name in LOGPS[:2]
    }
    seen = each_pair(subject, replace(problem, **tables))
    return {
        **of_options(seen.options),
        target: target_of(subject, seen.options),
        pair_loss: seen.losses,
        known: seen.known,
    }


@equal_tokens.proof("the loss at margin 0", domain="every β > 0, γ ≥ 0, ε")
def _() -> Any:
    shifted = (preference - target).subs(log_chosen, log_rejected)
    return {pair_loss: (1 - epsilon) * softplus(-shifted) + epsilon * softplus(shifted)}


@theorem(
    "preference-losses.simpo.population",
    states=Le(at_minimiser, population),
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=MENG,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES,
    counterfeits=True,
    about=only("simpo"),
    mutants={
        "logit p + γ": Le(at_shifted, population),
        "logit p": Le(at_logit, population),
        "5 % less": Le(Rational(21, 20) * at_minimiser, population),
    },
)
def simpo_population(subject: Any, problem: VotesProblem) -> Values:
    """SimPO's minimiser lies between logit p and logit p + γ, in a closed form; divided votes have margin 0 (PO-9b, c).

    m* = log([(2p − 1)c + √((2p − 1)²c² + 4p(1 − p))]/(2(1 − p))), c = e^γ. Labels are not smoothed here.
    """
    from alignprops.conformance.votes import VotesCase

    plain = problem.with_choice(SMOOTHING, 0)
    options = VotesCase(subject, plain).options
    gamma, share = target_of(subject, options), problem.votes
    wanted = (simpo_minimiser(share, gamma), logit(share) + gamma, logit(share))
    case = VotesCase(subject, plain, tuple(margin / float(options["beta"]) for margin in wanted))
    (there, back), (met, met_known) = case.drawn, case.populations
    return {
        p: share,
        pair_loss: there.losses,
        flipped_loss: back.losses,
        at_minimiser: met[0],
        at_shifted: met[1],
        at_logit: met[2],
        known: there.known * back.known * met_known.prod(),
    }


@simpo_population.proof("a quadratic in e^m", domain="p in (0, 1), γ ≥ 0", lemma=True)
def _() -> Any:
    # p·σ(γ − m) = (1 − p)·σ(γ + m) with X = e^m and c = e^γ, p = a/(a + b): bX² + (b − a)cX − a = 0.
    a, b, x, c = (positive(name, name) for name in "abxc")
    share = a / (a + b)
    slope = -share * c / (c + x) + (1 - share) * c / (c + 1 / x)
    return Eq(slope, c * (b * x**2 + (b - a) * c * x - a) / ((a + b) * (c + x) * (c * x + 1)), evaluate=False)


# --- ORPO -------------------------------------------------------------------------------------------------------

#: 1 where the code adds the chosen response's NLL itself.
with_nll = nonnegative("with_nll", r"\mathbb{1}_{\mathrm{NLL}}")
nll_chosen = nonnegative("nll_chosen", r"-\log P_w")
nll_rejected = nonnegative("nll_rejected", r"-\log P_l")
log_odds_ratio = nll_rejected + log1mexp(nll_rejected) - nll_chosen - log1mexp(nll_chosen)
odds_term = pair_loss - with_nll * nll_chosen
ratio = nll_rejected - nll_chosen
#: P_w + P_l.
total = exp(-nll_chosen) + exp(-nll_rejected)


@theorem(
    "preference-losses.orpo.odds-ratio",
    states={
        "value": Eq(odds_term, beta * softplus(-log_odds_ratio)),
        "chosen": Eq(chosen_slope, -with_nll - beta * sigmoid(-log_odds_ratio) / (1 - exp(-nll_chosen))),
        "rejected": Eq(rejected_slope, beta * sigmoid(-log_odds_ratio) / (1 - exp(-nll_rejected))),
        "the odds tell more": Under({"the chosen is likelier": Ge(ratio, 0)}, Le(odds_term, beta * softplus(-ratio))),
        "by at most the square": Under(
            {"the chosen is likelier": Ge(ratio, 0), "the two are exclusive": Le(total, 1)},
            Ge(odds_term, beta * softplus(-2 * ratio)),
        ),
    },
    given={**FINITE, "no response is certain": Gt(Min(nll_chosen, nll_rejected), Rational(1, 64))},
    kind="pairwise-loss",
    codes=("REF", "SGN"),
    source=HONG,
    on=pairwise_problems(sizes=(1.0, 4.0, 1 / 4, 1.0)),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={
        **RAGGED,
        **SINGLE,
        "two that are as likely": pairs_at([-0.5, 0.5], level=-1.0),
        "a likely and an unlikely one": LIKELY,
    },
    counterfeits=True,
    about=only("orpo"),
    mutants={
        "log ratio": {"value": Eq(odds_term, beta * softplus(-ratio))},
        "without 1/(1 − P)": {"chosen": Eq(chosen_slope, -with_nll - beta * sigmoid(-log_odds_ratio))},
        "without 1/(1 − P), rejected": {"rejected": Eq(rejected_slope, beta * sigmoid(-log_odds_ratio))},
        "the odds tell less": {"the odds tell more": Ge(odds_term, beta * softplus(-ratio))},
        "5 % more": {"the odds tell more": Le(Rational(21, 20) * odds_term, beta * softplus(-ratio))},
        "by at most itself": {"by at most the square": Ge(odds_term, beta * softplus(-ratio))},
    },
)
def odds_ratio(subject: Any, problem: PairwiseProblem) -> Values:
    """ORPO's odds ratio is steeper than the log-ratio by 1/(1 − P), and lies between it and its double (PO-10).

    κ = log odds_w − log odds_l has |κ| ≥ |log(P_w/P_l)|, and ≤ twice that where P_w + P_l ≤ 1: with two responses it is
    DPO with a uniform reference and β = 2. Averages may exceed that sum; then the first alone holds.
    """
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    chosen, rejected = seen.policies
    return {
        **of_options(seen.options),
        with_nll: int(subject.variant == "with-nll"),
        nll_chosen: bounded(-chosen.value, chosen.error),
        nll_rejected: bounded(-rejected.value, rejected.error),
        pair_loss: seen.losses,
        chosen_slope: seen.chosen_slopes,
        rejected_slope: seen.rejected_slopes,
        known: seen.known,
    }


@odds_ratio.proof("d log odds = d log P/(1 − P)", domain="P in (0, 1)", lemma=True)
def _() -> Any:
    t = positive("t", "t")  # log P = −t
    log_odds = -t - log(1 - exp(-t))
    return Eq(-diff(log_odds, t), 1 / (1 - exp(-t)), evaluate=False)


@odds_ratio.proof(
    "κ between the log-ratio and its double", domain="P_l = x, P_w = x + y, P_w + P_l + z = 1", lemma=True
)
def _() -> Any:
    # odds_w/odds_l = (P_w/P_l)·(1 − P_l)/(1 − P_w), and (1 − P_l)/(1 − P_w) lies between 1 and P_w/P_l.
    x, y, z = positive("x", "x"), nonnegative("y", "y"), nonnegative("z", "z")
    factor = (x + y + z) / (x + z)
    return (
        Eq(factor - 1, y / (x + z), evaluate=False),
        Eq((x + y) / x - factor, y * z / (x * (x + z)), evaluate=False),
        Ge(y / (x + z), 0, evaluate=False),
        Ge(y * z / (x * (x + z)), 0, evaluate=False),
    )


# --- CPO --------------------------------------------------------------------------------------------------------

alpha = nonnegative("nll_weight", r"\alpha")
#: −log π(y_w), as the convention has it: summed, averaged over tokens, or not there.
nll = nonnegative("nll", r"-\log\pi_w")
#: log π_ref(y_w) − log π_ref(y_l).
reference_difference = real("reference_difference", r"\log\pi^{\mathrm{ref}}_w/\pi^{\mathrm{ref}}_l")
dpo_margin = beta * (difference + reference_difference)


@theorem(
    "preference-losses.cpo.anchor",
    states={
        "DPO of an even reference": Eq(
            pair_loss, alpha * nll + (1 - epsilon) * softplus(-dpo_margin) + epsilon * softplus(dpo_margin)
        ),
        "anchor": Ge(pair_loss, alpha * nll),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "RM"),
    source=XU,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE, "a pair that is won": WON},
    counterfeits=True,
    about=only("cpo"),
    mutants={
        "DPO of any reference": {
            "DPO of an even reference": Eq(
                pair_loss,
                alpha * nll + (1 - epsilon) * softplus(-beta * difference) + epsilon * softplus(beta * difference),
            )
        },
        "NLL lost": {
            "DPO of an even reference": Eq(
                pair_loss, (1 - epsilon) * softplus(-dpo_margin) + epsilon * softplus(dpo_margin)
            )
        },
        "anchor without α": {"anchor": Ge(pair_loss, nll)},
        "anchor 5 % higher": {"anchor": Ge(pair_loss, Rational(21, 20) * alpha * nll)},
    },
)
def anchor(subject: Any, problem: PairwiseProblem) -> Values:
    """CPO is DPO on pairs whose reference is even, plus an NLL that bounds it: L → 0 forces π_w → 1 (PO-11).

    π(y_w) > e^(−L/α): what DPO alone does not promise. Averaged over tokens the bound is on their geometric mean.
    """
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    reference = [problem.sequence(name, "sum") for name in LOGPS[2:]]
    chosen = seen.policies[0]
    share: Any = {"nll-mean": 1 / problem.lengths["chosen_lengths"], "nll-sum": 1.0}.get(subject.variant, 0.0)
    return {
        **of_options(seen.options),
        alpha: float(seen.options["cpo_alpha"]),
        nll: bounded(-chosen.value * share, chosen.error * share + EPS * np.abs(chosen.value * share)),
        difference: seen.differences,
        reference_difference: reference[0] - reference[1],
        pair_loss: seen.losses,
        known: seen.known,
    }


@anchor.proof("the margins differ by the reference's, and a logistic loss is positive", domain="all", lemma=True)
def _() -> Any:
    own = log_ratio_difference + REFERENCE[0] - REFERENCE[1]
    return Eq(own, POLICY[0] - POLICY[1], evaluate=False), Le(0, softplus(-dpo_margin), evaluate=False)
