"""Losses that leave log π_t unclipped: the policy gradient itself, and CISPO, which clips its weight."""

from __future__ import annotations

import sympy as sp

from alignprops.conformance.specification import Option
from alignprops.losses.policy.aggregation import SEQUENCE_MEAN, SEQUENCE_SUM, TOKEN_MEAN, TOLD
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.symbols import (
    BETA,
    EPS_HIGH,
    EPS_LOW,
    RATIO_BOUND,
    advantages,
    clipped_ratio,
    eps_high,
    logps,
    ratio,
    weight,
)

_MODES = (TOKEN_MEAN, SEQUENCE_MEAN, SEQUENCE_SUM)
#: Williams 1992, Eq. 11, negated.
policy_gradient = -advantages * logps
#: Chen et al. 2025 (MiniMax-M1), Eq. 4 and 5, negated: −sg[clip(ρ)]·A·log π_t.
weighted_gradient = -weight * advantages * logps


def _cispo(name: str, told: str, options: tuple[Option, ...], bound: sp.Expr) -> PolicyLoss:
    return PolicyLoss(
        name,
        f"CISPO: the ratio is a weight, clipped and held fixed; {told}",
        "Chen et al. 2025, Eq. 4 and 5",
        options=(*options, BETA),
        variants={TOKEN_MEAN: TOLD[TOKEN_MEAN], SEQUENCE_MEAN: TOLD[SEQUENCE_MEAN]},
        expressions=dict.fromkeys((TOKEN_MEAN, SEQUENCE_MEAN), weighted_gradient),
        modes={mode: mode for mode in (TOKEN_MEAN, SEQUENCE_MEAN)},
        inputs=("logps", "old_logps", "ref_logps", "advantages"),
        stopped={weight: bound},
        traits=frozenset({"of-logps"}),
    )


UNCLIPPED_LOSSES = (
    PolicyLoss(
        "reinforce",
        "the policy gradient −A·log π of sampled responses (REINFORCE, REINFORCE++, RLOO by their advantages)",
        "Williams 1992, Eq. 11; PG-1",
        variants={mode: TOLD[mode] for mode in _MODES},
        expressions=dict.fromkeys(_MODES, policy_gradient),
        modes={mode: mode for mode in _MODES},
        inputs=("logps", "advantages"),
        traits=frozenset({"of-logps"}),
    ),
    _cispo("cispo", "clipped to 1 − ε_low … 1 + ε_high", (EPS_LOW, EPS_HIGH), clipped_ratio),
    _cispo("cispo-bound", "at most ε_high itself", (RATIO_BOUND,), sp.Min(ratio, eps_high)),
)
