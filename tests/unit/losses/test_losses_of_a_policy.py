"""The losses of a policy against straight formulas from their papers, written a second time with loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alignprops._errors import UnknownNameError
from alignprops.conformance.policy import PolicyProblem
from alignprops.conformance.policy_case import PolicyCase
from alignprops.losses.evaluation import evaluate
from alignprops.losses.policy import POLICY_LOSSES, PolicyLoss, policy_loss
from alignprops.losses.policy.clipped import surrogate, surrogate_as_printed
from alignprops.losses.policy.symbols import INPUTS, eps_high, eps_low, log_ratio, value_clip
from alignprops.losses.policy.value_losses import clipped_error, clipped_error_as_printed
from alignprops.subjects.policy_loss import reference

Row = dict[str, list[float]]
VARIANTS = [(loss, variant) for loss in POLICY_LOSSES.values() for variant in loss.variants]
every_variant = pytest.mark.parametrize(("loss", "variant"), VARIANTS, ids=lambda part: getattr(part, "name", part))


def problem(choice: int = 1) -> PolicyProblem:
    """Three ragged responses, ratios on both sides of every range and near none of its ends."""
    draw = np.random.default_rng(3)
    shape = (3, 5)
    logps = -draw.uniform(0.2, 3.0, shape)
    tables = {symbol.name: draw.normal(size=shape) for symbol in INPUTS if symbol.name != "logps"}
    for name in ("old_logps", "ref_logps", "rollout_logps"):
        tables[name] = logps + 0.7 * tables[name]
    mask = (np.arange(5) < np.array([[5], [2], [3]])).astype(np.int64)
    upstream = np.ones(shape)
    return PolicyProblem(
        logps=logps, **tables, mask=mask, choices=np.full(8, choice), upstream=upstream, dtype="float64"
    )


# --- straight formulas --------------------------------------------------------------------------------------------


def clip(x: float, low: float, high: float) -> float:
    """As in the papers."""
    return min(max(x, low), high)


def token_loss(name: str, row: Row, t: int, ratio: float, o: dict[str, Any]) -> float:
    """The loss of a token, without KL, as each paper prints it."""
    a = row["advantages"][t]
    if name == "reinforce":
        return -a * row["logps"][t]
    if name == "cispo":
        return -clip(ratio, 1 - o["eps_low"], 1 + o["eps_high"]) * a * row["logps"][t]
    if name == "cispo-bound":
        return -min(ratio, o["eps_high"]) * a * row["logps"][t]
    clipped = min(ratio * a, clip(ratio, 1 - o["eps_low"], 1 + o["eps_high"]) * a)
    if name == "dual-clip" and a < 0:
        clipped = max(clipped, o["dual_clip"] * a)
    if name == "tis":
        clipped *= min(math.exp(row["old_logps"][t] - row["rollout_logps"][t]), o["weight_bound"])
    return -clipped


def value_loss(name: str, variant: str, row: Row, t: int, o: dict[str, Any]) -> float:
    """A squared error, the worse of two where it is clipped."""
    v, old, r = row["values"][t], row["old_values"][t], row["returns"][t]
    error = (v - r) ** 2
    if name == "value":
        error = max(error, (clip(v, old - o["value_clip"], old + o["value_clip"]) - r) ** 2)
    return error if variant == "whole" else 0.5 * error


def straight(loss: PolicyLoss, variant: str, rows: list[Row], o: dict[str, Any]) -> float:
    """The loss of a batch of responses, each without its padding."""
    by_response: list[list[float]] = []
    for row in rows:
        gaps = [new - old for new, old in zip(row["logps"], row["old_logps"], strict=True)]
        ratios = [math.exp(gap) for gap in gaps]
        if loss.name.startswith("gspo"):
            ratios = [math.exp(sum(gaps) / len(gaps))] * len(gaps)
        losses = []
        for t, ratio in enumerate(ratios):
            if loss.name.startswith("value"):
                losses.append(value_loss(loss.name, variant, row, t, o))
                continue
            gap = row["ref_logps"][t] - row["logps"][t]
            kl = math.exp(gap) - gap - 1
            losses.append(token_loss(loss.name, row, t, ratio, o) + o.get("beta", 0.0) * kl)
        by_response.append(losses)
    return aggregated(variant, by_response, o)


def aggregated(variant: str, by_response: list[list[float]], o: dict[str, Any]) -> float:
    """One number, by the name of the convention."""
    tokens = [loss for losses in by_response for loss in losses]
    if variant == "seq-mean-token-sum":
        return sum(tokens) / len(by_response)
    if "seq-mean-token-mean" in variant:
        return sum(sum(losses) / len(losses) for losses in by_response) / len(by_response)
    divisor = {"constant": len(by_response) * o.get("max_length", 0), "global-tokens": o.get("global_tokens", 0)}
    return sum(tokens) / divisor.get(variant, len(tokens))


def responses(batch: PolicyProblem) -> list[Row]:
    """Each response without its padding."""
    names = [symbol.name for symbol in INPUTS]
    keep = batch.mask.astype(bool)
    return [{n: getattr(batch, n)[i][keep[i]].tolist() for n in names} for i in range(len(keep))]


def slope_of(value: Callable[[PolicyProblem], float], batch: PolicyProblem, name: str) -> np.ndarray[Any, Any]:
    """Central differences in every entry of an input."""
    found = np.zeros(batch.mask.shape)
    for at in np.ndindex(batch.mask.shape):
        step = np.zeros(batch.mask.shape)
        step[at] = 1e-6
        up, down = (replace(batch, **{name: getattr(batch, name) + sign * step}) for sign in (1, -1))
        found[at] = (value(up) - value(down)) / 2e-6
    return found


# --- the tests ----------------------------------------------------------------------------------------------------


@every_variant
@pytest.mark.parametrize("choice", [0, 1, 2])
def test_expression_and_reference_have_the_value_of_the_paper(loss: PolicyLoss, variant: str, choice: int) -> None:
    """At defaults and at two other settings of all options."""
    batch = problem(choice)
    case = PolicyCase(reference(loss, variant), batch)
    wanted = straight(loss, variant, responses(batch), case.options)

    assert float(case.expected_loss.value) == pytest.approx(wanted, rel=1e-12)
    assert float(case.value(case.found)) == pytest.approx(wanted, rel=1e-12)


@every_variant
def test_the_gradient_is_that_of_the_value_with_weights_held_fixed(loss: PolicyLoss, variant: str) -> None:
    """Central differences of the straight formula; CISPO's and GSPO-token's stops are put in by hand."""
    batch = problem()
    case = PolicyCase(reference(loss, variant), batch)
    name = str(loss.trained.name)

    def value(moved: PolicyProblem) -> float:
        rows, now = responses(moved), responses(batch)
        if loss.name.startswith("cispo"):  # the ratio stays that of the batch, log π moves
            rows = [
                row
                | {
                    "old_logps": [
                        n - (b - o) for n, b, o in zip(row["logps"], at["logps"], at["old_logps"], strict=True)
                    ]
                }
                for row, at in zip(rows, now, strict=True)
            ]
        return straight(loss, variant, rows, case.options)

    wanted = slope_of(value, batch, name)
    if loss.name == "gspo-token":  # each token has the slope of its own advantage
        wanted = by_token(loss, variant, batch, case.options)

    np.testing.assert_allclose(case.expected_gradient.value, wanted, atol=1e-8)
    np.testing.assert_allclose(case.slope(case.found), wanted, atol=1e-8)


def by_token(loss: PolicyLoss, variant: str, batch: PolicyProblem, o: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The gradient of GSPO-token: −w·s·A where s counts, 0 where it is cut; and that of KL."""
    made = np.zeros(batch.mask.shape)
    for i, row in enumerate(responses(batch)):
        n = len(row["logps"])
        s = math.exp(sum(a - b for a, b in zip(row["logps"], row["old_logps"], strict=True)) / n)
        weight = 1 / (len(batch.mask) * n) if variant == "seq-mean-token-mean" else 1 / batch.mask.sum()
        for t in range(n):
            a = row["advantages"][t]
            cut = (a > 0 and s > 1 + o["eps_high"]) or (a < 0 and s < 1 - o["eps_low"])
            kl = 1 - math.exp(row["ref_logps"][t] - row["logps"][t])
            made[i, t] = weight * (-(0 if cut else s * a) + o["beta"] * kl)
    return made


def test_the_stable_surrogate_is_the_printed_one() -> None:
    """min(ρA, clip(ρ)A) by the sign of A, on a grid that has A = 0 and both ends of the range."""
    ratios, advantages = np.meshgrid([1e-3, 0.5, 0.8, 1.0, 1.25, 3.0, 1e3], [-2.0, -0.5, 0.0, 0.5, 2.0])
    symbols = {symbol.name: symbol for symbol in (*INPUTS, log_ratio, eps_low, eps_high)}
    at = {symbols["log_ratio"]: np.log(ratios), symbols["advantages"]: advantages, eps_low: 0.2, eps_high: 0.25}

    np.testing.assert_allclose(evaluate(surrogate, at), evaluate(surrogate_as_printed, at), rtol=1e-12, atol=1e-15)


def test_the_value_loss_without_ties_is_the_printed_one() -> None:
    """On a grid in and out of the range, on both sides of the returns."""
    grid = np.linspace(-2, 2, 9)
    v, old, r = (axis.ravel() for axis in np.meshgrid(grid, grid, grid))
    symbols = {symbol.name: symbol for symbol in INPUTS}
    at = {symbols["values"]: v, symbols["old_values"]: old, symbols["returns"]: r, value_clip: 0.3}

    np.testing.assert_allclose(evaluate(clipped_error, at), evaluate(clipped_error_as_printed, at), atol=1e-12)


def test_names_are_found_with_other_spellings_and_refused_otherwise() -> None:
    """As `--loss` takes them."""
    assert policy_loss("DR_GRPO").name == "dr-grpo"
    assert policy_loss("rloo").name == "reinforce"
    with pytest.raises(UnknownNameError, match="loss of a policy"):
        policy_loss("pgo")
