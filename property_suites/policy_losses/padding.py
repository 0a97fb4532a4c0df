"""Masked tokens do not exist: whatever stands there, loss and gradient are those without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import KIND, NO_PROOF, ROUNDING, SCHULMAN, gradient, loss, masked
from property_suites.policy_losses.specimens import PLAIN, RAGGED

Values = Mapping[Symbol, Any]

poisoned_loss = real("poisoned_loss", r"L^{\mathrm{poisoned}}")
poisoned_gradient = real("poisoned_gradient", r"\nabla L^{\mathrm{poisoned}}")
masked_gradient = nonnegative("masked_gradient", r"|\nabla_{\mathrm{masked}} L|")
all_gradient = nonnegative("all_gradient", r"\max|\nabla L|")
poisoned_finite = nonnegative("poisoned_finite", r"\mathrm{finite}^{\mathrm{poisoned}}")


@theorem(
    "policy-losses.padding.moderate",
    states={
        "loss": Eq(poisoned_loss, loss),
        "gradient": Eq(poisoned_gradient, gradient),
        "masked gradient": Eq(masked_gradient, 0),
    },
    kind=KIND,
    codes=("PAD",),
    about=masked,
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=RAGGED,
    counterfeits=True,
    mutants={
        "loss: negated": {"loss": Eq(poisoned_loss, -loss)},
        "gradient: doubled": {"gradient": Eq(poisoned_gradient, 2 * gradient)},
        "masked gradient: that of all tokens": {"masked gradient": Eq(all_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def moderate(subject: Any, problem: PolicyProblem) -> Values:
    """Numbers of ordinary size under the mask, and more columns of padding, change neither loss nor gradient."""
    return _poisoned(subject, problem, (-3.0, -0.5, -7.0, -0.125, -2.0))


@theorem(
    "policy-losses.padding.overflow",
    states={
        "finite": Eq(poisoned_finite, 1),
        "loss": Eq(poisoned_loss, loss),
        "masked gradient": Eq(masked_gradient, 0),
    },
    kind=KIND,
    codes=("PAD", "EXT"),
    about=masked,
    source=SCHULMAN,
    on=policy_problems(max_b=3, max_t=3),
    rounding=ROUNDING,
    exact=False,
    effort=0.05,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={
        "finite: never": {"finite": Eq(poisoned_finite, 0)},
        "loss: negated": {"loss": Eq(poisoned_loss, -loss)},
        "masked gradient: that of all tokens": {"masked gradient": Eq(all_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def overflow(subject: Any, problem: PolicyProblem) -> Values:
    """Log-probabilities of ±10⁴ under the mask do not enter, though their ratio overflows."""
    return _poisoned(subject, problem, (1e4, -1e4, 3.0))


@theorem(
    "policy-losses.padding.non-finite",
    states={"finite": Eq(poisoned_finite, 1), "loss": Eq(poisoned_loss, loss)},
    kind=KIND,
    codes=("PAD", "EXT"),
    about=masked,
    source=SCHULMAN,
    on=policy_problems(max_b=3, max_t=3),
    rounding=ROUNDING,
    exact=False,
    effort=0.05,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={
        "finite: never": {"finite": Eq(poisoned_finite, 0)},
        "loss: negated": {"loss": Eq(poisoned_loss, -loss)},
    },
    no_proof=NO_PROOF,
)
def non_finite(subject: Any, problem: PolicyProblem) -> Values:
    """Not even −∞ or NaN under the mask enters: the mask selects, it does not multiply."""
    return _poisoned(subject, problem, (-np.inf, np.nan, np.inf))


def _poisoned(subject: Any, problem: PolicyProblem, poison: tuple[float, ...]) -> Values:
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import PolicyCase

    case = PolicyCase(subject, problem)
    padded = case.padded(poison)
    found = padded.run(padded.call())
    plain, value = case.value_read(), compare(padded.cropped(padded.value(found), case), case.expected_loss)
    slopes, width = padded.slope(found), problem.mask.shape[1]
    poisoned = compare(np.where(case.mask, slopes[:, :width], 0.0), case.expected_gradient)
    outside = slopes[~padded.mask]
    return {
        loss: plain.found,
        poisoned_loss: value.found,
        poisoned_finite: value.finite,
        gradient: compare(np.where(case.mask, case.slope(case.found), 0.0), case.expected_gradient).found,
        poisoned_gradient: poisoned.found,
        masked_gradient: np.abs(np.nan_to_num(outside, nan=1.0)).max(initial=0.0),
        all_gradient: np.abs(np.nan_to_num(slopes)).max(initial=0.0),
    }
