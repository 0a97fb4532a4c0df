"""Masked tokens do not exist: whatever stands there, and however many columns of it there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import Under, theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import NO_PROOF, ROUNDING, SOURCE, finite, found
from property_suites.aggregation.specimens import PLAIN, RAGGED

Values = Mapping[Symbol, Any]

poisoned = real("poisoned", r"A^{\mathrm{poisoned}}")
poisoned_finite = nonnegative("poisoned_finite", r"\mathrm{finite}^{\mathrm{poisoned}}")
masked_gradient = nonnegative("masked_gradient", r"|\nabla_{\mathrm{masked}} A|")
largest_gradient = nonnegative("largest_gradient", r"\max|\nabla A|")
_FINITE = {"it is finite": Eq(finite, 1)}


def _counts_columns(subject: Any) -> str | None:
    counts = subject.specification.name == "seq-mean-token-sum-norm"
    return "it divides by the width of the batch, as documented" if counts else None


@theorem(
    "aggregation.padding.finite",
    states={"aggregate": Under(_FINITE, Eq(poisoned, found)), "masked gradient": Eq(masked_gradient, 0)},
    kind="aggregation",
    codes=("PAD",),
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0, 1 / 16)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={
        "aggregate: negated": {"aggregate": Eq(poisoned, -found)},
        "masked gradient: that of all": {"masked gradient": Eq(largest_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def finite_padding(subject: Any, problem: AggregationProblem) -> Values:
    """Finite numbers under the mask, ±10⁴ among them, change no aggregate, and get no gradient."""
    return _poisoned(subject, problem, (1e4, -1e4, 3.0))


@theorem(
    "aggregation.padding.non-finite",
    states={"finite": Under(_FINITE, Eq(poisoned_finite, 1)), "aggregate": Under(_FINITE, Eq(poisoned, found))},
    kind="aggregation",
    codes=("PAD", "EXT"),
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0, 1 / 16)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=RAGGED,
    counterfeits=True,
    mutants={"aggregate: negated": {"aggregate": Eq(poisoned, -found)}},
    no_proof=NO_PROOF,
)
def non_finite_padding(subject: Any, problem: AggregationProblem) -> Values:
    """Not even inf or NaN under the mask enters: the mask selects, it does not multiply."""
    return _poisoned(subject, problem, (np.inf, np.nan, -np.inf))


def _poisoned(subject: Any, problem: AggregationProblem, poison: tuple[float, ...]) -> Values:
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    values = problem.given.copy()
    values[~problem.scored] = np.resize(poison, int((~problem.scored).sum()))
    after = case.run(case.call(values=values))
    # What is computed outside the mask may show the poison there; the tokens may not.
    looked_at = problem.scored if case.aggregate.shape == "token" else True
    slopes = np.where(_own_gradient(case), 0.0, after.gradients["values"])[~problem.scored]
    return _compared(case, after, looked_at) | {
        masked_gradient: np.abs(np.nan_to_num(slopes, nan=1.0)).max(initial=0.0),
        largest_gradient: np.abs(np.nan_to_num(after.gradients["values"])).max(initial=0.0),
    }


def _own_gradient(case: Any) -> bool:
    """Whether a masked number is also an output, which then has a gradient in itself."""
    return bool(case.aggregate.outside.get(case.subject.variant) == "computed")


def _compared(case: Any, after: Any, looked_at: Any) -> dict[Symbol, Any]:
    from alignprops.conformance.comparison import compare
    from alignprops.expressions import Rounded

    wanted = case.expected
    shape = np.shape(case.output(case.found))
    seen = case.output(after)[tuple(slice(0, size) for size in shape)]
    held = Rounded(np.where(looked_at, wanted.value, 0.0), np.where(looked_at, wanted.error, 0.0))
    before = compare(np.where(looked_at, case.output(case.found), 0.0), held)
    now = compare(np.where(looked_at, seen, 0.0), held)
    return {found: before.found, finite: before.finite, poisoned: now.found, poisoned_finite: now.finite}


@theorem(
    "aggregation.padding.columns",
    states=Eq(poisoned, found),
    given=_FINITE,
    kind="aggregation",
    codes=("PAD", "PART"),
    about=_counts_columns,
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0, 1 / 16)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={"negated": Eq(poisoned, -found)},
    no_proof=NO_PROOF,
)
def columns(subject: Any, problem: AggregationProblem) -> Values:
    """Columns of padding behind all rows change nothing, unless the formula divides by the width."""
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    more = np.resize((1e4, -3.0), (len(problem.values), 2))
    call = case.call(
        values=np.concatenate([problem.given, more], axis=1),
        mask=np.concatenate([problem.scored, more == 0], axis=1),
    )
    return _compared(case, case.run(call), True)
