"""PPO-1: the clipped surrogate is a pessimistic one, and its gradient is 0 exactly where it is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Ge, Integer, Le, Max, Min, Rational, Symbol

from alignprops import Under, theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.measured import bounded
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import (
    KIND,
    ROUNDING,
    SCHULMAN,
    YE,
    gradient,
    loss,
    of_token_clip,
)
from property_suites.policy_losses.specimens import PLAIN, SINGLE

Values = Mapping[Symbol, Any]

unclipped = real("unclipped", r"-\textstyle\sum w\rho A")
counted_gradient = real("counted_gradient", r"\nabla L")
full_gradient = real("full_gradient", r"-w\rho A")
dead = nonnegative("dead", r"\mathrm{cut}")
alive = nonnegative("alive", r"\mathrm{counted}")
scale = nonnegative("scale", r"\textstyle\sum w|A|")
cap = positive("cap", r"c")
high = positive("high", r"\varepsilon_{\mathrm{high}}")
finite = nonnegative("finite", r"\mathrm{finite}")


def _pessimistic(subject: Any) -> str | None:
    name = subject.specification.name
    return None if "pessimistic" in subject.specification.traits else f"the loss {name} is no bound of ρA"


def _dual(subject: Any) -> str | None:
    return None if "dual" in subject.specification.traits else f"{subject.specification.name} has no dual clip"


#: A token with A = ±a: the ratio beyond its range, on its edge, and in it.
a, eps, beyond, low = positive("a", "a"), positive("eps", r"\varepsilon"), nonnegative("x", "x"), positive("l", r"\ell")
over = nonnegative("y", "y")


@theorem(
    "policy-losses.surrogate.pessimism",
    states=Ge(loss, unclipped),
    given={"the loss is finite": Eq(finite, 1)},
    kind=KIND,
    codes=("REF", "SGN"),
    about=_pessimistic,
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={"optimism": Le(loss, unclipped), "with room to spare": Ge(loss, unclipped + Rational(1, 8) * scale)},
)
def pessimism(subject: Any, problem: PolicyProblem) -> Values:
    """Without KL the loss is nowhere below that of the unclipped ratio, −Σ wρA (PPO-1a)."""
    from alignprops.conformance.policy_case import PolicyCase
    from alignprops.conformance.policy_readings import advantage_scale
    from alignprops.conformance.policy_readings import unclipped as judged_unclipped

    case = PolicyCase(subject, problem).without_kl()
    seen, plain = case.value_read(), judged_unclipped(case).expected_loss
    return {
        loss: seen.found,
        unclipped: bounded(plain.value, plain.error),
        finite: seen.finite * seen.defined,
        scale: advantage_scale(case).value,
    }


@pessimism.proof("min(ρA, clip(ρ)A) ≤ ρA: A = ±a, ρ on each side", domain="a, ε > 0", lemma=True)
def _() -> Any:
    # A = a > 0: min(ρ, 1 + ε)·a ≤ ρa for ρ = 1 + ε + x; A = −a: −max(ρ, 1 − ε)·a ≤ −ρa for ρ = 1 − ε − x.
    above, below = 1 + eps + beyond, 1 - eps - beyond
    return (
        Le(Min(above, 1 + eps) * a, above * a, evaluate=False),
        Le(-Max(below, 1 - eps) * a, -below * a, evaluate=False),
        Eq(Min(above, 1 + eps), 1 + eps, evaluate=False),
        Eq(Max(below, 1 - eps), 1 - eps, evaluate=False),
    )


@theorem(
    "policy-losses.surrogate.cut",
    states={
        "cut": Under({"the ratio is beyond its range": Eq(dead, 1)}, Eq(gradient, 0)),
        "counted": Under({"the ratio counts": Eq(alive, 1)}, Eq(counted_gradient, full_gradient)),
    },
    kind=KIND,
    codes=("SGN", "MET"),
    about=of_token_clip,
    source=SCHULMAN,
    on=policy_problems(dtypes=("float64", "float32")),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={
        "cut: in full": {"cut": Eq(gradient, full_gradient)},
        "counted: not at all": {"counted": Eq(counted_gradient, 0)},
        "counted: 5 % off": {"counted": Eq(counted_gradient, Rational(19, 20) * full_gradient)},
    },
)
def cut(subject: Any, problem: PolicyProblem) -> Values:
    """Without KL a token has no gradient where its ratio is cut, and −wρA where it counts (PPO-1b)."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import PolicyCase
    from alignprops.conformance.policy_readings import tokens_by_ratio
    from alignprops.conformance.policy_readings import unclipped as judged_unclipped

    case = PolicyCase(subject, problem).without_kl()
    whole, tokens = judged_unclipped(case).expected_gradient, tokens_by_ratio(case)
    seen = compare(case.slope(case.found), whole)
    usable = seen.finite * seen.defined
    return {
        gradient: bounded(np.where(tokens.cut, case.slope(case.found), 0.0), 0.0),
        counted_gradient: seen.found,
        full_gradient: whole.value,
        dead: tokens.cut * seen.finite,
        alive: tokens.counted * usable,
    }


@cut.proof("L = ρA − |A|·max(0, sgn A·(ρ − 1) − ε)", domain="a, ε > 0, ρ beyond and in the range", lemma=True)
def _() -> Any:
    above, inside = 1 + eps + beyond, 1 + eps - beyond
    return (
        Eq(above * a - a * Max(0, above - 1 - eps), (1 + eps) * a, evaluate=False),
        Eq(inside * a - a * Max(0, -beyond), inside * a, evaluate=False),
        Eq(-(1 - eps - beyond) * a - a * Max(0, beyond), -(1 - eps) * a, evaluate=False),
    )


@theorem(
    "policy-losses.surrogate.dual-bound",
    states={"above": Le(loss, cap * scale), "below": Le(-loss, (1 + high) * scale)},
    given={"the loss is finite": Eq(finite, 1)},
    kind=KIND,
    codes=("EXT", "LIVE"),
    about=_dual,
    source=YE,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"ragged responses": PLAIN, **SINGLE},
    counterfeits=True,
    mutants={
        "above: by an eighth of it": {"above": Le(loss, cap * scale / 8)},
        "pessimistic": {"below": Ge(loss, unclipped)},
    },
)
def dual_bound(subject: Any, problem: PolicyProblem) -> Values:
    """With a dual clip the loss is at most c·Σ w|A|, however large the ratio: bounded, and no bound of ρA (PPO-1d)."""
    from alignprops.conformance.policy_case import PolicyCase
    from alignprops.conformance.policy_readings import advantage_scale
    from alignprops.conformance.policy_readings import unclipped as judged_unclipped

    case = PolicyCase(subject, problem)
    seen, plain, size = case.value_read(), judged_unclipped(case).expected_loss, advantage_scale(case)
    return {
        loss: seen.found,
        unclipped: bounded(plain.value, plain.error),
        scale: bounded(size.value, size.error),
        cap: case.options["dual_clip"],
        high: case.options["eps_high"],
        finite: seen.finite * seen.defined,
    }


@dual_bound.proof("A·min(max(ρ, 1 − ε), c) = cA for A < 0 and ρ ≥ c", domain="A = −a, c = 1 + y, ρ = c + x", lemma=True)
def _() -> Any:
    c = 1 + over
    return (
        Eq(Min(Max(c + beyond, Integer(1)), c), c, evaluate=False),
        Le(a * Min(c + beyond, c), a * c, evaluate=False),
    )
