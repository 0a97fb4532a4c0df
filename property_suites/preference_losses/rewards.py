"""Implicit rewards, as they are logged beside the loss: β times the log-ratio of policy and reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import NO_PROOF, RAFAILOV, ROUNDING, needs_rewards
from property_suites.preference_losses.specimens import RAGGED, SINGLE

Values = Mapping[Symbol, Any]

chosen_reward = real("chosen_reward", "r_w")
rejected_reward = real("rejected_reward", "r_l")
expected_chosen = real("expected_chosen", r"\beta\log\frac{\pi_w}{\pi^{\mathrm{ref}}_w}")
expected_rejected = real("expected_rejected", r"\beta\log\frac{\pi_l}{\pi^{\mathrm{ref}}_l}")
attached = nonnegative("attached", r"\#\mathrm{attached}")
rewards_finite = nonnegative("rewards_finite", r"\mathrm{finite}_r")


@theorem(
    "preference-losses.rewards.value",
    states={"chosen": Eq(chosen_reward, expected_chosen), "rejected": Eq(rejected_reward, expected_rejected)},
    given={"the rewards are finite": Eq(rewards_finite, 1)},
    kind="pairwise-loss",
    codes=("MET", "RM"),
    about=needs_rewards,
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "chosen: of the rejected": {"chosen": Eq(chosen_reward, expected_rejected)},
        "rejected: sign": {"rejected": Eq(rejected_reward, -expected_rejected)},
    },
    no_proof=NO_PROOF,
)
def value(subject: Any, problem: PairwiseProblem) -> Values:
    """The rewards that are reported are those that the loss is made of, chosen and rejected each in its place."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import PairwiseCase

    case = PairwiseCase(subject, problem)
    chosen, rejected = (
        compare(_like_expected(case.found.outputs[name], expected), expected)
        for name, expected in zip(("chosen_rewards", "rejected_rewards"), case.expected_rewards, strict=True)
    )
    return {
        chosen_reward: chosen.found,
        expected_chosen: chosen.expected,
        rejected_reward: rejected.found,
        expected_rejected: rejected.expected,
        rewards_finite: chosen.finite * rejected.finite,
    }


def _like_expected(found: Any, expected: Any) -> Any:
    return np.reshape(found, np.shape(expected.value)) if np.size(found) == np.size(expected.value) else found


@theorem(
    "preference-losses.rewards.detached",
    states=Eq(attached, 0),
    kind="pairwise-loss",
    codes=("MET", "SGN"),
    about=needs_rewards,
    source=RAFAILOV,
    on=pairwise_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=SINGLE,
    counterfeits=True,
    mutants={"one of them attached": Eq(attached, 1)},
    no_proof=NO_PROOF,
)
def detached(subject: Any, problem: PairwiseProblem) -> Values:
    """Reported rewards carry no gradient: they are logged, and a graph kept alive in a log is a leak of memory."""
    from alignprops.conformance.pairwise_case import PairwiseCase

    found = PairwiseCase(subject, problem).found
    return {attached: sum(found.attached[name] for name in ("chosen_rewards", "rejected_rewards"))}
