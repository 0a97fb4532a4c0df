"""Advantages and returns equal straight formulas, written out in numpy from their papers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alignprops import InputError
from alignprops.conformance.call import make_call
from alignprops.losses.advantages.table import advantage
from alignprops.subjects.advantages import reference

Floats = NDArray[np.float64]
REWARDS = np.array([[1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -1.0, 2.0]])
VALUES = np.array([[0.5, 1.0, -1.5, 2.0, 0.75], [2.0, -0.25, 1.0, 0.5, -3.0]])
DONES = np.array([[False, True, False, False], [False, False, False, True]])
MASK = np.array([[True, False, True, True], [True, True, True, False]])


def called(
    name: str, arrays: dict[str, Any], *, variant: str = "", form: str = "", **options: Any
) -> dict[str, Floats]:
    """The reference's outputs in float64."""
    made = reference(advantage(name), variant, form)
    return dict(made(make_call(arrays, options, dtype="float64", differentiable=())).outputs)


@pytest.mark.parametrize(("gamma", "lam"), list(itertools.product([1.0, 0.75], [0.0, 0.5, 1.0])))
def test_gae_is_the_weighted_sum_of_later_deltas(gamma: float, lam: float) -> None:
    """Schulman et al. 2016, Eq. 16, as a sum and not as a recursion, cut where an episode ends."""
    found = called("gae", {"rewards": REWARDS, "values": VALUES, "dones": DONES}, form="episodes", gamma=gamma, lam=lam)
    following = np.where(DONES, 0, VALUES[:, 1:])
    deltas = REWARDS + gamma * following - VALUES[:, :-1]
    expected = np.zeros_like(REWARDS)
    for b, t in np.ndindex(*REWARDS.shape):
        last = next((s for s in range(t, 4) if DONES[b, s]), 3)
        expected[b, t] = sum((gamma * lam) ** (s - t) * deltas[b, s] for s in range(t, last + 1))

    assert found["advantages"] == pytest.approx(expected, abs=1e-14)
    assert found["returns"] == pytest.approx(expected + VALUES[:, :-1], abs=1e-14)


def test_masked_steps_are_as_if_they_were_not_there() -> None:
    """A row with a step masked in its middle gives what the shorter row gives."""
    found = called("gae", {"rewards": REWARDS, "values": VALUES[:, :-1], "mask": MASK}, gamma=0.75, lam=0.5)
    for b, kept in enumerate(MASK):
        short = {"rewards": REWARDS[b : b + 1, kept], "values": VALUES[b : b + 1, :-1][:, kept]}
        alone = called("gae", short, form="plain", gamma=0.75, lam=0.5)
        for name in ("advantages", "returns"):
            assert found[name][b, kept] == pytest.approx(alone[name][0], abs=1e-14)
            assert np.all(found[name][b, ~kept] == 0)


def test_returns_are_discounted_sums_to_the_end_of_the_episode() -> None:
    """G_t = r_t + γG_{t+1}, anew behind an end."""
    found = called("returns", {"rewards": REWARDS, "dones": DONES}, form="episodes", gamma=0.5)["returns"]

    assert found == pytest.approx(np.array([[0.0, -2.0, 2.0, 3.0], [0.75, 1.0, 0.0, 2.0]]))


def test_leaving_one_out_averages_the_others() -> None:
    """Each response less the mean of its group's others; of one response there are none."""
    scores = np.array([[1.0, 0.0, 2.5, 4.0], [0.5, -1.0, 0.25, 3.0]])
    found = called("rloo", {"rewards": scores.ravel()}, group_size=4)["advantages"].reshape(2, 4)
    others = np.array([[np.delete(row, i).mean() for i in range(4)] for row in scores])

    assert found == pytest.approx(scores - others, abs=1e-14)
    with pytest.raises(InputError, match="a group of one response has no others"):
        called("rloo", {"rewards": np.array([1.0, 2.0])}, group_size=1)


@pytest.mark.parametrize(("variant", "ddof"), [("sample", 1), ("population", 0)])
@pytest.mark.parametrize(
    ("spelling", "scale"), [("group", "group"), (True, "group"), ("batch", "batch"), ("none", None)]
)
def test_grpo_divides_by_the_deviation_that_is_named(variant: str, ddof: int, spelling: Any, scale: str | None) -> None:
    """numpy's std with its ddof, of the group or of all."""
    scores = np.array([[1.0, 0.0, 2.5], [4.0, 1.0, 1.0]])
    options = {"epsilon": 0.125, "scale_rewards": spelling, "group_size": 3}
    found = called("grpo", {"rewards": scores.ravel()}, variant=variant, **options)["advantages"].reshape(2, 3)
    axis = 1 if scale == "group" else None
    divisor = 1.0 if scale is None else scores.std(axis=axis, ddof=ddof, keepdims=True) + 0.125

    assert found == pytest.approx((scores - scores.mean(axis=1, keepdims=True)) / divisor, abs=1e-14)


def test_groups_told_by_ids_may_lie_anywhere() -> None:
    """The same numbers, response by response."""
    scores, ids = np.array([1.0, 4.0, 0.0, 1.0, 2.5, 1.0]), np.array([7, 3, 7, 3, 7, 3])
    options = {"epsilon": 0.125, "scale_rewards": "group"}
    by_ids = called("grpo", {"rewards": scores, "group_ids": ids}, variant="sample", form="ids", **options)
    order = np.argsort(ids, kind="stable")
    side_by_side = called("grpo", {"rewards": scores[order]}, variant="sample", group_size=3, **options)

    assert by_ids["advantages"][order] == pytest.approx(side_by_side["advantages"])


def test_binary_rewards_have_the_closed_form() -> None:
    """√((n−k)/k) for a success among k of n, −√(k/(n−k)) for a failure (population deviation, ε to 0)."""
    n, k = 5, 2
    scores = np.array([1.0] * k + [0.0] * (n - k))
    found = called("batch-norm", {"rewards": scores}, variant="population", epsilon=0.0, group_size=n)["advantages"]

    assert found == pytest.approx([np.sqrt((n - k) / k)] * k + [-np.sqrt(k / (n - k))] * (n - k))


def test_a_name_that_nobody_uses_is_refused() -> None:
    """With the nearest that there is."""
    assert advantage("dr_grpo").name == "dr-grpo"
    assert advantage("reinforce_leave_one_out").name == "rloo"
    with pytest.raises(InputError, match="unknown advantage 'gea'; did you mean 'gae'"):
        advantage("gea")
