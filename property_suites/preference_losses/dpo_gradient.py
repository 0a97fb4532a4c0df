"""DPO's gradient is a weighted difference of two log-likelihood gradients, and its weight is known (KL-7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Abs, Eq, Le, Rational, Symbol, cosh, diff, log

from alignprops import Tight, theorem
from alignprops.atoms import expand_atoms, sigmoid, softplus
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.losses.pairs.symbols import beta
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import RAFAILOV
from property_suites.preference_losses.specimens import EXTREME, RAGGED, SINGLE
from property_suites.preference_losses.theory import (
    DPO,
    FINITE,
    THEORY_ROUNDING,
    chosen_slope,
    difference,
    epsilon,
    known,
    margin,
    of_options,
    only,
    other_difference,
    other_loss,
    other_slope,
    pair_loss,
    pairs_at,
    rejected_slope,
)

Values = Mapping[Symbol, Any]
#: f(m) = (1 − ε)ℓ(m) + εℓ(−m) as an expression in h, for the proofs.
SMOOTHED = (1 - epsilon) * softplus(-margin) + epsilon * softplus(margin)
weight = beta * (sigmoid(-margin) - epsilon)


@theorem(
    "preference-losses.dpo.at-the-reference",
    states={
        "value": Eq(pair_loss, log(2)),
        "slope": Eq(chosen_slope, -beta * (Rational(1, 2) - epsilon)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SGN"),
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "β log 2": {"value": Eq(pair_loss, beta * log(2))},
        "β for β/2": {"slope": Eq(chosen_slope, -beta * (1 - epsilon))},
        "β lost": {"slope": Eq(chosen_slope, epsilon - Rational(1, 2))},
        "smoothing lost": {"slope": Eq(chosen_slope, -beta / 2)},
    },
)
def at_the_reference_value(subject: Any, problem: PairwiseProblem) -> Values:
    """A policy that is its own reference has the loss log 2 and the weight β/2 (KL-7b; β(½ − ε) with smoothing).

    The first step of every run: what is logged there is log 2 to the accuracy of the dtype, for every pair.
    """
    from alignprops.conformance.pair_by_pair import at_the_reference, each_pair

    seen = each_pair(subject, at_the_reference(problem))
    return {**of_options(seen.options), pair_loss: seen.losses, chosen_slope: seen.chosen_slopes, known: seen.known}


@at_the_reference_value.proof("the loss and its slope at h = 0", domain="every β > 0 and ε")
def _() -> Any:
    return {
        pair_loss: SMOOTHED.subs(difference, 0),
        chosen_slope: diff(SMOOTHED, difference).subs(difference, 0),
    }


@theorem(
    "preference-losses.dpo.gradient",
    states={
        "chosen": Eq(chosen_slope, -weight),
        "rejected": Eq(rejected_slope, weight),
        "weight": Le(-chosen_slope, beta * (1 - epsilon)),
        "smoothed weight": Le(chosen_slope, beta * epsilon),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SGN", "REF"),
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE, **EXTREME},
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "weight σ(+βh)": {"chosen": Eq(chosen_slope, -beta * (sigmoid(margin) - epsilon))},
        "β lost": {"chosen": Eq(chosen_slope, epsilon - sigmoid(-margin))},
        "β lost, rejected": {"rejected": Eq(rejected_slope, sigmoid(-margin) - epsilon)},
        "β/2 at most": {"weight": Le(-chosen_slope, beta / 2)},
        "never below 0": {"smoothed weight": Le(chosen_slope, 0)},
    },
    tight={"a pair that is lost": Tight(pairs_at([-4096.0]), at_least=1 - 2**-40, of="weight")},
)
def gradient(subject: Any, problem: PairwiseProblem) -> Values:
    """The gradient is −βσ(−βh)(∇log π_w − ∇log π_l), whose weight lies between 0 and β (KL-7a, b).

    With label smoothing the weight is β(σ(−βh) − ε), between −βε and β(1 − ε).
    """
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    return {
        **of_options(seen.options),
        difference: seen.differences,
        chosen_slope: seen.chosen_slopes,
        rejected_slope: seen.rejected_slopes,
        known: seen.known,
    }


@gradient.proof("the slope of the loss", domain="every h, β > 0, ε", lemma=True)
def _() -> Any:
    return Eq(expand_atoms(diff(SMOOTHED, difference)), expand_atoms(-weight), evaluate=False)


@gradient.proof("the weight is at most β(1 − ε)", domain="every h, β > 0, ε", lemma=True)
def _() -> Any:
    # β(1 − ε) − β(σ(−m) − ε) = βσ(m) > 0, and β(σ(−m) − ε) + βε = βσ(−m) > 0.
    return (
        Eq(beta * (1 - epsilon) - expand_atoms(weight), expand_atoms(beta * sigmoid(margin)), evaluate=False),
        Le(0, beta * sigmoid(margin), evaluate=False),
        Le(0, beta * sigmoid(-margin), evaluate=False),
    )


@theorem(
    "preference-losses.dpo.curvature",
    states={
        "value": Le(Abs(pair_loss - other_loss), beta * (1 - epsilon) * Abs(difference - other_difference)),
        "slope": Le(Abs(chosen_slope - other_slope), beta**2 / 4 * Abs(difference - other_difference)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "EXT"),
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **EXTREME},
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "β/2-Lipschitz": {"value": Le(Abs(pair_loss - other_loss), beta / 2 * Abs(difference - other_difference))},
        "curvature β²/8": {
            "slope": Le(Abs(chosen_slope - other_slope), beta**2 / 8 * Abs(difference - other_difference))
        },
        "β for β²": {"slope": Le(Abs(chosen_slope - other_slope), beta / 4 * Abs(difference - other_difference))},
    },
    tight={
        "two pairs that are lost": Tight(pairs_at([-4096.0, -2048.0]), at_least=1 - 2**-40, of="value"),
        "two pairs near the reference": Tight(pairs_at([2.0**-10, -(2.0**-10)]), at_least=0.999, of="slope"),
    },
)
def curvature(subject: Any, problem: PairwiseProblem) -> Values:
    """Between two pairs the loss changes by at most β(1 − ε), its slope by at most β²/4 a unit of h (KL-7c).

    Both are the best constants: the first where the pairs are lost, the second at the reference.
    """
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    here, there = seen[:, None], seen[None, :]
    return {
        **of_options(seen.options),
        difference: here.differences,
        other_difference: there.differences,
        pair_loss: here.losses,
        other_loss: there.losses,
        chosen_slope: here.chosen_slopes,
        other_slope: there.chosen_slopes,
        known: here.known * there.known,
    }


@curvature.proof("the second derivative is at most β²/4", domain="every h, β > 0, ε", lemma=True)
def _() -> Any:
    second = expand_atoms(diff(SMOOTHED, difference, 2))
    bell = beta**2 / (2 + 2 * cosh(margin))
    return (
        Eq(second, bell, evaluate=False),
        Eq(beta**2 / 4 - bell, beta**2 * (cosh(margin) - 1) / (4 * (cosh(margin) + 1)), evaluate=False),
    )
