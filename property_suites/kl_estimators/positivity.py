"""k2, k3 and full divergences are not negative, in floats either, and are 0 where policy and reference agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy import Eq, Ge, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.kl import KlProblem
from alignprops.quantity import real
from alignprops.strategies.kl import kl_problems
from property_suites.kl_estimators.notation import ROUNDING, SCHULMAN, estimate, finite
from property_suites.kl_estimators.specimens import CLOSE, RAGGED

Values = Mapping[Symbol, Any]

at_equality = real("at_equality", r"\hat k\,|_{\pi = \pi_{\mathrm{ref}}}")


def _about(subject: Any) -> str | None:
    return None if "nonnegative" in subject.specification.traits else "a single estimate may be negative"


@theorem(
    "kl-estimators.nonnegative",
    states={"nonnegative": Ge(estimate, 0), "zero at equality": Eq(at_equality, 0)},
    given={"the estimate is finite": Eq(finite, 1)},
    kind="kl-estimator",
    codes=("KL", "EXT"),
    source=SCHULMAN,
    on=kl_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**CLOSE, **RAGGED},
    counterfeits=True,
    about=_about,
    mutants={
        "negative": {"nonnegative": Ge(-estimate, 0)},
        "like a loss at its margin": {"zero at equality": Eq(at_equality, estimate + 1)},
    },
)
def value(subject: Any, problem: KlProblem) -> Values:
    """k2, k3 and |k1| are at least 0 in floating point, and exactly 0 where policy and reference agree.

    For k3 that takes expm1(L) − L: exp(L) − 1 − L is below 0 for about every other small L, and far below
    if log-probabilities are of low precision. Divergences of whole distributions may miss 0 by
    the rounding of their sum.
    """
    from dataclasses import replace

    import numpy as np

    from alignprops.conformance.kl_case import KL, TOKENS, KlCase

    case = KlCase(subject, problem)
    same = KlCase(subject, replace(problem, reference=problem.policy))
    found, agreeing = case.found.outputs[KL], same.found.outputs[KL]
    exact = case.form == TOKENS
    counts = case.kept if subject.reduction == "none" else np.ones(())
    told = np.isfinite(found) & np.isfinite(agreeing) & (counts != 0)
    return {
        estimate: bounded(np.where(told, found, 0), 0 if exact else case.expected_value.error),
        at_equality: bounded(np.where(told, agreeing, 0), 0 if exact else same.expected_value.error),
        finite: told.astype(np.int64),
    }


@value.proof("Taylor's remainder of k3, and k3 beside k2", domain="every log-ratio", lemma=True)
def _() -> Any:
    from alignprops.losses.estimators.excess import excess

    x, t = real("x", "x"), real("t", "t")
    remainder = sp.integrate((x - t) * sp.exp(t), (t, 0, x))  # its integrand has the sign of dt
    difference = sp.exp(x) - 1 - x - x**2 / 2  # k3 − k2, with a slope that is k3 ≥ 0 and 0 at 0
    return [Eq(excess.definition(x), remainder, evaluate=False), Eq(sp.diff(difference, x), remainder, evaluate=False)]
