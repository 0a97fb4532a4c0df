"""Chosen and rejected exchanged: what the loss of a pair and that of the flipped pair have to do with each other.

KL-9 for DPO and the like for its relatives. Any implementation can be asked: it is called with its columns swapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import Abs, Eq, Ge, Max, Symbol, cosh, exp, log

from alignprops import theorem
from alignprops.atoms import expand_atoms, log_cosh, softplus
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.losses.pairs.symbols import POLICY, beta
from alignprops.losses.pairs.table import PAIR_LOSSES
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import RAFAILOV
from property_suites.preference_losses.specimens import EXTREME, RAGGED, SINGLE
from property_suites.preference_losses.theory import (
    AZAR,
    CHOWDHURY,
    DPO,
    FENG,
    FINITE,
    MITCHELL,
    THEORY_ROUNDING,
    ZHAO,
    chosen_slope,
    difference,
    difference_losses,
    epsilon,
    flipped_loss,
    known,
    margin,
    of_options,
    only,
    pair_loss,
    pairs_at,
    rejected_slope,
)

Values = Mapping[Symbol, Any]
#: 2 log(2 cosh(m/2)), in a form that does not overflow.
both_orders = 2 * log(2) + 2 * log_cosh(margin / 2)
AT_THE_REFERENCE = {"pairs at the reference": pairs_at([0.0, 0.0])}


def _both(subject: Any, problem: PairwiseProblem) -> Values:
    from alignprops.conformance.pair_by_pair import each_pair, flipped

    seen, turned = each_pair(subject, problem), each_pair(subject, flipped(problem))
    return {
        **of_options(seen.options),
        difference: seen.differences,
        pair_loss: seen.losses,
        flipped_loss: turned.losses,
        known: seen.known * turned.known,
    }


@theorem(
    "preference-losses.dpo.label-flip",
    states={
        "flipped": Eq(flipped_loss, pair_loss + (1 - 2 * epsilon) * margin),
        "both orders": Eq(pair_loss + flipped_loss, both_orders),
        "at least": Ge(pair_loss + flipped_loss, 2 * log(2)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SYM", "REF"),
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE, **EXTREME, **AT_THE_REFERENCE},
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "the negative": {"flipped": Eq(flipped_loss, -pair_loss)},
        "minus βh": {"flipped": Eq(flipped_loss, pair_loss - (1 - 2 * epsilon) * margin)},
        "smoothing lost": {"flipped": Eq(flipped_loss, pair_loss + margin)},
        "log cosh alone": {"both orders": Eq(pair_loss + flipped_loss, 2 * log_cosh(margin / 2))},
        "at least 2": {"at least": Ge(pair_loss + flipped_loss, 2)},
    },
)
def dpo_flip(subject: Any, problem: PairwiseProblem) -> Values:
    """The flipped pair's loss is greater by βh, and both orders have 2 log(2 cosh(βh/2)) ≥ 2 log 2 (KL-9).

    With label smoothing the difference is (1 − 2ε)βh; the sum does not know of it.
    """
    return _both(subject, problem)


@dpo_flip.proof("ℓ(−m) = ℓ(m) + m", domain="every h, β > 0, ε", lemma=True)
def _() -> Any:
    loss = (1 - epsilon) * softplus(-margin) + epsilon * softplus(margin)
    flipped = loss.subs(difference, -difference)
    shifted = (1 - 2 * epsilon) * (softplus(margin) - softplus(-margin))
    odds = exp(expand_atoms(softplus(margin)) - expand_atoms(softplus(-margin)))
    product, root = (1 + exp(-margin)) * (1 + exp(margin)), exp(margin / 2)
    return (
        Eq(flipped - loss, shifted, evaluate=False),
        Eq(odds, exp(margin), evaluate=False),
        Eq(loss + flipped, softplus(margin) + softplus(-margin), evaluate=False),
        Eq(product, (2 * cosh(margin / 2)) ** 2, evaluate=False),
        Eq(product - 4, (root - 1 / root) ** 2, evaluate=False),
        Ge((root - 1 / root) ** 2, 0, evaluate=False),
    )


@theorem(
    "preference-losses.dpo.full-smoothing",
    states={
        "symmetric": Eq(flipped_loss, pair_loss),
        "log cosh": Eq(pair_loss, log(2) + log_cosh(margin / 2)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SYM",),
    source=MITCHELL,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only(*DPO, options=("label_smoothing",)),
    mutants={
        "unsmoothed": {"symmetric": Eq(flipped_loss, pair_loss + margin)},
        "without log 2": {"log cosh": Eq(pair_loss, log_cosh(margin / 2))},
    },
)
def full_smoothing(subject: Any, problem: PairwiseProblem) -> Values:
    """With labels that are wrong half of the time the order of a pair does not matter: log(2 cosh(βh/2)) (KL-9, PO-6).

    ε is ½ whatever the problem chooses.
    """
    return _both(replace(subject, constants={**subject.constants, "label_smoothing": 1 / 2}), problem)


@full_smoothing.proof("the average of ℓ(m) and ℓ(−m)", domain="every h and β > 0", lemma=True)
def _() -> Any:
    half = (softplus(-margin) + softplus(margin)) / 2
    return (
        Eq(half.subs(difference, -difference), half, evaluate=False),
        Eq(exp(expand_atoms(2 * half)), (2 * cosh(margin / 2)) ** 2, evaluate=False),
    )


@theorem(
    "preference-losses.robust.label-flip",
    states={
        "flipped": Eq(flipped_loss, pair_loss + margin / (1 - 2 * epsilon)),
        "both orders": Eq(pair_loss + flipped_loss, both_orders),
        "unbiased": Eq((1 - epsilon) * pair_loss + epsilon * flipped_loss, softplus(-margin)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SYM", "REF"),
    source=CHOWDHURY,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only("robust"),
    mutants={
        "cDPO's": {"flipped": Eq(flipped_loss, pair_loss + (1 - 2 * epsilon) * margin)},
        "at least 2 log 2 always attained": {"both orders": Eq(pair_loss + flipped_loss, 2 * log(2))},
        "normaliser 1 − ε": {
            "unbiased": Eq(
                (1 - 2 * epsilon) / (1 - epsilon) * ((1 - epsilon) * pair_loss + epsilon * flipped_loss),
                softplus(-margin),
            )
        },
        "the loss itself": {"unbiased": Eq(pair_loss, softplus(-margin))},
    },
)
def robust_flip(subject: Any, problem: PairwiseProblem) -> Values:
    """Averaged over labels that flip with probability ε, the robust loss is DPO's on the clean label (PO-7a).

    Its variance under the flips is ε(1 − ε) times the square of the first relation's βh/(1 − 2ε).
    """
    return _both(subject, problem)


@robust_flip.proof("unbiased for any two losses", domain="every two losses of the clean labels, ε < ½", lemma=True)
def _() -> Any:
    clean, turned = real("l1", r"\ell"), real("l2", r"\ell'")
    robust = ((1 - epsilon) * clean - epsilon * turned) / (1 - 2 * epsilon)
    other = ((1 - epsilon) * turned - epsilon * clean) / (1 - 2 * epsilon)
    return (
        Eq((1 - epsilon) * robust + epsilon * other, clean, evaluate=False),
        Eq(other - robust, (turned - clean) / (1 - 2 * epsilon), evaluate=False),
        Eq(robust + other, clean + turned, evaluate=False),
    )


@theorem(
    "preference-losses.ipo.label-flip",
    states={
        "flipped": Eq(flipped_loss, pair_loss + 2 * difference / beta),
        "both orders": Eq(pair_loss + flipped_loss, 2 * difference**2 + 1 / (2 * beta**2)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SYM", "REF"),
    source=AZAR,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only("ipo"),
    mutants={
        "β in the numerator": {"flipped": Eq(flipped_loss, pair_loss + 2 * beta * difference)},
        "target 1/τ": {"flipped": Eq(flipped_loss, pair_loss + 4 * difference / beta)},
        "without a target": {"both orders": Eq(pair_loss + flipped_loss, 2 * difference**2)},
    },
)
def ipo_flip(subject: Any, problem: PairwiseProblem) -> Values:
    """The flipped pair's squared loss is greater by 2h/β: its target is −1/(2β) instead of 1/(2β) (KL-9 for IPO)."""
    return _both(subject, problem)


@ipo_flip.proof("two squares", domain="every h and β > 0")
def _() -> Any:
    target = 1 / (2 * beta)
    return {pair_loss: (difference - target) ** 2, flipped_loss: (-difference - target) ** 2}


@theorem(
    "preference-losses.hinge.label-flip",
    states=Eq(pair_loss + flipped_loss, Max(2, 1 + Abs(margin))),
    given=FINITE,
    kind="pairwise-loss",
    codes=("SYM", "REF"),
    source=ZHAO,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only("hinge"),
    mutants={
        "2 at every margin": Eq(pair_loss + flipped_loss, 2 + Max(0, -Abs(margin))),
        "β lost": Eq(pair_loss + flipped_loss, Max(2, 1 + Abs(difference))),
    },
)
def hinge_flip(subject: Any, problem: PairwiseProblem) -> Values:
    """Both orders of a pair cost 2 as long as |βh| ≤ 1: the hinge does not see whose margin is the greater (PO-1)."""
    return _both(subject, problem)


@hinge_flip.proof("the two pieces", domain="|m| ≤ 1, and m ≥ 1 (both sides are even)", lemma=True)
def _() -> Any:
    # Inside m = (a − b)/(a + b), beyond m = 1 + a.
    a, b = nonnegative("a", "a"), positive("b", "b")
    fall, rise = 2 * b / (a + b), 2 * a / (a + b)
    return (
        Eq(1 - (a - b) / (a + b), fall, evaluate=False),
        Eq(1 + (a - b) / (a + b), rise, evaluate=False),
        Eq(Max(0, fall) + Max(0, rise), 2, evaluate=False),
        Eq(Max(0, -a) + Max(0, 2 + a), Max(2, 1 + (1 + a)), evaluate=False),
    )


@theorem(
    "preference-losses.free-probabilities",
    states=Eq(chosen_slope, -rejected_slope),
    given=FINITE,
    kind="pairwise-loss",
    codes=("SGN", "REF"),
    source=FENG,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.25,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=difference_losses,
    mutants={
        "same sign": Eq(chosen_slope, rejected_slope),
        "the rejected weighs twice as much": Eq(2 * chosen_slope, -rejected_slope),
    },
)
def free_probabilities(subject: Any, problem: PairwiseProblem) -> Values:
    """A loss of the log-ratio difference pulls both log-probabilities with the same strength (DISP-4).

    That is Euler's identity π_w ∂f/∂π_w + π_l ∂f/∂π_l = 0: as functions of free probabilities the slopes have the
    ratio π_l/π_w, in log-probabilities or logits the ratio 1.
    """
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    return {chosen_slope: seen.chosen_slopes, rejected_slope: seen.rejected_slopes, known: seen.known}


@free_probabilities.proof("the chain rule", domain="DPO, IPO and robust DPO at every pair and option", lemma=True)
def _() -> Any:
    usual = [PAIR_LOSSES[name] for name in ("dpo", "ipo", "robust")]
    losses = [loss.gradient(loss.variant(None)) for loss in usual]
    return tuple(Eq(slopes[POLICY[0].name], -slopes[POLICY[1].name], evaluate=False) for slopes in losses)
