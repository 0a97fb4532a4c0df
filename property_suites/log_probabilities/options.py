"""Options are alive: each that the code accepts changes something, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import Ge, Symbol

from alignprops import theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.quantity import nonnegative
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import NO_PROOF, ROUNDING, SOURCE
from property_suites.log_probabilities.specimens import PLAIN

Values = Mapping[Symbol, Any]

live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")


@theorem(
    "log-probabilities.options.live",
    states=Ge(live, accepted),
    kind="sequence-logprob",
    codes=("LIVE",),
    about=lambda subject: None if subject.options else "it takes no options",
    source=SOURCE,
    on=logp_problems(sizes=(1.0,), max_b=1, max_t=2),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples={"ragged sequences": PLAIN},
    counterfeits=True,
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: LogpProblem) -> Values:
    """Every option of the formula that is accepted changes an output or a gradient on a generic batch, or raises.

    Other keywords of code of this kind, such as the size of its chunks, need not change anything.
    """
    from alignprops.conformance.liveness import Liveness, liveness
    from alignprops.conformance.logprob_case import LogpCase

    del problem
    told: Liveness = liveness(replace(subject, extras={}), LogpCase(subject, PLAIN))
    return {live: told.live, accepted: told.accepted}
