"""What is logged beside the loss is what its name says, on the tokens that the loss used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policy_losses import GAPS, policy_problems
from property_suites.policy_losses.notation import (
    KIND,
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    of_token_clip,
    returns,
)
from property_suites.policy_losses.specimens import PLAIN, extreme

Values = Mapping[Symbol, Any]

clip_fraction = nonnegative("clip_fraction", r"\mathrm{clipped}/n")
cut_fraction = nonnegative("cut_fraction", r"\#\{t : \partial L/\partial\log\pi_t = 0\}/n")
near_kink = nonnegative("near_kink", r"\#\{\rho \approx \mathrm{bound}\}")
reported = real("reported", r"\mathrm{KL}")
nearest = real("nearest", r"\widehat{\mathrm{KL}}")


def _counts_clips(subject: Any) -> str | None:
    return of_token_clip(subject) or returns("clip_fraction")(subject)


@theorem(
    "policy-losses.metrics.clip-fraction",
    states=Eq(clip_fraction, cut_fraction),
    given={"no ratio is near the end of its range": Eq(near_kink, 0)},
    kind=KIND,
    codes=("MET",),
    about=_counts_clips,
    source=SCHULMAN,
    on=policy_problems(dtypes=("float64", "float32")),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={"doubled": Eq(clip_fraction, 2 * cut_fraction)},
    no_proof=NO_PROOF,
)
def clips(subject: Any, problem: PolicyProblem) -> Values:
    """The clip fraction is the share of tokens that get no gradient: those outside the range on the cut side."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import PolicyCase
    from alignprops.conformance.policy_readings import clipped_share, tokens_by_ratio
    from alignprops.conformance.precision import coarser, exactly, quotient

    advantages = np.where(problem.advantages == 0, 1.0, problem.advantages)
    case = PolicyCase(subject, problem).without_kl().with_problem(advantages=advantages, upstream=problem.upstream**0)
    idle = int((case.slope(case.found)[case.mask] == 0).sum())
    # A metric may be counted in single precision, whatever the loss is computed in.
    share = quotient(exactly(idle), exactly(int(case.mask.sum())), coarser(case.dtype, "float32"))
    return {
        clip_fraction: compare(clipped_share(case), share).found,
        cut_fraction: share.value,
        near_kink: int(tokens_by_ratio(case).unclear.sum()),
    }


@theorem(
    "policy-losses.metrics.policy-kl",
    states=Eq(reported, nearest),
    kind=KIND,
    codes=("MET", "KL"),
    about=returns("approx_kl"),
    source=SCHULMAN,
    on=policy_problems(gaps=np.array([*GAPS, 24.0, -24.0])),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN, "far from the old policy": extreme(PLAIN, 32.0)},
    counterfeits=True,
    mutants={"doubled": Eq(reported, 2 * nearest)},
    no_proof=NO_PROOF,
)
def policy_kl(subject: Any, problem: PolicyProblem) -> Values:
    """The KL from the old policy is the masked mean of a known estimator (k1, k2 or k3) of the raw log-ratios."""
    return _nearest(subject, problem, "approx_kl")


@theorem(
    "policy-losses.metrics.reference-kl",
    states=Eq(reported, nearest),
    kind=KIND,
    codes=("MET", "KL", "PAD"),
    about=returns("kl"),
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={"doubled": Eq(reported, 2 * nearest)},
    no_proof=NO_PROOF,
)
def reference_kl(subject: Any, problem: PolicyProblem) -> Values:
    """The KL from the reference is the mean over unmasked tokens (or over responses of it) of a known estimator."""
    return _nearest(subject, problem, "kl")


def _nearest(subject: Any, problem: PolicyProblem, metric: str) -> Values:
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import PolicyCase
    from alignprops.conformance.policy_readings import nearest_estimate

    seen = compare(*nearest_estimate(PolicyCase(subject, problem), metric))
    return {reported: seen.found, nearest: seen.expected}
