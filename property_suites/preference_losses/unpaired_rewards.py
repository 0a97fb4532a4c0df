"""What a loss of labelled answers logs: implicit rewards of each class in its place, and the reference point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.quantity import nonnegative
from alignprops.strategies.unpaired import unpaired_problems
from property_suites.preference_losses.notation import NO_PROOF, ROUNDING
from property_suites.preference_losses.unpaired_notation import (
    ETHAYARAJH,
    KIND,
    attached,
    expected_point,
    expected_reward,
    needs_rewards,
    point,
    reward,
)
from property_suites.preference_losses.unpaired_specimens import CLAMPED, MIXED, ONE_CLASS

Values = Mapping[Symbol, Any]
rewards_finite = nonnegative("rewards_finite", r"\mathrm{finite}_r")
_CLASSES = ("chosen_rewards", "rejected_rewards")


@theorem(
    "preference-losses.unpaired.rewards",
    states=Eq(reward, expected_reward),
    given={"the rewards are finite": Eq(rewards_finite, 1)},
    kind=KIND,
    codes=("MET", "RM"),
    about=needs_rewards,
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**MIXED, **ONE_CLASS},
    counterfeits=True,
    mutants={"sign": Eq(reward, -expected_reward)},
    no_proof=NO_PROOF,
)
def rewards(subject: Any, problem: UnpairedProblem) -> Values:
    """The rewards that are reported are β log π/π_ref, of either class in its place."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    seen = compare(case.rewards_in(case.found), case.expected_rewards)
    return {reward: seen.found, expected_reward: seen.expected, rewards_finite: seen.finite}


def _detaches(subject: Any) -> str | None:
    if "detached-rewards" not in subject.loss.traits:
        return f"whether rewards of {subject.loss.name} are detached is left to who logs them"
    return needs_rewards(subject)


@theorem(
    "preference-losses.unpaired.rewards-detached",
    states=Eq(attached, 0),
    kind=KIND,
    codes=("MET", "SGN"),
    about=_detaches,
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"mixed answers": MIXED["mixed answers in float64"]},
    counterfeits=True,
    mutants={"one of them attached": Eq(attached, 1)},
    no_proof=NO_PROOF,
)
def detached(subject: Any, problem: UnpairedProblem) -> Values:
    """Reported rewards carry no gradient: they are logged, and a graph kept alive in a log is a leak of memory."""
    from alignprops.conformance.unpaired_case import UnpairedCase

    found = UnpairedCase(subject, problem).found
    return {attached: sum(found.attached[name] for name in _CLASSES)}


def _reports_point(subject: Any) -> str | None:
    reports = subject.averages_point and "kl" in subject.outputs
    return None if reports else "it reports no reference point of its own"


@theorem(
    "preference-losses.unpaired.point-reported",
    states=Eq(point, expected_point),
    kind=KIND,
    codes=("MET", "KL"),
    about=_reports_point,
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**MIXED, **CLAMPED},
    counterfeits=True,
    mutants={"sign": Eq(point, -expected_point)},
    no_proof=NO_PROOF,
)
def reported_point(subject: Any, problem: UnpairedProblem) -> Values:
    """The reference point that is reported is the one of the loss: the mean KL of mismatched answers, clamped at 0."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.unpaired_case import KL, UnpairedCase

    case = UnpairedCase(subject, problem)
    found = np.mean(case.found.outputs[KL])  # one number, or the same number for every row
    seen = compare(found, case.expected.point)
    return {point: seen.found, expected_point: seen.expected}
