"""A batch and its micro-batches: how the aggregates of parts make up that of the whole, and how they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import Under, bounded, theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import NO_PROOF, ROUNDING, SOURCE, finite, found, only
from property_suites.aggregation.specimens import PLAIN, RAGGED, UNEQUAL

Values = Mapping[Symbol, Any]

of_parts = real("of_parts", r"\sum_k s_k A_k")
reordered = real("reordered", r"A^{\mathrm{reversed}}")
again = real("again", r"A^{\mathrm{again}}")
modified = nonnegative("modified", r"\#\mathrm{modified}")
token_mean = real("token_mean", r"A")
mean_of_means = real("mean_of_means", r"\tfrac1n\sum_k A_k")
covariance = real("covariance", r"\mathrm{Cov}_n(N, A)")
mean_count = positive("mean_count", r"\bar N")
_FINITE = {"it is finite": Eq(finite, 1)}


def _adds_up(subject: Any) -> str | None:
    made = subject.specification
    return None if subject.variant in made.shares else f"{made.name} of a batch is not made up of those of its parts"


@theorem(
    "aggregation.partition.micro-batches",
    states=Eq(of_parts, found),
    given=_FINITE,
    kind="aggregation",
    codes=("PART",),
    about=_adds_up,
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN, "unequal rows": UNEQUAL},
    counterfeits=True,
    mutants={"negated": Eq(of_parts, -found), "half": Eq(2 * of_parts, found)},
    no_proof=NO_PROOF,
)
def micro_batches(subject: Any, problem: AggregationProblem) -> Values:
    """The aggregate of a batch is the documented one of micro-batches with unequal numbers of tokens.

    Σ_k (size_k/size) A_k with the sizes in tokens for a token mean, in rows for a mean over rows; Σ_k A_k for sums
    over a constant or a global count.
    """
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    made, error = np.zeros(()), np.zeros(())
    for share, part in zip(case.shares, case.micro_batches, strict=True):
        if share:
            made, error = made + share * part.output(part.found), error + share * part.expected.error
    whole = case.output(case.found)
    is_finite = bool(np.isfinite(whole) and np.isfinite(made))
    return {
        found: bounded(whole if is_finite else 0.0, case.expected.error),
        of_parts: bounded(made if is_finite else 0.0, error),
        finite: int(is_finite),
    }


@theorem(
    "aggregation.partition.mean-of-means",
    states=Eq(token_mean - mean_of_means, covariance / mean_count),
    given=_FINITE,
    kind="aggregation",
    codes=("PART",),
    about=only("token-mean"),
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,), empty_rows=False),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={"unequal rows": UNEQUAL},
    counterfeits=True,
    mutants={
        "no difference": Eq(token_mean, mean_of_means),
        "not divided by the mean count": Eq(token_mean - mean_of_means, covariance),
    },
)
def mean_of_means_differs(subject: Any, problem: AggregationProblem) -> Values:
    """AGG-1: the token mean exceeds the mean of micro-batches' means by the covariance of count and mean over N̄.

    Gradient accumulation that averages the means of micro-batches is off by exactly that: nothing if all counts are
    equal, or if count and mean are uncorrelated. Each row is a micro-batch; means and counts are those of the subject.
    """
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    parts = [case.with_rows([row]) for row in range(len(problem.values))]
    means = np.array([float(part.output(part.found)) for part in parts])
    counts = problem.scored.sum(axis=1)
    errors = np.array([float(part.expected.error) for part in parts])
    whole = float(case.output(case.found))
    is_finite = bool(np.isfinite(whole) and np.isfinite(means).all())
    if not is_finite:
        means, whole = np.zeros(len(means)), 0.0
    off = counts - counts.mean()
    return {
        token_mean: bounded(whole, case.expected.error),
        mean_of_means: bounded(means.mean(), errors.mean()),
        covariance: bounded((off * means).mean(), (np.abs(off) * (errors + 1e-15 * np.abs(means))).mean()),
        mean_count: counts.mean(),
        finite: int(is_finite),
    }


@mean_of_means_differs.proof("the definition of covariance", domain="any number n of micro-batches, by their sums")
def _() -> Any:
    n = positive("n", "n")
    counted, weighted = positive("sum_N", r"\sum_k N_k"), real("sum_NA", r"\sum_k N_k A_k")
    plain = real("sum_A", r"\sum_k A_k")
    return {
        token_mean: weighted / counted,
        mean_of_means: plain / n,
        covariance: weighted / n - (counted / n) * (plain / n),
        mean_count: counted / n,
    }


@theorem(
    "aggregation.partition.order",
    states={"order": Under(_FINITE, Eq(reordered, found)), "repeated": Under(_FINITE, Eq(again, found))},
    kind="aggregation",
    codes=("PART", "PURE"),
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={"order: doubled": {"order": Eq(reordered, 2 * found)}, "repeated: 0": {"repeated": Eq(again, 0)}},
    no_proof=NO_PROOF,
)
def order(subject: Any, problem: AggregationProblem) -> Values:
    """Rows in another order give the same aggregate (each row its own), and the same call gives it again."""
    from alignprops.conformance.aggregation_case import AggregationCase
    from alignprops.conformance.comparison import compare

    case = AggregationCase(subject, problem)
    back = case.with_rows(range(len(problem.values))[::-1])
    turned = back.output(back.found)
    call = case.call()
    first, second = case.run(call), case.subject(call)
    seen = compare(case.output(first), case.expected)
    return {
        found: seen.found,
        finite: seen.finite,
        reordered: compare(turned[::-1] if turned.ndim else turned, case.expected).found,
        again: compare(case.output(second), case.expected).found,
    }


@theorem(
    "aggregation.partition.purity",
    states=Eq(modified, 0),
    kind="aggregation",
    codes=("PURE",),
    source=SOURCE,
    on=aggregation_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged rows": RAGGED["ragged rows in float64"]},
    counterfeits=True,
    mutants={"one modified": Eq(modified, 1)},
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: AggregationProblem) -> Values:
    """Values and mask are left as they are."""
    from alignprops.conformance.aggregation_case import AggregationCase

    return {modified: len(AggregationCase(subject, problem).found.modified)}
