"""What a population wants of a pair on which votes are divided (PO-1, KL-8): the margin that a convex loss leads to.

Notation: p the share of votes for the first response, C_p(m) = p·f(m) + (1 − p)·f(−m) the loss of the population, m*
its minimiser. The subject is called at margins of every kind, in both orders of the pair, and at the closed form of m*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log as natural_log
from typing import Any

from sympy import Eq, Expr, Ge, Gt, Le, Lt, Min, Rational, Symbol, diff, exp, log, sqrt

from alignprops import Under, theorem
from alignprops.atoms import expand_atoms, sigmoid, softplus
from alignprops.conformance.votes import VotesProblem
from alignprops.losses.pairs.symbols import beta
from alignprops.quantity import positive, real
from alignprops.strategies.votes import votes_problems
from property_suites.preference_losses.notation import RAFAILOV
from property_suites.preference_losses.theory import (
    AZAR,
    CONVEX,
    DPO,
    FINITE,
    TANG,
    THEORY_ROUNDING,
    ZHAO,
    difference,
    entropy,
    epsilon,
    flipped_loss,
    known,
    margin,
    of_options,
    only,
    pair_loss,
    votes_at,
)

Values = Mapping[Symbol, Any]
p = positive("vote_share", "p")
at_reference = real("loss_at_the_reference", "f(0)")
at_minimiser = real("loss_at_the_minimiser", "C_p(m^*)")
#: The population's loss at margins that are no minimisers, for the mutants.
at_logit = real("loss_at_logit", r"C_p(\operatorname{logit} p)")
at_half_logit = real("loss_at_half_logit", r"C_p(\tfrac12\operatorname{logit} p)")
at_target = real("loss_at_the_target", r"C_p(\tfrac12)")
at_linear = real("loss_at_linear", "C_p(2p - 1)")
population: Expr = p * pair_loss + (1 - p) * flipped_loss
#: The place of label_smoothing among DPO's options; its first value is 0.
SMOOTHING = 1
EXAMPLES = {
    "three votes of four": votes_at([0.0, 1.0, -1.0, 2.0], votes=0.75),
    "four votes of five, nearly": votes_at([4.0, 0.5, -0.5, 8.0], votes=13 / 16),
    "a minority": votes_at([-2.0, 0.5], votes=0.25, options=2),
}


def logit(share: float) -> float:
    """log(p/(1 − p))."""
    return natural_log(share / (1 - share))


def measured(subject: Any, problem: VotesProblem, margins: Mapping[Symbol, Callable[[float, float], float]]) -> Values:
    """Votes, losses at the drawn margins, and and the population's at margins m = βh told by p and ε."""
    from alignprops.conformance.votes import VotesCase

    options = of_options(VotesCase(subject, problem).options)
    wanted = [margin_of(problem.votes, options[epsilon]) / options[beta] for margin_of in margins.values()]
    case = VotesCase(subject, problem, tuple(wanted))
    there, back = case.drawn
    met, met_known = case.populations
    return {
        **options,
        p: problem.votes,
        difference: case.differences,
        pair_loss: there.losses,
        flipped_loss: back.losses,
        known: there.known * back.known * met_known.prod(),
        **{symbol: met[at] for at, symbol in enumerate(margins)},
    }


@theorem(
    "preference-losses.population.majority",
    states={
        "the majority": Under(
            {"most prefer it": Gt(p, Rational(1, 2)), "the margin is against it": Le(difference, 0)},
            Ge(population, at_reference),
        ),
        "the minority": Under(
            {"most prefer the other": Lt(p, Rational(1, 2)), "the margin is for it": Ge(difference, 0)},
            Ge(p * pair_loss + (1 - p) * flipped_loss, at_reference),
        ),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("SGN", "SYM"),
    source=TANG,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.4,
    examples=EXAMPLES,
    counterfeits=True,
    about=only(*CONVEX),
    mutants={
        "whoever prefers what": {"the majority": Ge((1 - p) * pair_loss + p * flipped_loss, at_reference)},
        "the minority decides": {"the minority": Ge((1 - p) * pair_loss + p * flipped_loss, at_reference)},
        "5 % more": {"the majority": Ge(population, Rational(21, 20) * at_reference)},
        "5 % more, the minority": {"the minority": Ge(population, Rational(21, 20) * at_reference)},
    },
)
def majority(subject: Any, problem: VotesProblem) -> Values:
    """A policy that goes against the majority loses more than one that stays at the reference (PO-1).

    C_p(m) ≥ f(0) for m ≤ 0 and p > ½, and mirrored: so whatever minimises a convex loss with f'(0) < 0 agrees with most
    of the votes.
    """
    return measured(subject, problem, {at_reference: lambda *_: 0.0})


@majority.proof("the tangent at 0", domain="every convex f with f'(0) < 0, p > ½, m ≤ 0", lemma=True)
def _() -> Any:
    # C_p(m) ≥ C_p(0) + C_p'(0)·m with C_p'(0) = (2p − 1)f'(0): the product of a share ≥ 0, a fall ≥ 0 and −m ≥ 0.
    lead, fall, against, value = (Symbol(name, nonnegative=True) for name in ("lead", "fall", "against", "value"))
    share = (1 + lead) / 2
    tangent = share * (value + fall * against) + (1 - share) * (value - fall * against)
    return Eq(tangent - value, lead * fall * against, evaluate=False), Ge(lead * fall * against, 0, evaluate=False)


@theorem(
    "preference-losses.population.logistic",
    states={
        "minimiser": Le(at_minimiser, population),
        "its loss": Eq(at_minimiser, entropy(p)),
        "excess": Ge(population - entropy(p), 2 * (sigmoid(margin) - p) ** 2),
    },
    given={**FINITE, "labels are not smoothed": Eq(epsilon, 0)},
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=RAFAILOV,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=EXAMPLES,
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "logit(p)/2": {"minimiser": Le(at_half_logit, population)},
        "2p − 1": {"minimiser": Le(at_linear, population)},
        "log 2": {"its loss": Eq(at_minimiser, log(2))},
        "Pinsker with 4": {"excess": Ge(population - entropy(p), 4 * (sigmoid(margin) - p) ** 2)},
        "β lost": {"excess": Ge(population - entropy(p), 2 * (sigmoid(4 * margin) - p) ** 2)},
    },
)
def logistic(subject: Any, problem: VotesProblem) -> Values:
    """DPO's minimiser is the logit of the votes, its loss there their entropy, and any other pays for it (PO-1, KL-8).

    The excess is kl(p ‖ σ(βh)) ≥ 2(p − σ(βh))²: among Bradley–Terry votes the minimiser has the reward's own margin.
    """
    return measured(
        subject,
        problem.with_choice(SMOOTHING, 0),
        {
            at_minimiser: lambda share, *_: logit(share),
            at_half_logit: lambda share, *_: logit(share) / 2,
            at_linear: lambda share, *_: 2 * share - 1,
        },
    )


@logistic.proof("stationary at the logit, with the entropy there", domain="p in (0, 1); convex in m", lemma=True)
def _() -> Any:
    odds, m = positive("odds", "o"), real("m", "m")  # p = o/(1 + o)
    share = odds / (1 + odds)
    loss = expand_atoms(share * softplus(-m) + (1 - share) * softplus(m))
    return (
        Eq(diff(loss, m).subs(m, log(odds)), 0, evaluate=False),
        Eq(loss.subs(m, log(odds)), entropy(share), evaluate=False),
        Eq(diff(loss, m, 2), expand_atoms(sigmoid(m) * sigmoid(-m)), evaluate=False),
    )


@theorem(
    "preference-losses.population.hinge",
    states={
        "minimiser": Le(at_minimiser, population),
        "its loss": Eq(at_minimiser, 2 * Min(p, 1 - p)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=ZHAO,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=EXAMPLES,
    counterfeits=True,
    about=only("hinge"),
    mutants={
        "2p − 1": {"minimiser": Le(at_linear, population)},
        "logit p": {"minimiser": Le(at_logit, population)},
        "min(p, 1 − p)": {"its loss": Eq(at_minimiser, Min(p, 1 - p))},
    },
)
def hinge(subject: Any, problem: VotesProblem) -> Values:
    """The hinge forgets the votes: whoever leads, by however much, gets the margin 1, at 2 min(p, 1 − p) (PO-1).

    So it does not recover the Gibbs policy.
    """
    return measured(
        subject,
        problem,
        {
            at_minimiser: lambda share, *_: 1.0 if share >= 1 / 2 else -1.0,
            at_linear: lambda share, *_: 2 * share - 1,
            at_logit: lambda share, *_: logit(share),
        },
    )


@hinge.proof("its slope on the three pieces", domain="p in [½, 1], by piece of the margin", lemma=True)
def _() -> Any:
    # C is linear on (−∞, −1], [−1, 1], [1, ∞) with slopes −p, 1 − 2p, 1 − p: it falls to 1 and rises from there.
    lead, m = Symbol("lead", nonnegative=True), real("m", "m")
    share = (1 + lead) / 2
    middle = share * (1 - m) + (1 - share) * (1 + m)
    return (
        Eq(diff(middle, m), -lead, evaluate=False),
        Le(-lead, 0, evaluate=False),
        Eq(middle.subs(m, 1), 2 * (1 - share), evaluate=False),
    )


@theorem(
    "preference-losses.population.squared-hinge",
    states={
        "minimiser": Le(at_minimiser, population),
        "its loss": Eq(at_minimiser, 4 * p * (1 - p)),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=TANG,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=EXAMPLES,
    counterfeits=True,
    about=only("squared-hinge"),
    mutants={
        "logit p": {"minimiser": Le(at_logit, population)},
        "logit(p)/2": {"minimiser": Le(at_half_logit, population)},
        "2p(1 − p)": {"its loss": Eq(at_minimiser, 2 * p * (1 - p))},
    },
)
def squared_hinge(subject: Any, problem: VotesProblem) -> Values:
    """The squared hinge wants the margin 2p − 1, as the plain square does, at a loss of 4p(1 − p) (PO-1)."""
    return measured(
        subject,
        problem,
        {
            at_minimiser: lambda share, *_: 2 * share - 1,
            at_logit: lambda share, *_: logit(share),
            at_half_logit: lambda share, *_: logit(share) / 2,
        },
    )


@squared_hinge.proof("a completed square", domain="p in [0, 1], |m| ≤ 1; convex beyond", lemma=True)
def _() -> Any:
    m = real("m", "m")
    square = p * (1 - m) ** 2 + (1 - p) * (1 + m) ** 2
    return Eq(square, 4 * p * (1 - p) + (m - (2 * p - 1)) ** 2, evaluate=False)


@theorem(
    "preference-losses.population.exponential",
    states={
        "minimiser": Le(at_minimiser, population),
        "its loss": Eq(at_minimiser, 2 * sqrt(p * (1 - p))),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=TANG,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=EXAMPLES,
    counterfeits=True,
    about=only("exponential"),
    mutants={
        "logit p": {"minimiser": Le(at_logit, population)},
        "2p − 1": {"minimiser": Le(at_linear, population)},
        "√(p(1 − p))": {"its loss": Eq(at_minimiser, sqrt(p * (1 - p)))},
    },
)
def exponential(subject: Any, problem: VotesProblem) -> Values:
    """The exponential loss wants half the logit of the votes, at a loss of 2√(p(1 − p)) (PO-1)."""
    return measured(
        subject,
        problem,
        {
            at_minimiser: lambda share, *_: logit(share) / 2,
            at_linear: lambda share, *_: 2 * share - 1,
            at_logit: lambda share, *_: logit(share),
        },
    )


@exponential.proof("stationary at half the logit", domain="p in (0, 1); convex in m", lemma=True)
def _() -> Any:
    # p = a²/(a² + b²): e^m* = a/b, and the two terms are equal there.
    a, b, m = positive("a", "a"), positive("b", "b"), real("m", "m")
    share = a**2 / (a**2 + b**2)
    loss = share * exp(-m) + (1 - share) * exp(m)
    return (
        Eq(diff(loss, m).subs(m, log(a) - log(b)), 0, evaluate=False),
        Eq(loss.subs(m, log(a) - log(b)), 2 * a * b / (a**2 + b**2), evaluate=False),
        Eq(diff(loss, m, 2), loss, evaluate=False),
    )


@theorem(
    "preference-losses.population.ipo",
    states={
        "minimiser": Le(at_minimiser, population),
        "its loss": Eq(at_minimiser, p * (1 - p) / beta**2),
        "excess": Eq(population - p * (1 - p) / beta**2, (difference - (2 * p - 1) / (2 * beta)) ** 2),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=AZAR,
    on=votes_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=EXAMPLES,
    counterfeits=True,
    about=only("ipo"),
    mutants={
        "logit p": {"minimiser": Le(at_logit, population)},
        "divided votes still give 1/(2τ)": {"minimiser": Le(at_target, population)},
        "no loss left": {"its loss": Eq(at_minimiser, (2 * p - 1) / beta**2)},
        "target 1/τ": {"excess": Eq(population - p * (1 - p) / beta**2, (difference - (2 * p - 1) / beta) ** 2)},
    },
)
def ipo(subject: Any, problem: VotesProblem) -> Values:
    """One pair with a votes for and b against has the IPO margin (a − b)/(a + b)/(2τ), with τ := β (PO-4b, PO-3c).

    For two responses that is h* = (P(1, 2) − ½)/τ.
    """
    return measured(
        subject,
        problem,
        {
            at_minimiser: lambda share, *_: (2 * share - 1) / 2,
            at_logit: lambda share, *_: logit(share),
            at_target: lambda *_: 1 / 2,
        },
    )


@ipo.proof("a completed square", domain="every h, β > 0, p in [0, 1]", lemma=True)
def _() -> Any:
    target = 1 / (2 * beta)
    voted = p * (difference - target) ** 2 + (1 - p) * (-difference - target) ** 2
    left = p * (1 - p) / beta**2
    return Eq(voted - left, (difference - (2 * p - 1) * target) ** 2, evaluate=False)
