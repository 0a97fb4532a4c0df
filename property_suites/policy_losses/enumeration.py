"""What a loss does on average, with every response of a small choice enumerated: no sampling, no chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Ge, Le, Rational, Symbol, diff, exp

from alignprops import Under, theorem
from alignprops.conformance.policy_enumeration import EnumerationProblem
from alignprops.measured import bounded
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.policy_losses import enumeration_problems
from property_suites.policy_losses.notation import KIND, LIU, ROUNDING, SCHULMAN, of_policy, reduced

Values = Mapping[Symbol, Any]

surrogate = real("surrogate", r"\mathrm{E}_{\mathrm{old}}[-L]")
gain = real("gain", r"J(\pi) - J(\pi_{\mathrm{old}})")
logit_gradient = real("logit_gradient", r"B\,\partial L/\partial z")
expected_logit_gradient = real("expected_logit_gradient", r"-B\,\nabla\mathrm{E}[\omega(\ell)(r-b)]")
shifted_gradient = real("shifted_gradient", r"B\,\partial L_b/\partial z")
length_spread = nonnegative("length_spread", r"\max\ell - \min\ell")

#: Two of three responses more likely than under the policy that sampled, with unequal lengths; and equal ones.
THREE = EnumerationProblem(
    counts=np.array([3, 1, 2]),
    weights=np.array([1, 6, 3]),
    rewards=np.array([1.0, -2.0, 0.5]),
    lengths=np.array([1, 3, 2]),
    shift=1.5,
    choices=np.ones(8, dtype=np.int64),
    dtype="float64",
)
BETTER = EnumerationProblem(
    counts=np.array([2, 1]),
    weights=np.array([1, 7]),
    rewards=np.array([-1.0, 2.0]),
    lengths=np.array([2, 2]),
    shift=-0.5,
    choices=np.zeros(8, dtype=np.int64),
    dtype="float32",
)
EXAMPLES = {"three responses": THREE, "two of one length": BETTER}


def _bounds_the_gain(subject: Any) -> str | None:
    if "pessimistic" not in subject.specification.traits:
        return f"the loss {subject.specification.name} is no bound of ρA"
    return reduced(subject)


@theorem(
    "policy-losses.enumeration.lower-bound",
    states=Le(surrogate, gain),
    kind=KIND,
    codes=("REF", "SGN"),
    about=lambda subject: "its ratio is always 1" if "on-policy" in subject.form else _bounds_the_gain(subject),
    source=SCHULMAN,
    on=enumeration_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={"an upper bound": Ge(surrogate, gain), "with an eighth to spare": Le(surrogate, gain - Rational(1, 8))},
)
def lower_bound(subject: Any, problem: EnumerationProblem) -> Values:
    """Of one-token responses, with A = r − E_old r, the surrogate is at most what the policy has gained (PPO-1e)."""
    from alignprops.conformance.policy_enumeration import surrogate_and_gain

    found, expected = surrogate_and_gain(subject, problem)
    return {surrogate: bounded(found, 0.0), gain: bounded(expected.value, expected.error)}


@lower_bound.proof("E_old[ρA] = J(π) − J(π_old) for A = r − E_old r", domain="three responses", lemma=True)
def _() -> Any:
    p, q, s = (positive(name, name) for name in "pqs")  # weights of the policy
    u, v, w = (positive(name, name) for name in "uvw")  # weights of the old one
    r = [real(f"r_{at}", f"r_{at}") for at in range(3)]
    new = [part / (p + q + s) for part in (p, q, s)]
    old = [part / (u + v + w) for part in (u, v, w)]
    mean = sum(o * reward for o, reward in zip(old, r, strict=True))
    ratios = sum(o * (n / o) * (reward - mean) for o, n, reward in zip(old, new, r, strict=True))
    return Eq(ratios, sum((n - o) * reward for o, n, reward in zip(old, new, r, strict=True)), evaluate=False)


@theorem(
    "policy-losses.enumeration.expected-gradient",
    states={
        "gradient": Eq(logit_gradient, expected_logit_gradient),
        "baseline": Under({"all lengths are equal": Eq(length_spread, 0)}, Eq(shifted_gradient, logit_gradient)),
    },
    kind=KIND,
    codes=("SGN", "LEN", "IS"),
    about=lambda subject: of_policy(subject) or reduced(subject),
    source=LIU,
    on=enumeration_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples=EXAMPLES,
    counterfeits=True,
    mutants={
        "gradient: the other way": {"gradient": Eq(logit_gradient, -expected_logit_gradient)},
        "gradient: 5 % off": {"gradient": Eq(logit_gradient, Rational(19, 20) * expected_logit_gradient)},
        "baseline: doubles it": {"baseline": Eq(shifted_gradient, 2 * logit_gradient)},
    },
)
def expected_gradient(subject: Any, problem: EnumerationProblem) -> Values:
    """On policy the expected gradient is −∇E[ω(ℓ)(r − b)], ω the weight of a token in a response of length ℓ (LEN-1).

    With equal lengths no baseline b changes it (PG-1); with unequal ones a mean over a response favours long answers
    among the bad and short ones among the good.
    """
    from alignprops.conformance.policy_enumeration import expected_gradients

    found, expected = expected_gradients(subject, problem, 0.0)
    shifted, shifted_expected = expected_gradients(subject, problem, problem.shift)
    return {
        logit_gradient: bounded(found, expected.error),
        expected_logit_gradient: expected.value,
        shifted_gradient: bounded(shifted, shifted_expected.error),
        length_spread: int(problem.lengths.max() - problem.lengths.min()),
    }


@expected_gradient.proof("E[(r − b)·ω·∂log π/∂z] = ∂E[ω(r − b)]/∂z", domain="a choice of two, any b and ω", lemma=True)
def _() -> Any:
    z, b = real("z", "z"), real("b", "b")
    first, second = (positive(f"omega_{at}", rf"\omega_{at}") for at in (1, 2))
    r, s = real("r", "r"), real("s", "s")
    pi = exp(z) / (1 + exp(z))
    scores = pi * (r - b) * first * (1 - pi) + (1 - pi) * (s - b) * second * (-pi)
    return Eq(scores, diff(pi * first * (r - b) + (1 - pi) * second * (s - b), z), evaluate=False)
