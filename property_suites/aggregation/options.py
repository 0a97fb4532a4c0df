"""Options are alive: each that the code accepts changes something, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import Ge, Symbol

from alignprops import theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.quantity import nonnegative
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import NO_PROOF, ROUNDING, SOURCE
from property_suites.aggregation.specimens import PLAIN

Values = Mapping[Symbol, Any]

live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")


@theorem(
    "aggregation.options.live",
    states=Ge(live, accepted),
    kind="aggregation",
    codes=("LIVE",),
    about=lambda subject: None if subject.options else "it takes no options",
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,), max_b=1, max_t=2),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples={"ragged rows": PLAIN},
    counterfeits=True,
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: AggregationProblem) -> Values:
    """Every option of the formula that is accepted changes an output or a gradient on a generic batch, or raises.

    Other keywords, those of the other modes of one function for instance, need not change anything.
    """
    from alignprops.conformance.aggregation_case import AggregationCase
    from alignprops.conformance.liveness import liveness

    del problem
    told = liveness(replace(subject, extras={}), AggregationCase(subject, PLAIN))
    return {live: told.live, accepted: told.accepted}
