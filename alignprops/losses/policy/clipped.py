"""Losses of a clipped ratio: PPO, its dual clip, and the group-relative family.

−min(ρA, clip(ρ, 1 − ε_low, 1 + ε_high)·A) of a token, with ρ = π_t/π_old,t or, for GSPO, of the whole response. The
members of the family differ in what ρ is of, in whether β·k3 is added, and in how tokens are aggregated.
"""

from __future__ import annotations

import sympy as sp

from alignprops.losses.policy.aggregation import CONSTANT, GLOBAL, SEQUENCE_MEAN, SEQUENCE_SUM, TOKEN_MEAN, TOLD
from alignprops.losses.policy.policy_loss import Level, PolicyLoss
from alignprops.losses.policy.symbols import (
    BETA,
    DUAL_CLIP,
    EPS_HIGH,
    EPS_LOW,
    GLOBAL_TOKENS,
    MAX_LENGTH,
    WEIGHT_BOUND,
    advantages,
    clipped_ratio,
    dual_clip,
    eps_high,
    eps_low,
    old_logps,
    ratio,
    rollout_logps,
    weight,
    weight_bound,
)

#: Schulman et al. 2017, Eq. 6, negated.
unclipped_surrogate = -ratio * advantages
#: Schulman et al. 2017, Eq. 7, as printed and negated. Its two arguments are equal wherever nothing is clipped.
surrogate_as_printed = -sp.Min(ratio * advantages, clipped_ratio * advantages)
gain, cost = sp.Max(advantages, 0), sp.Max(-advantages, 0)
#: The same (PPO-1): where A > 0 the ratio counts up to 1 + ε_high, where A < 0 from 1 − ε_low on. No tie but at the
#: kinks, and no difference of large numbers.
surrogate = cost * sp.Max(ratio, 1 - eps_low) - gain * sp.Min(ratio, 1 + eps_high)
#: Ye et al. 2020, Eq. 5, negated: max(min(ρA, clip(ρ)A), cA) where A < 0; there the ratio counts up to c as well.
dual_surrogate = cost * sp.Min(sp.Max(ratio, 1 - eps_low), dual_clip) - gain * sp.Min(ratio, 1 + eps_high)


def _clipped(
    name: str,
    title: str,
    source: str,
    *modes: str,
    kl: bool = True,
    level: Level = "token",
    traits: frozenset[str] = frozenset(),
) -> PolicyLoss:
    own = {CONSTANT: MAX_LENGTH, GLOBAL: GLOBAL_TOKENS}
    normalisers = tuple(own[mode] for mode in modes if mode in own)
    return PolicyLoss(
        name,
        title,
        source,
        options=(EPS_LOW, EPS_HIGH, *((BETA,) if kl else ()), *normalisers),
        variants={mode: TOLD[mode] for mode in modes},
        expressions=dict.fromkeys(modes, surrogate),
        modes={mode: mode for mode in modes},
        own_options={mode: (own[mode].name,) for mode in modes if mode in own},
        level=level,
        inputs=("logps", "old_logps", *(("ref_logps",) if kl else ()), "advantages"),
        traits=frozenset({"clipped", "pessimistic"}) | traits,
    )


_POLICY_MODES = (TOKEN_MEAN, SEQUENCE_MEAN, SEQUENCE_SUM)
CLIPPED_LOSSES = (
    _clipped(
        "ppo",
        "proximal policy optimisation: the clipped surrogate",
        "Schulman et al. 2017, Eq. 7",
        *_POLICY_MODES,
        kl=False,
    ),
    PolicyLoss(
        "dual-clip",
        "PPO with a dual clip: where the advantage is negative the ratio counts up to c",
        "Ye et al. 2020, Eq. 5",
        options=(EPS_LOW, EPS_HIGH, DUAL_CLIP),
        variants={mode: TOLD[mode] for mode in _POLICY_MODES},
        expressions=dict.fromkeys(_POLICY_MODES, dual_surrogate),
        modes={mode: mode for mode in _POLICY_MODES},
        traits=frozenset({"clipped", "dual"}),
    ),
    _clipped(
        "grpo",
        "group relative policy optimisation: the mean of each response's mean",
        "Shao et al. 2024, Eq. 3",
        SEQUENCE_MEAN,
    ),
    _clipped(
        "bnpo", "the clipped surrogate with the mean over the tokens of a batch", "Yu et al. 2025, Eq. 12", TOKEN_MEAN
    ),
    _clipped(
        "dapo",
        "decoupled clip: an upper range of its own, and every token of the whole batch alike",
        "Yu et al. 2025, Eq. 8 and 12",
        TOKEN_MEAN,
        GLOBAL,
    ),
    _clipped(
        "dr-grpo", "GRPO without its length bias: a constant normaliser", "Liu et al. 2025, Section 3.2", CONSTANT
    ),
    _clipped(
        "gspo",
        "group sequence policy optimisation: the ratio of the response, a geometric mean over its tokens",
        "Zheng et al. 2025, Eq. 5 to 7",
        SEQUENCE_MEAN,
        TOKEN_MEAN,
        level="sequence",
    ),
    _clipped(
        "gspo-token",
        "GSPO whose gradient is that of each token: sg[s]·π_t/sg[π_t]",
        "Zheng et al. 2025, Eq. 13 and 14",
        SEQUENCE_MEAN,
        TOKEN_MEAN,
        level="sequence-stopped",
    ),
    PolicyLoss(
        "tis",
        "PPO with truncated importance weights min(π_old/π_rollout, C) for what the sampling engine made",
        "Ionides 2008; IS-1",
        options=(EPS_LOW, EPS_HIGH, WEIGHT_BOUND),
        variants={TOKEN_MEAN: TOLD[TOKEN_MEAN]},
        expressions={TOKEN_MEAN: weight * surrogate},
        modes={TOKEN_MEAN: TOKEN_MEAN},
        inputs=("logps", "old_logps", "rollout_logps", "advantages"),
        stopped={weight: sp.Min(sp.exp(old_logps - rollout_logps), weight_bound)},
        traits=frozenset({"clipped", "weighted"}),
    ),
)
