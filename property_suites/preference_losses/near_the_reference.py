"""Near the reference DPO is IPO's parabola with τ = β/4 (PO-2); only βh counts (KL-10), cycles gain nothing (PO-5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Abs, Eq, Ge, Le, Rational, Symbol, cosh, diff, log, tanh

from alignprops import Tight, theorem
from alignprops.atoms import expand_atoms, softplus
from alignprops.conformance.pairwise import LOGPS, PairwiseProblem
from alignprops.losses.pairs.symbols import beta
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import RAFAILOV
from property_suites.preference_losses.specimens import RAGGED, SINGLE
from property_suites.preference_losses.theory import (
    CONVEX,
    DPO,
    FINITE,
    LIU,
    TANG,
    THEORY_ROUNDING,
    chosen_slope,
    difference,
    epsilon,
    known,
    margin,
    of_options,
    only,
    other_loss,
    pair_loss,
    pairs_at,
    with_option,
)

Values = Mapping[Symbol, Any]
#: q(m) = log 2 − (½ − ε)m + m²/8.
parabola = log(2) - (Rational(1, 2) - epsilon) * margin + margin**2 / 8
parabola_slope = -beta * (Rational(1, 2) - epsilon - margin / 4)
#: The place of label_smoothing among DPO's options.
SMOOTHING = 1
#: What a cycle takes from the next pair.
CHOSEN = ("policy_chosen_logps", "reference_chosen_logps", "chosen_mask")
NEAR = with_option(pairs_at([2.0**-3, -(2.0**-3), 2.0**-4]), SMOOTHING, 0)


@theorem(
    "preference-losses.dpo.near-the-reference",
    states={
        "below the parabola": Le(pair_loss, parabola),
        "by no more than m⁴/192": Le(parabola - pair_loss, margin**4 / 192),
        "slope": Le(Abs(chosen_slope - parabola_slope), beta * Abs(margin) ** 3 / 48),
    },
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "SGN"),
    source=TANG,
    on=pairwise_problems(sizes=(1.0, 1 / 16, 1.0, 1 / 16, 512.0)),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.5,
    examples={**RAGGED, **SINGLE, "margins of a sixteenth": NEAR},
    counterfeits=True,
    about=only(*DPO),
    mutants={
        "m²/4": {"by no more than m⁴/192": Le(parabola + margin**2 / 8 - pair_loss, margin**4 / 192)},
        "m⁴/384": {"by no more than m⁴/192": Le(parabola - pair_loss, margin**4 / 384)},
        "τ = β/2": {"below the parabola": Le(pair_loss, parabola - margin**2 / 16)},
        "|m|³/96": {"slope": Le(Abs(chosen_slope - parabola_slope), beta * Abs(margin) ** 3 / 96)},
    },
    tight={
        "small margins": Tight(NEAR, at_least=0.999, of="by no more than m⁴/192"),
        "small margins, their slope": Tight(NEAR, at_least=0.999, of="slope"),
    },
)
def near_the_reference(subject: Any, problem: PairwiseProblem) -> Values:
    """DPO lies under log 2 − m/2 + m²/8 by at most m⁴/192, its slope within |m|³/48 of the parabola's (PO-2).

    The parabola is (β²/8)(h − 2/β)² and a constant: the IPO loss of τ = β/4. Both constants are the best.
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


@near_the_reference.proof("u − u³/3 ≤ tanh u ≤ u, integrated", domain="every u = m/2 ≥ 0 (even in m)", lemma=True)
def _() -> Any:
    # ℓ = log 2 − m/2 + log cosh(m/2); both remainders vanish at 0 with a slope of one sign.
    u, m = nonnegative("u", "u"), real("m", "m")
    short, left = nonnegative("d", r"u - \tanh u"), nonnegative("s", r"\tanh u")
    low = log(cosh(u)) - u**2 / 2 + u**4 / 12
    slope = tanh(u) - u + u**3 / 3
    return (
        Eq(expand_atoms(diff(softplus(-m), m)), -Rational(1, 2) + tanh(m / 2) / 2, evaluate=False),
        Eq(diff(u**2 / 2 - log(cosh(u)), u), u - tanh(u), evaluate=False),
        Eq(diff(u - tanh(u), u), tanh(u) ** 2, evaluate=False),
        Eq(diff(low, u), slope, evaluate=False),
        Eq(diff(slope, u), (u - tanh(u)) * (u + tanh(u)), evaluate=False),
        Ge(short * (short + 2 * left), 0, evaluate=False),
    )


@near_the_reference.proof("the parabola is IPO's with τ = β/4", domain="every h and β > 0, ε = 0", lemma=True)
def _() -> Any:
    tau = beta / 4
    square = beta**2 / 8 * (difference - 1 / (2 * tau)) ** 2
    return Eq(parabola.subs(epsilon, 0), square + log(2) - Rational(1, 2), evaluate=False)


cycle_loss = real("cycle_loss", r"\textstyle\frac1k\sum f(m_i)")


@theorem(
    "preference-losses.convex.cycle",
    states=Ge(cycle_loss, other_loss),
    given=FINITE,
    kind="pairwise-loss",
    codes=("SGN", "SYM"),
    source=RAFAILOV,
    on=pairwise_problems(max_t=1),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.25,
    examples={"a cycle of three": pairs_at([1.0, -0.5, 2.0]), "a cycle of one": pairs_at([1.0])},
    counterfeits=True,
    about=only(*CONVEX),
    mutants={
        "twice that": Ge(cycle_loss, 2 * other_loss),
        "5 % more": Ge(cycle_loss, Rational(21, 20) * other_loss),
    },
)
def cycle(subject: Any, problem: PairwiseProblem) -> Values:
    """On a cycle of preferences no policy does better than the reference: k·log 2 for k pairs of DPO (PO-5c).

    The i-th response is preferred to the next, the last to the first: their margins sum to 0, and f is convex.
    """
    from alignprops.conformance.pair_by_pair import at_the_reference, each_pair, mean_of, rows

    nexts: dict[str, Any] = {
        name.replace("chosen", "rejected"): np.roll(getattr(problem, name), -1, axis=0) for name in CHOSEN
    }
    ring = replace(problem, **nexts)
    seen = each_pair(subject, ring)
    still = each_pair(subject, at_the_reference(rows(ring, slice(0, 1))))
    return {
        cycle_loss: mean_of(seen.losses),
        other_loss: still.losses[0],
        known: seen.known.prod() * still.known[0],
    }


@cycle.proof("Jensen's inequality, from the tangent at 0", domain="every convex f, any margins of sum 0", lemma=True)
def _() -> Any:
    # f(m) ≥ f(0) + f'(0)·m, and the margins' slopes cancel: shown for three pairs.
    first, second, value, slope = (real(name, name) for name in ("m1", "m2", "f0", "f1"))
    tangents = sum(value + slope * part for part in (first, second, -first - second))
    return Eq(tangents, 3 * value, evaluate=False)


stretched_loss = real("stretched_loss", r"f_{\beta}(4h)")


@theorem(
    "preference-losses.dpo.tempering",
    states=Eq(stretched_loss, other_loss),
    given=FINITE,
    kind="pairwise-loss",
    codes=("REF", "LIVE"),
    source=LIU,
    on=pairwise_problems(sizes=(1.0, 1 / 16, 4.0)),
    rounding=THEORY_ROUNDING,
    exact=False,
    effort=0.25,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    about=only(*DPO, "hinge", "robust", "squared-hinge", "exponential", options=("beta",)),
    mutants={
        "β alone": Eq(pair_loss, other_loss),
        "β twice": Eq(stretched_loss, 4 * other_loss),
    },
)
def tempering(subject: Any, problem: PairwiseProblem) -> Values:
    """Log-probabilities four times as large at β cost what the plain ones cost at 4β: only βh counts (KL-10c).

    A policy that is tempered on whole sequences has margins larger by just that factor. β is ⅛ and ½ here.
    """
    from alignprops.conformance.pair_by_pair import each_pair

    fixed = {beta_at: replace(subject, constants={**subject.constants, "beta": beta_at}) for beta_at in (1 / 8, 1 / 2)}
    larger: dict[str, Any] = {name: 4 * problem.table(name) for name in LOGPS}
    stretched = replace(problem, **larger)
    plain, there, here = (
        each_pair(fixed[1 / 8], problem),
        each_pair(fixed[1 / 8], stretched),
        each_pair(fixed[1 / 2], problem),
    )
    return {
        pair_loss: plain.losses,
        stretched_loss: there.losses,
        other_loss: here.losses,
        known: plain.known * there.known * here.known,
    }


@tempering.proof("only the product βh counts", domain="DPO with any smoothing, every h, β, factor λ > 0", lemma=True)
def _() -> Any:
    factor = positive("factor", r"\lambda")
    loss = (1 - epsilon) * softplus(-margin) + epsilon * softplus(margin)
    stretched, scaled = loss.subs(difference, factor * difference), loss.subs(beta, factor * beta)
    return Eq(stretched, scaled, evaluate=False)
