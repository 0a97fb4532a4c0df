"""What a mode makes of tokens that are all alike: its textbook ratio, by which modes differ on ragged masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import NO_PROOF, ROUNDING, SOURCE, finite, found, only_linear
from property_suites.aggregation.specimens import PLAIN, RAGGED, UNEQUAL

Values = Mapping[Symbol, Any]

constant = real("constant", "c")
ratio = nonnegative("ratio", r"\rho")


@theorem(
    "aggregation.lengths.ratio",
    states=Eq(found, constant * ratio),
    given={"it is finite": Eq(finite, 1)},
    kind="aggregation",
    codes=("LEN",),
    about=only_linear,
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN, "unequal rows": UNEQUAL},
    counterfeits=True,
    mutants={"negated": Eq(found, -constant * ratio), "5 % off": Eq(found, Rational(19, 20) * constant * ratio)},
    no_proof=NO_PROOF,
)
def ratios(subject: Any, problem: AggregationProblem) -> Values:
    """Where every token is c the aggregate is c·ρ: 1 for a token mean, N/B for a mean of row sums, and so on.

    With N tokens in B rows, R of them with any, T columns and a count C: token mean 1, sum N, over a count N/C, mean
    of row sums N/B (or N/R), mean of row means R/B (or 1), over the width N/T (or N/BT), a row's mean 1, its sum n.
    """
    from alignprops.conformance.aggregation_case import AggregationCase
    from alignprops.conformance.comparison import compare

    c = problem.values.flat[0] + 5.0
    case = AggregationCase(subject, replace(problem, values=problem.values * 0 + c))
    seen = compare(case.output(case.found), case.expected)
    return {found: seen.found, finite: seen.finite, constant: c, ratio: _ratio(case)}


def _ratio(case: Any) -> Any:
    from alignprops.losses.evaluation import evaluate

    sizes = {symbol: size.value for symbol, size in case.reference.sizes().items()}
    of_ones = np.asarray(evaluate(case.aggregate.of_ones[case.subject.variant], sizes), dtype=np.float64)
    if case.aggregate.shape == "row":
        per_row = np.broadcast_to(of_ones, (len(case.problem.values), 1))[:, 0]
        return np.where(case.problem.scored.any(axis=1), per_row, 0.0)
    return of_ones
