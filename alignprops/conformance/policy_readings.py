"""What theorems read off a case beside its loss: ratios that are cut, estimates of KL, the unclipped surrogate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from alignprops.conformance.policy_case import APPROX_KL, CLIP_FRACTION, DUAL_FRACTION, PolicyCase
from alignprops.conformance.precision import EPS, SLACK, averaged, exactly, quotient, summed, total, worlds
from alignprops.expressions import Rounded, follow_in
from alignprops.losses.policy.clipped import unclipped_surrogate
from alignprops.losses.policy.symbols import advantages, weight
from alignprops.quantity import real

Bools = NDArray[np.bool_]
_gap = real("gap", "x")
#: Schulman 2020, of x = log p − log q with samples from q: k1 = −x, k2 = x²/2, k3 = eˣ − 1 − x (KLE-1).
ESTIMATORS = (-_gap, _gap**2 / 2, sp.exp(_gap) - 1 - _gap)


class Tokens(NamedTuple):
    """(B, T) each: whose ratio is cut for certain, whose counts for certain, and who is too near an end to tell."""

    cut: Bools
    counted: Bools
    unclear: Bools


def tokens_by_ratio(case: PolicyCase) -> Tokens:
    """Which tokens the clip cuts, by ratio and sign of the advantage (PPO-1b and d); masked ones and A = 0 are none."""
    ratio = worlds(case.dtype)[0].exponential(case.reference.log_ratio)
    sign = np.where(case.mask, np.sign(case.inputs["advantages"]), 0.0)
    room = ratio.error + SLACK * EPS[case.dtype] * 4
    high = np.where(sign > 0, 1 + case.options["eps_high"], case.options.get("dual_clip", np.inf))
    low = np.where(sign > 0, -np.inf, 1 - case.options["eps_low"])
    cut = (ratio.value - room > high) | (ratio.value + room < low)
    counted = (ratio.value + room < high) & (ratio.value - room > low)
    judged = sign != 0
    return Tokens(cut & judged, counted & judged, ~cut & ~counted & judged)


def clipped_share(case: PolicyCase) -> NDArray[np.float64]:
    """() the clip fraction that is returned; with that of the dual clip, where it is told apart."""
    outputs = case.found.outputs
    return np.asarray(outputs[CLIP_FRACTION] + outputs.get(DUAL_FRACTION, 0.0)).reshape(())


def unclipped(case: PolicyCase) -> PolicyCase:
    """The case judged by −wρA, without a clip."""
    loss = case.loss
    factor = weight if loss.stopped else 1
    plain = dict.fromkeys(loss.variants, factor * unclipped_surrogate)
    return replace(case, as_loss=replace(loss, expressions=plain))


def advantage_scale(case: PolicyCase) -> Rounded:
    """Σ w|A|, in the form of the main output."""
    absolute = dict.fromkeys(case.loss.variants, sp.Abs(advantages))
    return replace(case, as_loss=replace(case.loss, expressions=absolute)).expected_loss


def kl_estimates(case: PolicyCase, metric: str) -> list[Rounded]:
    """() the means of each estimator over unmasked tokens, and over responses: from the old policy or the reference."""
    inputs = case.inputs
    if metric == APPROX_KL:
        gap = case.reference.token_log_ratio
    else:
        gap = summed([exactly(inputs["ref_logps"]), exactly(-inputs["logps"])], case.dtype)
    found: list[Rounded] = []
    for estimator in ESTIMATORS:
        terms = follow_in(estimator, {_gap: gap}, worlds(case.dtype))
        by_response = _mean(terms, case, axis=1)
        found += [_mean(terms, case, axis=None), _mean_of(by_response, case)]
    return found


def _mean(terms: Rounded, case: PolicyCase, axis: int | None) -> Rounded:
    sums = total(terms, case.dtype, where=case.mask, axis=axis)
    return averaged(sums, np.maximum(case.mask.sum(axis=axis), 1), case.dtype)


def _mean_of(by_response: Rounded, case: PolicyCase) -> Rounded:
    return quotient(total(by_response, case.dtype, axis=0), exactly(by_response.value.size), case.dtype)


def nearest_estimate(case: PolicyCase, metric: str) -> tuple[Any, Rounded]:
    """The metric that is returned, and the estimate that comes nearest to it."""
    found = float(case.found.outputs[metric])
    best = min(kl_estimates(case, metric), key=lambda part: abs(found - float(part.value)) - float(part.error))
    return np.asarray(found), best
