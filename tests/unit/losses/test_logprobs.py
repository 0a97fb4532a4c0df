"""The formula of log-probabilities against a straight one, token by token, and its derivatives against differences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from alignprops.conformance.logprob import FORMS, LogpProblem
from alignprops.conformance.logprob_case import LogpCase
from alignprops.losses.logprobs import SHIFTED, SHIFTING
from alignprops.subjects.sequence_logprob import reference
from property_suites.log_probabilities.specimens import PLAIN, RAGGED

PROBLEM = RAGGED["ragged sequences in float64"]


def straight(problem: LogpProblem, shift: int, *, bias: bool, scored: bool, factor: float) -> list[list[float]]:
    """Log-probabilities of the scored tokens, sequence by sequence, straight from the definition."""
    made = []
    for x, tokens, mask in zip(problem.states, problem.tokens, problem.mask, strict=True):
        row = []
        for t in range(shift, len(tokens)):
            if mask[t] or not scored:
                l = [w @ x[t - shift] + (b if bias else 0.0) for w, b in zip(problem.weight, problem.bias, strict=True)]
                z = [factor * value for value in l]
                row.append(z[tokens[t]] - math.log(sum(math.exp(value) for value in z)))
        made.append(row)
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("variant", [SHIFTING, SHIFTED])
@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_expected_values_are_the_definition(form: str, variant: str, reduction: str) -> None:
    """In every form, alignment and reduction, with a temperature of 1/2 and a scale of 2."""
    case = LogpCase(reference(form, variant, reduction), replace(PROBLEM, choices=np.array([1, 2, 0, 1, 0, 0, 0, 0])))
    rows = straight(
        PROBLEM,
        int(variant == SHIFTING),
        bias=not form.startswith("states"),
        scored=not form.endswith("index"),
        factor=2.0 / 0.5,
    )

    if reduction == "none":
        found = [list(row[at]) for row, at in zip(case.expected.value, case.scored, strict=True)]
    else:
        found = [
            [value * (len(row) if reduction == "mean" else 1)]
            for value, row in zip(case.expected.value, rows, strict=True)
        ]
        rows = [[sum(row)] for row in rows]
    for mine, theirs in zip(found, rows, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("form", ["logits/labels", "biased-states/mask"])
@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_expected_gradients_are_differences(form: str, reduction: str) -> None:
    """Central differences of Σ upstream · expected, in states (through W x + b for logits)."""
    case = LogpCase(reference(form, SHIFTING, reduction), PLAIN)
    shape = PLAIN.states.shape
    if case.form.fused:
        mine = case.expected_gradients.value[: PLAIN.states.size].reshape(shape)
    else:
        logits = case.expected_gradients.value.reshape(*shape[:2], -1)
        mine = logits @ PLAIN.weight
    upstream = np.where(case.scored, PLAIN.upstream[:, 1:], 0.0) if reduction == "none" else PLAIN.upstream[:, 0]

    step = 2.0**-12
    for at in [(0, 1, 0), (1, 0, 1), (2, 3, 0), (2, 0, 1), (0, 4, 0)]:
        nudge = np.zeros(shape)
        nudge[at] = step
        ends = [case.with_problem(states=PLAIN.states + sign * nudge).expected.value for sign in (1, -1)]
        assert mine[at] == pytest.approx(float((upstream * (ends[0] - ends[1])).sum()) / (2 * step), abs=1e-6)


def test_the_mean_of_nothing_has_no_value_and_its_sum_is_0() -> None:
    """The formula is not asked for what it does not have."""
    empty = replace(PLAIN, mask=PLAIN.mask * np.array([[1], [0], [1]]))

    assert np.isnan(LogpCase(reference("logits/mask", SHIFTING, "mean"), empty).expected.value[1])
    assert LogpCase(reference("logits/mask"), empty).expected.value[1] == 0.0
