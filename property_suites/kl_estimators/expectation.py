"""What estimators are on average: the divergence that they estimate, and the one whose gradient they follow.

Notation: π and p the policy's and the reference's probabilities of V outcomes, enumerated; E over y ~ π; gradients
in the policy's logits, samples and their weights held fixed. The expectation is exact, no sample is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy import Eq, Rational, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.kl import KlProblem
from alignprops.quantity import positive, real
from alignprops.strategies.kl import kl_problems
from property_suites.kl_estimators.notation import ROUNDING, SCHULMAN, TANG, finite
from property_suites.kl_estimators.specimens import BASE, CLOSE

Values = Mapping[Symbol, Any]

mean_estimate = real("mean_estimate", r"\mathbb{E}\,\hat k")
divergence = real("divergence", r"D")
other_divergence = real("other_divergence", r"D'")
mean_gradient = real("mean_gradient", r"\mathbb{E}\,\nabla\hat k")
followed = real("followed", r"\nabla D")
reverse_gradient = real("reverse_gradient", r"\nabla \mathrm{KL}(\pi\Vert\pi_{\mathrm{ref}})")

EXAMPLES = {"three outcomes": BASE, "nearly equal": CLOSE["nearly equal in float64"]}


def _about(subject: Any) -> str | None:
    """Estimators position by position; a clamped one estimates nothing exactly."""
    if not subject.form.endswith("tokens") or subject.reduction != "none":
        return "it is not told what the estimate of one token is"
    if subject.precision is not None:
        return f"it computes in {subject.precision}; expectations are told in float64"
    return None


def _estimates(subject: Any) -> str | None:
    if (why := _about(subject)) is not None:
        return why
    made = subject.specification
    known = made.estimates is not None and subject.variant not in made.values  # a clamped one is biased
    return None if known else "its expectation is no divergence"


def _follows(subject: Any) -> str | None:
    if (why := _about(subject)) is not None:
        return why
    known = subject.variant in subject.specification.pulls
    return None if known else "the expectation of its gradient is that of no divergence"


@dataclass(frozen=True)
class _Enumerated:
    """A subject on every outcome of every position, weighted by the policy's probabilities; all (N, V) or (N,)."""

    estimates: Any
    gradients: Any
    finite: Any
    reverse: Any
    forward: Any
    reverse_slope: Any
    forward_slope: Any


def _enumerated(subject: Any, problem: KlProblem) -> _Enumerated:
    import numpy as np

    from alignprops.conformance.distributions import log_softmax
    from alignprops.conformance.kl import expected_of_tokens, through_softmax
    from alignprops.conformance.kl_case import KL, KlCase
    from alignprops.conformance.precision import exactly, product, summed, total, worlds
    from alignprops.expressions import Rounded

    flat = problem.policy.shape[0] * problem.policy.shape[1], problem.policy.shape[2]
    logs, others = (
        log_softmax(exactly(table.reshape(flat)), "float64") for table in (problem.policy, problem.reference)
    )
    world = worlds("float64")[0]
    weights, likely = world.exponential(logs), world.exponential(others)
    tokens = KlProblem(
        policy=logs.value[..., None],
        reference=others.value[..., None],
        mask=np.ones(flat, np.int64),
        choices=problem.choices,
        upstream=weights.value,
        dtype="float64",
    )
    case = KlCase(subject, tokens)
    made: Any = subject.specification
    known = expected_of_tokens(
        made, subject.variant, logs.value, others.value, "float64", error=logs.error + others.error
    )
    values, slopes = case.found.outputs[KL].reshape(flat), case.gradient(case.found)
    told = np.isfinite(values) & np.isfinite(slopes)
    ratio = Rounded(logs.value - others.value, logs.error + others.error)
    back = Rounded(-ratio.value, ratio.error)
    slope_error = weights.value * known.slopes.error + weights.error * np.abs(known.slopes.value)
    reverse = total(product(weights, ratio, "float64"), "float64")
    centred = summed([ratio, Rounded(-reverse.value[:, None], reverse.error[:, None])], "float64")
    return _Enumerated(
        estimates=total(product(weights, Rounded(np.where(told, values, 0), known.values.error), "float64"), "float64"),
        gradients=through_softmax(Rounded(np.where(told, slopes, 0), slope_error), logs, 1.0, "float64"),
        finite=told.all(axis=1),
        reverse=reverse,
        forward=total(product(likely, back, "float64"), "float64"),
        reverse_slope=product(weights, centred, "float64"),
        forward_slope=summed([weights, Rounded(-likely.value, likely.error)], "float64"),
    )


def _told(made: Any) -> Any:
    return bounded(made.value, made.error)


@theorem(
    "kl-estimators.expectation.value",
    states=Eq(mean_estimate, divergence),
    given={"the estimates are finite": Eq(finite, 1)},
    kind="kl-estimator",
    codes=("KL",),
    source=SCHULMAN,
    on=kl_problems(sizes=(1.0, 1.0, 1 / 16, 4.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=EXAMPLES,
    counterfeits=True,
    about=_estimates,
    mutants={
        "the other direction": Eq(mean_estimate, other_divergence),
        "half": Eq(mean_estimate, divergence / 2),
    },
)
def value(subject: Any, problem: KlProblem) -> Values:
    """The expectation of k1 and of k3 is KL(π‖π_ref), that of k4 is KL(π_ref‖π).

    By enumeration of the outcomes of a categorical whose support both agree on. k2 and |k1| estimate neither.
    """
    found = _enumerated(subject, problem)
    reverse = subject.specification.estimates.startswith("KL(π‖")
    told, other = (found.reverse, found.forward) if reverse else (found.forward, found.reverse)
    return {
        mean_estimate: _told(found.estimates),
        divergence: _told(told),
        other_divergence: _told(other),
        finite: found.finite,
    }


@theorem(
    "kl-estimators.expectation.gradient",
    states=Eq(mean_gradient, followed),
    given={"the gradients are finite": Eq(finite, 1)},
    kind="kl-estimator",
    codes=("KL",),
    source=TANG,
    on=kl_problems(sizes=(1.0, 1.0, 1 / 16, 4.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=EXAMPLES,
    counterfeits=True,
    about=_follows,
    mutants={
        "k3 follows the reverse KL": Eq(mean_gradient, reverse_gradient),
        "5 % off": Eq(mean_gradient, Rational(19, 20) * followed),
    },
)
def gradient(subject: Any, problem: KlProblem) -> Values:
    """As a loss k1 follows nothing on average, k2 the gradient of KL(π‖π_ref), k3 that of KL(π_ref‖π).

    k1 and k3 with the gradient of k2, or corrected by the score of the sample, follow the gradient of KL(π‖π_ref). The
    theorem asks for what the convention promises that the code follows.
    """
    found = _enumerated(subject, problem)
    pull = subject.specification.pulls[subject.variant]
    if pull == "0":
        told: Any = 0 * found.reverse_slope.value
    else:
        told = _told(found.reverse_slope if pull.startswith("KL(π‖") else found.forward_slope)
    return {
        mean_gradient: _told(found.gradients),
        followed: told,
        reverse_gradient: _told(found.reverse_slope),
        finite: found.finite[:, None],
    }


# --- two outcomes -----------------------------------------------------------------------------------------------

#: Odds of the first of two outcomes under policy (e^z) and reference.
_odds, _reference_odds = positive("a", "a"), positive("c", "c")
_TWO = "two outcomes, every probability positive"


def _log_ratios() -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """(probability under the policy, log-ratio) of both outcomes."""
    policy = (_odds / (1 + _odds), 1 / (1 + _odds))
    reference = (_reference_odds / (1 + _reference_odds), 1 / (1 + _reference_odds))
    return tuple((p, sp.log(p) - sp.log(q)) for p, q in zip(policy, reference, strict=True))


def _reverse_kl() -> sp.Expr:
    return sum(p * ratio for p, ratio in _log_ratios())


def _forward_kl() -> sp.Expr:
    return sum(p * sp.exp(-ratio) * -ratio for p, ratio in _log_ratios())


@value.proof("expectations of k1, k3 and k4", domain=_TWO, lemma=True)
def _() -> Any:
    from alignprops.losses.estimators.estimator import log_ratio, plain
    from alignprops.losses.estimators.table import KL_ESTIMATORS

    def mean(name: str) -> sp.Expr:
        made: Any = KL_ESTIMATORS[name]
        return sum(p * plain(made.expression).subs(log_ratio, ratio) for p, ratio in _log_ratios())

    claims = {"k1": _reverse_kl(), "k3": _reverse_kl(), "k4": _forward_kl()}
    return [Eq(mean(name), told + 0 * _odds, evaluate=False) for name, told in claims.items()]


@gradient.proof("expected gradients of k1, k2 and k3, and of their conventions", domain=_TWO, lemma=True)
def _() -> Any:
    from alignprops.losses.estimators.estimator import ZERO, log_ratio, plain
    from alignprops.losses.estimators.table import KL_ESTIMATORS

    def by_logit(expression: sp.Expr) -> sp.Expr:
        return _odds * sp.diff(expression, _odds)  # z = log a

    def mean(slope: sp.Expr) -> sp.Expr:
        terms = ((p, by_logit(sp.log(p)), ratio) for p, ratio in _log_ratios())
        return sum(p * score * plain(slope).subs(log_ratio, ratio) for p, score, ratio in terms)

    claims = []
    for name in ("k1", "k2", "k3"):
        made: Any = KL_ESTIMATORS[name]
        for variant, pull in made.pulls.items():
            told = by_logit(_reverse_kl() if pull.startswith("KL(π‖") else _forward_kl())
            wanted = sp.Integer(0) if pull == ZERO else told
            claims.append(Eq(mean(made.slope(variant)), wanted, evaluate=False))
    return claims
