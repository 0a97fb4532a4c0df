"""Learning goes uphill for the chosen and downhill for the rejected response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Ge, Le, Symbol

from alignprops import Ref, theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.quantity import real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import NO_PROOF, ROUNDING
from property_suites.preference_losses.specimens import RAGGED, SINGLE

Values = Mapping[Symbol, Any]

chosen_gradient = real("chosen_gradient", r"\partial L/\partial\log\pi_w")
rejected_gradient = real("rejected_gradient", r"\partial L/\partial\log\pi_l")


def _monotone(subject: Any) -> str | None:
    falls = {"monotone", "monotone-unless-smoothed"} & subject.specification.traits
    return None if falls else f"{subject.specification.name} need not fall with the chosen log-probability everywhere"


@theorem(
    "preference-losses.descent",
    states={"chosen": Le(chosen_gradient, 0), "rejected": Ge(rejected_gradient, 0)},
    kind="pairwise-loss",
    codes=("SGN",),
    about=_monotone,
    source=Ref("rafailov2023direct", where="Section 4, the gradient of DPO"),
    on=pairwise_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "chosen: rises": {"chosen": Ge(chosen_gradient, 0)},
        "rejected: falls": {"rejected": Le(rejected_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def descent(subject: Any, problem: PairwiseProblem) -> Values:
    """A step against the gradient never lowers a chosen and never raises a rejected log-probability."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import PairwiseCase

    case = PairwiseCase(subject, problem).with_problem(upstream=np.ones(problem.upstream.shape)).without_smoothing()
    seen = compare(case.gradients(case.found), case.expected_gradients).found
    return {chosen_gradient: seen[0], rejected_gradient: seen[1]}
