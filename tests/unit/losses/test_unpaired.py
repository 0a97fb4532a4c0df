"""Losses of labelled answers against the papers' formulas, written out a second time in plain numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from alignprops._errors import UnknownNameError
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.conformance.unpaired_case import LOSS, UnpairedCase
from alignprops.losses.unpaired import UNPAIRED_LOSSES, unpaired_loss
from alignprops.subjects import kind_named
from property_suites.preference_losses.unpaired_specimens import CLAMPED, MIXED, ONE_CLASS

Floats = NDArray[np.float64]
REFERENCES = {subject.id: subject for subject in kind_named("unpaired-loss").references}
PROBLEMS = {"mixed": MIXED["mixed answers in float64"], **CLAMPED, **ONE_CLASS}


def sums(table: Floats, mask: NDArray[np.int64]) -> Floats:
    """(B,) summed over the tokens that count."""
    return np.array(
        [sum(x for x, m in zip(row, kept, strict=True) if m) for row, kept in zip(table, mask, strict=True)]
    )


def sigma(x: Floats) -> Floats:
    """1/(1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def by_hand(name: str, problem: UnpairedProblem, options: dict[str, float]) -> Floats:
    """(B,) the losses in the order of the problem."""
    log_ratio = sums(problem.policy_logps, problem.mask) - sums(problem.reference_logps, problem.mask)
    mismatched = sums(problem.policy_kl_logps, problem.kl_mask) - sums(problem.reference_kl_logps, problem.kl_mask)
    wanted = problem.desirable == 1
    beta = options["beta"]
    if name.startswith("bco"):
        rewards = beta * log_ratio
        delta = rewards.mean() if name == "bco/batch" else problem.delta
        weights = np.ones(wanted.size) if name == "bco/batch" else problem.weights
        return np.where(wanted, -np.log(sigma(rewards - delta)), -weights * np.log(sigma(delta - rewards)))
    anchor = 0.0 if name.startswith("apo") else max(mismatched.mean(), 0.0)
    u = beta * (log_ratio - anchor)
    chosen = options["desirable_weight"] * (1 - sigma(u))
    return np.where(wanted, chosen, options["undesirable_weight"] * (1 - sigma(-u)))


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("name", REFERENCES)
def test_the_references_compute_the_papers_formulas(name: str, problem: UnpairedProblem) -> None:
    """In every form: rows in the order of the form, aggregated as documented."""
    case = UnpairedCase(REFERENCES[name].get(), problem)
    losses = by_hand(name, problem, case.options)[case.order]
    wanted = {"none": losses, "mean": losses.mean(), "sum": losses.sum()}[case.subject.reduction]

    np.testing.assert_allclose(case.found.outputs[LOSS], wanted, rtol=1e-13)
    np.testing.assert_allclose(case.expected_loss.value, wanted, rtol=1e-13)


@pytest.mark.parametrize("name", REFERENCES)
def test_the_gradient_is_the_slope_of_the_loss_with_the_batch_quantities_fixed(name: str) -> None:
    """Central differences of the formula, answer by answer; reference point and shift do not move."""
    problem = PROBLEMS["mixed"]
    case = UnpairedCase(REFERENCES[name].get(), problem)
    expected, step = case.expected.slopes.value, 1e-6
    plain = by_hand(name, problem, case.options)
    for row in range(3):
        moved = []
        for sign in (1, -1):
            logps = problem.policy_logps.copy()
            logps[row, 0] += sign * step
            changed = replace(problem, policy_logps=logps)
            if name == "bco/batch":  # the shift of the batch is held where it was
                delta = case.options["beta"] * np.mean(_log_ratios(problem))
                changed = replace(changed, delta=float(delta), weights=np.ones(3))
                moved.append(by_hand("bco", changed, case.options)[row])
            else:
                moved.append(by_hand(name, changed, case.options)[row])
        assert plain[row] > 0
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(expected[row], rel=1e-6)


def _log_ratios(problem: UnpairedProblem) -> Floats:
    return sums(problem.policy_logps, problem.mask) - sums(problem.reference_logps, problem.mask)


def test_losses_are_found_by_every_name_in_use() -> None:
    """A wrong name is answered with the nearest."""
    assert unpaired_loss("KTO") is UNPAIRED_LOSSES["kto"]
    assert unpaired_loss("apo_zero_unpaired") is unpaired_loss("apo-zero")
    with pytest.raises(UnknownNameError, match="bco"):
        unpaired_loss("bcoo")
