"""Optimal policies, made from rewards or preferences, have the margins that the losses of DPO and IPO look for.

The optimum is computed from the theory: Gibbs (KL-6), its counterparts for other divergences (PO-12), IPO's (PO-3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Le, Rational, Symbol, diff, symbols

from alignprops import Ref, theorem
from alignprops.atoms import softplus
from alignprops.conformance.finite_choices import PreferencesProblem
from alignprops.conformance.optima import RewardsProblem
from alignprops.conformance.pairwise import LOGPS
from alignprops.losses.pairs.symbols import beta
from alignprops.measured import EPS, bounded
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.finite_choices import preferences_problems, rewards_problems
from property_suites.preference_losses.notation import RAFAILOV
from property_suites.preference_losses.theory import (
    AZAR,
    DPO,
    FINITE,
    THEORY_ROUNDING,
    difference,
    epsilon,
    known,
    of_options,
    only,
    pair_loss,
)

Values = Mapping[Symbol, Any]
WANG = Ref("wang2023beyond", where="Eq. 8 and Table 1")
F_DPO = ("f-dpo-forward-kl", "f-dpo-js", "f-dpo-alpha")
reward_difference = real("reward_difference", "r_w - r_l")


def smoothed_loss(margin: Any) -> Any:
    """(1 − ε)ℓ(m) + εℓ(−m)."""
    return (1 - epsilon) * softplus(-margin) + epsilon * softplus(margin)


THREE = RewardsProblem(np.array([1.0, 0.0, -1.0]), np.array([2, 1, 1]), np.full(8, 1), "float64")
PEAKED = RewardsProblem(np.array([2.0, -1.0]), np.array([1, 16]), np.full(8, 2), "float64")
REWARDS = {"three responses": THREE, "a peaked reference": PEAKED}


def _divergence(subject: Any, options: Mapping[str, Any]) -> Any:
    from alignprops.conformance import optima

    name = subject.specification.name
    if name == "f-dpo-alpha":
        order = float(options["alpha"])
        return optima.alpha_divergence(order if subject.variant == "paper" else 1 - order)
    known_ones = {"f-dpo-forward-kl": optima.FORWARD_KL, "f-dpo-js": optima.JENSEN_SHANNON}
    return known_ones.get(name, optima.REVERSE_KL)


def _at_the_optimum(subject: Any, problem: RewardsProblem) -> Values:
    from alignprops.conformance.optima import optimum
    from alignprops.conformance.pair_by_pair import each_pair

    options = subject.specification.chosen(problem.choices, subject.options, subject.constants)
    scale, divergence = float(options["beta"]), _divergence(subject, options)
    pairs = problem.pairs(optimum(problem.rewards, problem.log_reference, scale, divergence))
    seen = each_pair(subject, pairs)
    given = {name: pairs.sequence(name, "sum") for name in LOGPS}
    scores = [
        divergence.slope(given[f"policy_{side}_logps"] - given[f"reference_{side}_logps"])
        for side in ("chosen", "rejected")
    ]
    margins = scale * (scores[0] - scores[1])
    # The optimum in numbers that the dtype has is not quite the optimum; the loss is 1-Lipschitz in the margin.
    size = scale * (np.abs(scores[0]) + np.abs(scores[1])) * (1 + np.abs(pairs.policy_chosen_logps[:, 0]))
    moved = np.abs(margins - problem.reward_differences) + 64 * EPS * size
    return {
        **of_options(options),
        difference: seen.differences,
        reward_difference: problem.reward_differences,
        pair_loss: bounded(seen.losses.value, seen.losses.error + moved),
        known: seen.known,
    }


@theorem(
    "preference-losses.dpo.gibbs",
    states=Eq(pair_loss, smoothed_loss(reward_difference)),
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "RM"),
    source=RAFAILOV,
    on=rewards_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples=REWARDS,
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "β times the rewards": Eq(pair_loss, smoothed_loss(beta * reward_difference)),
        "the other sign": Eq(pair_loss, smoothed_loss(-reward_difference)),
        "β lost": Eq(pair_loss, smoothed_loss(difference)),
    },
)
def gibbs(subject: Any, problem: RewardsProblem) -> Values:
    """The Gibbs policy of a reward has the reward's own margins: DPO costs what Bradley–Terry costs there (KL-6b).

    π* ∝ π_ref·e^(r/β), for every β and reference; the normaliser cancels.
    """
    return _at_the_optimum(subject, problem)


@gibbs.proof("log Z cancels", domain="every two rewards, reference, β > 0", lemma=True)
def _() -> Any:
    first, second, here, there, level = (real(name, name) for name in ("r1", "r2", "q1", "q2", "logZ"))
    policy = [here + first / beta - level, there + second / beta - level]
    return Eq(beta * (policy[0] - here - policy[1] + there), first - second, evaluate=False)


@theorem(
    "preference-losses.f-dpo.optimum",
    states=Eq(pair_loss, smoothed_loss(reward_difference)),
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "RM"),
    source=WANG,
    on=rewards_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples=REWARDS,
    counterfeits=True,
    about=only(*F_DPO),
    mutants={
        "β log-ratio": Eq(pair_loss, smoothed_loss(beta * difference)),
        "β times the rewards": Eq(pair_loss, smoothed_loss(beta * reward_difference)),
    },
)
def f_optimum(subject: Any, problem: RewardsProblem) -> Values:
    """The optimum under another divergence has margins β(f'(z_w) − f'(z_l)) that are the rewards' (PO-12b).

    z* = (f')⁻¹((r − λ)/β), with λ so that the policy sums to 1; λ cancels.
    """
    return _at_the_optimum(subject, problem)


@f_optimum.proof("the inverses, and λ cancels", domain="z > 0, 0 < a ≤ 1", lemma=True)
def _() -> Any:
    z, a, u = positive("z", "z"), positive("a", "a"), positive("u", "u")
    first, second, level = real("r1", "r_1"), real("r2", "r_2"), real("level", r"\lambda")
    alpha_z = (1 + a * u) ** (-1 / a)  # f'(z) = −u
    return (
        Eq(beta * ((first - level) / beta - (second - level) / beta), first - second, evaluate=False),
        Eq((1 - alpha_z ** (-a)) / a, -u, evaluate=False),
        Eq(2 * z / (1 + z) / (2 - 2 * z / (1 + z)), z, evaluate=False),
    )


PREFERENCES = {
    "a cycle of three, unevenly drawn": PreferencesProblem(
        np.array([[0.5, 0.75, 0.25], [0.25, 0.5, 0.875], [0.75, 0.125, 0.5]]),
        np.array([8, 1, 1]),
        np.array([-1.0, -2.0, -0.5]),
        np.array([-1.5, -1.0, -1.0]),
        np.full(8, 1),
        "float64",
    ),
}
labelled_loss = nonnegative("labelled_loss", r"E(h_\pi(y_w, y_l) - \tfrac{1}{2\tau})^2")
population_loss = nonnegative("population_loss", r"E(h_\pi - (q - q')/\tau)^2")
variance = nonnegative("variance", r"\operatorname{Var}_\mu(q)")
at_optimum = nonnegative("loss_at_the_optimum", r"L(\pi^*)")
at_inverse = nonnegative("loss_at_the_inverse", r"L(\pi_{\tau q})")
least = 1 / (4 * beta**2) - 2 * variance / beta**2


@theorem(
    "preference-losses.ipo.finite-responses",
    states={
        "labelled and population": Eq(labelled_loss, population_loss + least),
        "optimum": Le(at_optimum, labelled_loss),
        "its loss": Eq(at_optimum, least),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SYM"),
    source=AZAR,
    on=preferences_problems(),
    rounding=THEORY_ROUNDING,
    exact=False,
    examples=PREFERENCES,
    counterfeits=True,
    about=only("ipo"),
    mutants={
        "one variance": {"labelled and population": Eq(labelled_loss, population_loss + least + variance / beta**2)},
        "the population's loss alone": {"labelled and population": Eq(labelled_loss, population_loss)},
        "e^(τq)": {"optimum": Le(at_inverse, labelled_loss)},
        "no loss left": {"its loss": Eq(at_optimum, 1 / (4 * beta**2))},
    },
)
def finite_responses(subject: Any, problem: PreferencesProblem) -> Values:
    """IPO's labelled loss is its population loss and a constant, least at π* ∝ π_ref·e^(q/τ) (PO-3b).

    q is the share of wins. Preferences need not be transitive, only the members of a pair independent. With two
    responses the optimum has the margin (P(1, 2) − ½)/τ. τ is β here.
    """
    from alignprops.conformance.finite_choices import PreferencesCase

    case = PreferencesCase(subject, problem)
    tau, quality, drawn = float(case.options["beta"]), problem.quality, problem.drawn
    spread = float(drawn @ (quality - drawn @ quality) ** 2)
    here = case.labelled(problem.policy)
    goals = (quality[:, None] - quality[None, :]).reshape(-1) / tau
    shares = (drawn[:, None] * drawn[None, :]).reshape(-1)
    there, inverse = (case.labelled(case.toward(ratios)) for ratios in (quality / tau, quality * tau))
    # The optimum in numbers that the dtype has is not quite the optimum.
    moved = float(shares @ (there.differences.value - goals) ** 2)
    population = float(shares @ (here.differences.value - goals) ** 2)
    scale = 1 + 1 / tau**2 + float(np.abs(here.differences.value).max()) ** 2
    return {
        **of_options(case.options),
        labelled_loss: here.loss,
        population_loss: bounded(population, 64 * EPS * scale),
        variance: bounded(spread, 64 * EPS),
        at_optimum: bounded(there.loss.value, there.loss.error + moved + 64 * EPS * scale),
        at_inverse: inverse.loss,
        known: here.known * there.known * inverse.known,
    }


@finite_responses.proof("two responses", domain="every P, μ, h, τ > 0; n = 2", lemma=True)
def _() -> Any:
    # One pair that is met with 2μ(1 − μ), two that are the same response twice, whose h is 0.
    share, wins, h = symbols("mu P h", real=True)
    tau, both = beta, 2 * share * (1 - share)
    same = (1 - both) / (4 * tau**2)
    labelled = both * (wins * (h - 1 / (2 * tau)) ** 2 + (1 - wins) * (h + 1 / (2 * tau)) ** 2) + same
    whole = both * (h - (wins - Rational(1, 2)) / tau) ** 2
    spread = share * (1 - share) * (wins - Rational(1, 2)) ** 2
    return (
        Eq(labelled, whole + 1 / (4 * tau**2) - 2 * spread / tau**2, evaluate=False),
        Eq(diff(whole, h).subs(h, (wins - Rational(1, 2)) / tau), 0, evaluate=False),
    )
