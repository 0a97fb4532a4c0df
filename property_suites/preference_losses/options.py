"""Options are alive: each that the code accepts changes something, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Ge, Symbol

from alignprops import theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.quantity import nonnegative
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import NO_PROOF, RAFAILOV, ROUNDING
from property_suites.preference_losses.specimens import RAGGED

Values = Mapping[Symbol, Any]

live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")


@theorem(
    "preference-losses.options.live",
    states=Ge(live, accepted),
    kind="pairwise-loss",
    codes=("LIVE",),
    about=lambda subject: None if subject.options or subject.extras else "it takes no options",
    source=RAFAILOV,
    on=pairwise_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples={"ragged pairs": RAGGED["ragged pairs in float64"]},
    counterfeits=True,
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: PairwiseProblem) -> Values:
    """Every keyword that is accepted changes an output or a gradient on some generic batch, or raises."""
    from alignprops.conformance.liveness import liveness
    from alignprops.conformance.pairwise_case import PairwiseCase

    told = liveness(subject, PairwiseCase(subject, RAGGED["ragged pairs in float64"]))
    del problem
    return {live: told.live, accepted: told.accepted}
