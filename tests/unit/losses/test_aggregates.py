"""Aggregates against straight formulas written from their words, and their derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from alignprops._errors import UnknownNameError
from alignprops.conformance.aggregation_case import AggregationCase
from alignprops.losses.aggregation import AGGREGATES, aggregate
from alignprops.losses.aggregation.aggregate import all_tokens, row_tokens, rows, rows_with_tokens
from alignprops.subjects.aggregation import reference
from property_suites.aggregation.specimens import RAGGED

PROBLEM = RAGGED["ragged rows in float64"]
X, M = PROBLEM.values, PROBLEM.mask
KEPT = [list(x[m != 0]) for x, m in zip(X, M, strict=True)]
FULL = [row for row in KEPT if row]
ALL = np.concatenate([np.array(row) for row in KEPT])

STRAIGHT: dict[tuple[str, str], Callable[[], Any]] = {
    ("token-mean", ""): lambda: sum(ALL) / len(ALL),
    ("masked-sum", ""): lambda: sum(ALL),
    ("sum-over-count", ""): lambda: sum(ALL) / 4.0,
    ("seq-mean-token-sum", "all rows"): lambda: sum(map(sum, KEPT)) / 4,
    ("seq-mean-token-sum", "rows with tokens"): lambda: sum(map(sum, KEPT)) / 3,
    ("seq-mean-token-mean", "all rows"): lambda: sum(sum(row) / len(row) for row in FULL) / 4,
    ("seq-mean-token-mean", "rows with tokens"): lambda: sum(sum(row) / len(row) for row in FULL) / 3,
    ("seq-mean-token-sum-norm", "columns"): lambda: sum(ALL) / 4,
    ("seq-mean-token-sum-norm", "rows and columns"): lambda: sum(ALL) / 16,
    ("row-mean", ""): lambda: [sum(row) / max(len(row), 1) for row in KEPT],
    ("row-sum", ""): lambda: [sum(row) for row in KEPT],
    ("masked-variance", "unbiased"): lambda: ALL.var(ddof=1),
    ("masked-variance", "population"): ALL.var,
}


def whitened(variant: str) -> Any:
    """Whitening in one of its conventions, with the options of the problem: the mean is kept, ε = 2⁻⁷."""
    ddof, floored, outside = variant.split(", ")
    variance, epsilon = ALL.var(ddof=int(ddof == "unbiased")), 2.0**-7
    root = np.sqrt(variance + epsilon) if floored == "eps on the variance" else np.sqrt(variance) + epsilon
    made = (X - ALL.mean()) / root + ALL.mean()
    return made if outside == "computed outside" else made * M


STRAIGHT |= {
    ("whiten", variant): lambda variant=variant: whitened(variant) for variant in AGGREGATES["whiten"].variants
}  # type: ignore[misc]
EVERY = [(name, variant) for name, made in AGGREGATES.items() for variant in made.variants]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_expected_values_are_the_words(name: str, variant: str) -> None:
    """Every aggregate in every convention."""
    case = AggregationCase(reference(AGGREGATES[name], variant), PROBLEM)

    assert case.expected.value == pytest.approx(np.array(STRAIGHT[name, variant]()), rel=1e-13)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_expected_gradients_are_differences(name: str, variant: str) -> None:
    """Central differences of Σ upstream · expected, at tokens that count and at others."""
    case = AggregationCase(reference(AGGREGATES[name], variant), PROBLEM)
    step = 2.0**-12

    for at in [(0, 0), (0, 3), (1, 2), (2, 0), (3, 3)]:
        nudge = np.zeros(X.shape)
        nudge[at] = step
        ends = [case.with_problem(values=X + sign * nudge).expected.value for sign in (1, -1)]
        slope = float(np.sum(case.upstream * (ends[0] - ends[1]))) / (2 * step)
        assert case.expected_gradient.value[at] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("made", [made for made in AGGREGATES.values() if made.linear], ids=lambda made: made.name)
def test_the_ratio_of_a_mode_is_its_sum_of_weights(made: Any) -> None:
    """Σ w over the tokens that count: N of one weight, or of every row with tokens n of its own."""
    for variant, weight in made.weights.items():
        if made.shape == "row":
            summed = row_tokens * weight
        elif weight.has(row_tokens):
            summed = rows_with_tokens * row_tokens * weight
        else:
            summed = all_tokens * weight
        assert sp.simplify(summed - made.of_ones[variant]) == 0


def test_shares_of_a_token_mean_are_in_tokens() -> None:
    """3 of 8, then 5 of 8."""
    case = AggregationCase(reference(AGGREGATES["token-mean"]), PROBLEM)

    assert list(case.shares) == [3 / 8, 5 / 8]
    assert rows in AGGREGATES["seq-mean-token-sum"].weights["all rows"].free_symbols


def test_sums_of_nothing_are_0() -> None:
    """Even where they are divided by nothing."""
    nothing = replace(PROBLEM, mask=M * 0)

    assert AggregationCase(reference(AGGREGATES["token-mean"]), nothing).expected.value == 0.0


def test_names_in_use_lead_to_the_same() -> None:
    """And an unknown one names the nearest."""
    assert aggregate("masked_mean") is AGGREGATES["token-mean"]
    with pytest.raises(UnknownNameError, match="row-mean"):
        aggregate("row-men")
