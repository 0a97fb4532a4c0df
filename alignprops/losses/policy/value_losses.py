"""Losses of the value function of PPO: squared errors, clipped or plain, with the factor ½ or without."""

from __future__ import annotations

import sympy as sp

from alignprops.losses.policy.aggregation import SEQUENCE_MEAN, TOKEN_MEAN, TOLD
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.symbols import VALUE_CLIP, old_values, returns, value_clip, values

_HALF, _WHOLE, _BY_RESPONSE = "half", "whole", f"half, {SEQUENCE_MEAN}"
_VARIANTS = {
    _HALF: f"½ of a squared error, {TOLD[TOKEN_MEAN]}",
    _WHOLE: f"a squared error without the ½, {TOLD[TOKEN_MEAN]}",
    _BY_RESPONSE: f"½ of a squared error, {TOLD[SEQUENCE_MEAN]}",
}
_MODES = {_HALF: TOKEN_MEAN, _WHOLE: TOKEN_MEAN, _BY_RESPONSE: SEQUENCE_MEAN}
squared_error = (values - returns) ** 2
#: clip(V, V_old − ε, V_old + ε).
clipped_value = sp.Min(sp.Max(values, old_values - value_clip), old_values + value_clip)
#: The larger of both errors: a clip that only makes it worse (Schulman et al. 2017, as in its published code).
clipped_error_as_printed = sp.Max(squared_error, (clipped_value - returns) ** 2)
#: V − clip(V): how far the value has left the range.
excess = sp.Max(values - old_values - value_clip, 0) - sp.Max(old_values - value_clip - values, 0)
#: The same: (clip(V) − R)² − (V − R)² = excess·(excess − 2(V − R)), which is 0 together with its slope in the range.
clipped_error = squared_error + sp.Max(excess * (excess - 2 * (values - returns)), 0)


def _scaled(error: sp.Expr) -> dict[str, sp.Expr]:
    return {_HALF: error / 2, _WHOLE: error, _BY_RESPONSE: error / 2}


VALUE_LOSSES = (
    PolicyLoss(
        "value",
        "the clipped loss of PPO's value function",
        "Schulman et al. 2017, Section 5; Huang et al. 2022, detail 9",
        options=(VALUE_CLIP,),
        variants=_VARIANTS,
        expressions=_scaled(clipped_error),
        modes=_MODES,
        inputs=("values", "old_values", "returns"),
        traits=frozenset({"value", "clipped-value"}),
    ),
    PolicyLoss(
        "value-plain",
        "the squared error of a value function",
        "Schulman et al. 2017, Section 5",
        variants=_VARIANTS,
        expressions=_scaled(squared_error),
        modes=_MODES,
        inputs=("values", "returns"),
        traits=frozenset({"value"}),
    ),
)
