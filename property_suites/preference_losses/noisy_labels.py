"""Labels that are wrong with probability ε: cDPO has a floor and an optimum, robust DPO has neither (PO-6, PO-7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Gt, Le, Lt, Min, Rational, Symbol, diff, log

from alignprops import Tight, theorem
from alignprops.atoms import expand_atoms, sigmoid, softplus
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.conformance.votes import VotesProblem
from alignprops.losses.pairs.symbols import beta
from alignprops.quantity import positive, real
from alignprops.strategies.pairs import pairwise_problems
from alignprops.strategies.votes import votes_problems
from property_suites.preference_losses.population import (
    EXAMPLES,
    SMOOTHING,
    at_logit,
    at_minimiser,
    logit,
    measured,
    p,
    population,
)
from property_suites.preference_losses.specimens import EXTREME, RAGGED, SINGLE
from property_suites.preference_losses.theory import (
    CHOWDHURY,
    DPO,
    FINITE,
    MITCHELL,
    THEORY_ROUNDING,
    chosen_slope,
    difference,
    entropy,
    epsilon,
    known,
    margin,
    of_options,
    only,
    pair_loss,
    pairs_at,
    votes_at,
)

Values = Mapping[Symbol, Any]
at_best = real("loss_at_the_best_margin", "f(m^*)")
excess = pair_loss - entropy(epsilon)
#: m* = log((1 − ε)/ε).
best_margin = log((1 - epsilon) / epsilon)
at_doubled = real("loss_at_doubled", r"f(\log\tfrac{1-2\varepsilon}{2\varepsilon})")
at_scaled = real("loss_at_scaled", r"f(\beta^2 h^*)")


@theorem(
    "preference-losses.dpo.smoothed-minimum",
    states={
        "its loss": Eq(at_best, entropy(epsilon)),
        "never below the entropy": Ge(pair_loss, entropy(epsilon)),
        "parabola": Le(excess, (margin - best_margin) ** 2 / 8),
        "from below": Ge(excess, 2 * (sigmoid(margin) - (1 - epsilon)) ** 2),
    },
    given={**FINITE, "labels are smoothed": Gt(epsilon, 0)},
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=MITCHELL,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={
        "a few margins": votes_at([0.0, 8.0, -8.0, 4.0], votes=0.75),
        "many wrong labels": votes_at([1.0, 0.0], votes=0.75, options=2),
    },
    counterfeits=True,
    about=only(*DPO, options=("label_smoothing",)),
    mutants={
        "β log((1 − ε)/ε)": {"its loss": Eq(at_scaled, entropy(epsilon))},
        "log((1 − 2ε)/(2ε))": {"its loss": Eq(at_doubled, entropy(epsilon))},
        "never below log 2": {"never below the entropy": Ge(pair_loss, log(2))},
        "(m − m*)²/16": {"parabola": Le(excess, (margin - best_margin) ** 2 / 16)},
        "Pinsker with 4": {"from below": Ge(excess, 4 * (sigmoid(margin) - (1 - epsilon)) ** 2)},
    },
    tight={
        "near the optimum of ε = 3/8": Tight(votes_at([0.0, -0.125], votes=0.75, options=2), 0.96, of="parabola"),
    },
)
def smoothed_minimum(subject: Any, problem: VotesProblem) -> Values:
    """cDPO's loss has the floor H(ε), which it reaches at the margin log((1 − ε)/ε), and grows from there (PO-6).

    The excess is kl(1 − ε ‖ σ(βh)): at most a parabola of curvature β²/4, at least Pinsker's. ε is never 0 here.
    """
    from alignprops.conformance.votes import VotesCase

    chosen = problem.with_choice(SMOOTHING, max(1, int(problem.choices[SMOOTHING]) % 4))
    options = of_options(VotesCase(subject, chosen).options)
    flips, scale = options[epsilon], options[beta]
    best = logit(1 - flips)
    doubled = logit(1 - 2 * flips) if flips < 1 / 2 else 0.0
    case = VotesCase(subject, chosen, tuple(wanted / scale for wanted in (best, doubled, best * scale**2)))
    there, _ = case.drawn
    met, met_known = case.alone
    return {
        **options,
        difference: case.differences,
        pair_loss: there.losses,
        at_best: met[0],
        at_doubled: met[1],
        at_scaled: met[2],
        known: there.known * met_known.prod(),
    }


@smoothed_minimum.proof("stationary at 1 − ε, with the entropy there", domain="ε in (0, 1), every h", lemma=True)
def _() -> Any:
    # ε = b/(a + b): e^m* = a/b.
    a, b, m = positive("a", "a"), positive("b", "b"), real("m", "m")
    wrong = b / (a + b)
    loss = expand_atoms((1 - wrong) * softplus(-m) + wrong * softplus(m))
    return (
        Eq(diff(loss, m).subs(m, log(a) - log(b)), 0, evaluate=False),
        Eq(loss.subs(m, log(a) - log(b)), entropy(wrong), evaluate=False),
        Eq(diff(loss, m, 2), expand_atoms(sigmoid(m) * sigmoid(-m)), evaluate=False),
        Eq(Rational(1, 4) - sigmoid(m) + sigmoid(m) ** 2, (sigmoid(m) - Rational(1, 2)) ** 2, evaluate=False),
    )


@theorem(
    "preference-losses.robust.unbounded",
    states={
        "falls for ever": Eq(pair_loss, softplus(-margin) - epsilon * margin / (1 - 2 * epsilon)),
        "slope": Ge(-chosen_slope, beta * epsilon / (1 - 2 * epsilon)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SGN"),
    source=CHOWDHURY,
    on=pairwise_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE, **EXTREME, "a pair that is won": pairs_at([4096.0])},
    counterfeits=True,
    about=only("robust"),
    mutants={
        "never negative": {"falls for ever": Eq(pair_loss, softplus(-margin))},
        "normaliser 1 − ε": {"falls for ever": Eq(pair_loss, softplus(-margin) - epsilon * margin / (1 - epsilon))},
        "twice as steep": {"slope": Ge(-chosen_slope, 2 * beta * epsilon / (1 - 2 * epsilon))},
        "5 % steeper": {"slope": Ge(-chosen_slope, Rational(21, 20) * beta * epsilon / (1 - 2 * epsilon))},
    },
)
def unbounded(subject: Any, problem: PairwiseProblem) -> Values:
    """Robust DPO falls with a slope below −βε/(1 − 2ε) at every margin, so on one label it has no minimum (PO-7b).

    Negative training losses are what the formula says, and no mistake.
    """
    from alignprops.conformance.pair_by_pair import each_pair

    seen = each_pair(subject, problem)
    return {
        **of_options(seen.options),
        difference: seen.differences,
        pair_loss: seen.losses,
        chosen_slope: seen.chosen_slopes,
        known: seen.known,
    }


@unbounded.proof("ℓ(−m) = ℓ(m) + m, and σ(−m) > 0", domain="every h, β > 0, ε < ½", lemma=True)
def _() -> Any:
    value, m = real("value", r"\ell(m)"), real("m", "m")
    robust = ((1 - epsilon) * value - epsilon * (value + m)) / (1 - 2 * epsilon)
    return (
        Eq(robust, value - epsilon * m / (1 - 2 * epsilon), evaluate=False),
        Eq(diff(softplus(-m), m), -sigmoid(-m), evaluate=False),
        Le(-sigmoid(-m), 0, evaluate=False),
    )


@theorem(
    "preference-losses.population.robust",
    states={
        "minimiser": Le(at_minimiser, population),
        "its loss": Eq(at_minimiser, entropy((p - epsilon) / (1 - 2 * epsilon))),
    },
    given={**FINITE, "less agree than labels are right": Lt(epsilon, Min(p, 1 - p))},
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=CHOWDHURY,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=EXAMPLES,
    counterfeits=True,
    about=only("robust"),
    mutants={
        "logit p": {"minimiser": Le(at_logit, population)},
        "the entropy of the votes": {"its loss": Eq(at_minimiser, entropy(p))},
    },
)
def robust(subject: Any, problem: VotesProblem) -> Values:
    """Robust DPO takes observed votes q for clean ones: its minimiser is logit((q − ε)/(1 − 2ε)) (PO-7c).

    Only where ε < q < 1 − ε is there one.
    """
    return measured(
        subject,
        problem,
        {
            at_minimiser: lambda share, flips: logit(_clean(share, flips)),
            at_logit: lambda share, *_: logit(share),
        },
    )


def _clean(share: float, flips: float) -> float:
    """(q − ε)/(1 − 2ε), or ½ where there is no minimiser."""
    return (share - flips) / (1 - 2 * flips) if flips < min(share, 1 - share) else 1 / 2


@robust.proof("the clean votes", domain="any two losses ℓ(m), ℓ(−m); ε < ½", lemma=True)
def _() -> Any:
    here, there = real("l1", r"\ell(m)"), real("l2", r"\ell(-m)")
    loss = ((1 - epsilon) * here - epsilon * there) / (1 - 2 * epsilon)
    turned = ((1 - epsilon) * there - epsilon * here) / (1 - 2 * epsilon)
    clean = (p - epsilon) / (1 - 2 * epsilon)
    return Eq(p * loss + (1 - p) * turned, clean * here + (1 - clean) * there, evaluate=False)
