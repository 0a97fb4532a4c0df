"""Where 0/0 lurks: rows of nothing, batches of nothing, one token, one position, no variance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import Under, theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import NO_PROOF, ROUNDING, SOURCE, finite, gradient_finite
from property_suites.aggregation.specimens import DEGENERATE

Values = Mapping[Symbol, Any]

accepted = nonnegative("accepted", r"1_{\mathrm{accepted}}")
smooth = nonnegative("smooth", r"1_{\mathrm{smooth}}")
of_nothing = real("of_nothing", r"A_\emptyset")


@theorem(
    "aggregation.extremes.degenerate",
    states={
        "finite": Under({"it is not refused": Eq(accepted, 1)}, Eq(finite, 1)),
        "finite gradient": Under(
            {"it is not refused": Eq(accepted, 1), "the formula has a gradient": Eq(smooth, 1)}, Eq(gradient_finite, 1)
        ),
        "of nothing": Under({"it is not refused": Eq(accepted, 1), "it is finite": Eq(finite, 1)}, Eq(of_nothing, 0)),
    },
    kind="aggregation",
    codes=("EXT",),
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,), min_tokens=0),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=DEGENERATE,
    counterfeits=True,
    mutants={"finite: never": {"finite": Eq(finite, 0)}, "of nothing: 1": {"of nothing": Eq(of_nothing, 1)}},
    no_proof=NO_PROOF,
)
def degenerate(subject: Any, problem: AggregationProblem) -> Values:
    """With rows of nothing, nothing at all, one token or no variance all is finite, and 0 of nothing; or it is refused.

    Code may refuse what is not determined with a ValueError. The gradient of a root at 0 is not asked for.
    """
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    try:
        seen = case.found
    except ValueError:
        return {accepted: 0, finite: 0, gradient_finite: 0, smooth: 0, of_nothing: 0.0}
    output = case.output(seen)
    empty = _of_nothing(case)
    return {
        accepted: 1,
        finite: np.isfinite(output).astype(np.int64),
        gradient_finite: int(np.isfinite(seen.gradients["values"]).all()),
        smooth: int(case.aggregate.floored.get(subject.variant) != "root" or _varies(problem)),
        of_nothing: np.where(empty, np.nan_to_num(output), 0.0),
    }


def _varies(problem: AggregationProblem) -> bool:
    """Whether the tokens that count have a variance, and its root a gradient."""
    return len(np.unique(problem.given[problem.scored])) > 1


def _of_nothing(case: Any) -> Any:
    """Where the output is made of no token at all."""
    if case.aggregate.shape == "row":
        return ~case.problem.scored.any(axis=1)
    return not case.problem.scored.any() and case.aggregate.shape == "batch"
