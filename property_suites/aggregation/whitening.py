"""Whitened numbers have masked mean 0 and variance 1, and are what is documented outside the mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.aggregation import AggregationProblem
from alignprops.quantity import nonnegative, positive, real
from alignprops.strategies.aggregations import aggregation_problems
from property_suites.aggregation.notation import NO_PROOF, ROUNDING, WHITENING, finite, only
from property_suites.aggregation.specimens import PLAIN, RAGGED

Values = Mapping[Symbol, Any]

mean_after = real("mean_after", r"\bar y")
kept_mean = real("kept_mean", r"\bar x\,1_{\mathrm{kept}}")
variance_after = nonnegative("variance_after", r"\mathrm{Var}\,y")
variance_before = nonnegative("variance_before", r"\mathrm{Var}\,x")
floor = positive("floor", r"\mathrm{floor}")
beyond = real("beyond", r"y_{\mathrm{masked}}")
expected_beyond = real("expected_beyond", r"\hat y_{\mathrm{masked}}")
_FINITE = {"it is finite": Eq(finite, 1)}


@theorem(
    "aggregation.whitening.moments",
    states={
        "mean": Eq(mean_after, kept_mean),
        "variance": Eq(variance_after * floor, variance_before),
    },
    given=_FINITE,
    kind="aggregation",
    codes=("ADV", "REF"),
    about=only("whiten"),
    source=WHITENING,
    on=aggregation_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={
        "variance: not 1": {"variance": Eq(variance_after, variance_before)},
        "mean: 1 more": {"mean": Eq(mean_after, kept_mean + 1)},
    },
    no_proof=NO_PROOF,
)
def moments(subject: Any, problem: AggregationProblem) -> Values:
    """The masked mean is 0 (or kept), and the masked variance 1 but for ε: var/(var + ε), or var/(√var + ε)².

    Over N − 1 or over N, as the convention has it; the means are taken over the tokens that count.
    """
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    scored, ddof = problem.scored, case.aggregate.ddof[subject.variant]
    y, wrong = case.output(case.found)[scored], case.expected.error[scored]
    x, epsilon = problem.given[scored], case.options["eps"]
    is_finite = bool(np.isfinite(y).all() and np.isfinite(wrong).all())
    y, wrong = (y, wrong) if is_finite else (np.zeros(len(x)), np.zeros(len(x)))
    before, after = x.var(ddof=ddof), y.var(ddof=ddof)
    on_variance = case.aggregate.floored[subject.variant] == "variance"
    off = np.abs(y - y.mean())
    spread = (2 * off * wrong + wrong**2 + 1e-15 * off**2).sum() / (len(x) - ddof)
    mean = 0.0 if case.options["shift_mean"] else x.mean()
    return {
        mean_after: bounded(y.mean(), wrong.mean() + 1e-15 * (np.abs(y).mean() + np.abs(x).mean())),
        kept_mean: bounded(mean, 1e-15 * np.abs(x).mean()),
        variance_after: bounded(after, spread),
        variance_before: bounded(before, 1e-14 * (before + (np.abs(x).max(initial=0.0) * 1e-15) ** 2)),
        floor: before + epsilon if on_variance else (np.sqrt(before) + epsilon) ** 2,
        finite: int(is_finite),
    }


@theorem(
    "aggregation.whitening.outside",
    states=Eq(beyond, expected_beyond),
    given=_FINITE,
    kind="aggregation",
    codes=("ADV", "PAD"),
    about=only("whiten"),
    source=WHITENING,
    on=aggregation_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={"1 more": Eq(beyond, expected_beyond + 1)},
    no_proof=NO_PROOF,
)
def outside(subject: Any, problem: AggregationProblem) -> Values:
    """Outside the mask stands what the convention says: 0, or the formula's values with the tokens' statistics."""
    from alignprops.conformance.aggregation_case import AggregationCase

    case = AggregationCase(subject, problem)
    masked = ~problem.scored
    seen, wanted = case.output(case.found), case.expected
    held = np.isfinite(seen) & np.isfinite(wanted.value) & np.isfinite(wanted.error)
    return {
        beyond: bounded(np.where(masked & held, seen, 0.0), np.where(masked & held, wanted.error, 0.0)),
        expected_beyond: np.where(masked & held, wanted.value, 0.0),
        finite: held.astype(np.int64),
    }
