"""The symbols of a token of a sampled response, in the field's names, and the options of the losses."""

from __future__ import annotations

import sympy as sp

from alignprops.conformance.specification import Option
from alignprops.quantity import nonnegative, positive, real

#: log π(y_t|x, y_<t) under the policy that is trained, that which sampled, the reference, and the sampling engine's.
logps = real("logps", r"\log\pi_t")
old_logps = real("old_logps", r"\log\pi^{\mathrm{old}}_t")
ref_logps = real("ref_logps", r"\log\pi^{\mathrm{ref}}_t")
rollout_logps = real("rollout_logps", r"\log\pi^{\mathrm{rollout}}_t")
advantages = real("advantages", r"A_t")
values = real("values", r"V_t")
old_values = real("old_values", r"V^{\mathrm{old}}_t")
returns = real("returns", r"R_t")
INPUTS = (logps, old_logps, ref_logps, rollout_logps, advantages, values, old_values, returns)

#: log ρ: log π_t − log π_old,t of the token, or the mean of that over the response.
log_ratio = real("log_ratio", r"\log\rho")
#: A factor that no gradient flows through.
weight = nonnegative("weight", r"w_t")

eps_low = positive("eps_low", r"\varepsilon_{\mathrm{low}}")
eps_high = positive("eps_high", r"\varepsilon_{\mathrm{high}}")
dual_clip = positive("dual_clip", r"c")
beta = nonnegative("beta", r"\beta")
value_clip = positive("value_clip", r"\varepsilon_V")
weight_bound = positive("weight_bound", r"C")

ratio = sp.exp(log_ratio)
#: clip(ρ, 1 − ε_low, 1 + ε_high).
clipped_ratio = sp.Min(sp.Max(ratio, 1 - eps_low), 1 + eps_high)

#: Names of one range for both sides stand last among those of the lower: code with both binds each.
EPS_LOW = Option(
    "eps_low",
    (3 / 16, 1 / 8, 1 / 2, 1 / 4),
    "how far a ratio may fall below 1; code with one range has it on both sides",
    aliases=(
        *(
            "cliprange_low",
            "clip_ratio_low",
            "epsilon_low",
            "clip_eps_low",
            "eps_clip_low",
            "clip_low",
            "clip_range_low",
        ),
        *("cliprange", "clip_range", "clip_eps", "eps_clip", "epsilon", "eps", "clip_ratio", "clip_epsilon"),
    ),
    neutral=False,
)
EPS_HIGH = Option(
    "eps_high",
    (1 / 4, 3 / 8, 3 / 4, 1 / 8),
    "how far a ratio may rise above 1; where there is none, as far as it may fall below",
    aliases=(
        "cliprange_high",
        "clip_ratio_high",
        "epsilon_high",
        "clip_eps_high",
        "eps_clip_high",
        "clip_high",
        "clip_range_high",
    ),
)
#: For CISPO as libraries write it: the bound of the ratio itself.
RATIO_BOUND = Option(
    "eps_high",
    (5 / 4, 3 / 2, 2.0, 1.0),
    "the largest weight",
    aliases=EPS_HIGH.aliases,
    neutral=False,
)
DUAL_CLIP = Option(
    "dual_clip",
    (3.0, 2.0, 5 / 4, 4.0),
    "the largest ratio that counts where the advantage is negative",
    aliases=("clip_ratio_c", "eps_clip_c", "dual_clip_c", "clip_c", "dual_clip_ratio"),
    neutral=False,
)
BETA = Option(
    "beta",
    (0.0, 1 / 8, 1 / 2, 1.0),
    "weight of the KL divergence from the reference (k3)",
    aliases=("kl_coef", "kl_loss_coef", "kl_beta", "kl_coeff", "init_kl_coef"),
)
VALUE_CLIP = Option(
    "value_clip",
    (1 / 4, 1 / 8, 1.0, 1 / 2),
    "how far a value may move from the old one",
    aliases=("cliprange_value", "value_clip_range", "value_clip_eps", "clip_range_vf", "vf_clip", *EPS_LOW.aliases),
    neutral=False,
)
WEIGHT_BOUND = Option(
    "weight_bound",
    (2.0, 5 / 4, 1.0, 4.0),
    "the largest importance weight of old against rollout policy",
    aliases=("tis_cap", "tis_imp_ratio_cap", "rollout_is_threshold", "imp_ratio_cap", "truncation"),
    neutral=False,
)
#: Normalisers that do not depend on the batch.
MAX_LENGTH = Option(
    "max_length",
    (8, 16, 4, 32),
    "tokens that a response may have at most",
    aliases=("max_completion_length", "max_response_length", "loss_scale_factor", "max_tokens"),
    neutral=False,
)
GLOBAL_TOKENS = Option(
    "global_tokens",
    (16, 8, 32, 64),
    "unmasked tokens of the whole batch, of which this may be a part",
    aliases=("num_items_in_batch", "batch_num_tokens", "num_items", "global_num_tokens", "num_tokens_in_batch"),
    neutral=False,
)
