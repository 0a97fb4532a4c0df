"""DPO of other divergences than the reverse KL: the margin is β(f'(z_w) − f'(z_l)), z = π/π_ref.

f' is defined up to a constant (the multiplier of the policy's normalisation), which only the difference is free of.
With the reverse KL, f'(z) = log z + 1, it is DPO.
"""

from __future__ import annotations

import sympy as sp

from alignprops.atoms import limited_exp, log_sigmoid
from alignprops.conformance.specification import Option
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import (
    BETA,
    LABEL_SMOOTHING,
    beta,
    chosen_log_ratio,
    rejected_log_ratio,
    smoothed,
)
from alignprops.quantity import positive

alpha = positive("alpha", r"\alpha")
_ALPHA = Option(
    "alpha",
    (1 / 4, 1 / 2, 3 / 4, 7 / 8),
    "order of the divergence",
    aliases=("alpha_divergence_coef", "f_alpha_divergence_coef"),
    neutral=False,
)
_SOURCE = "Wang et al. 2023 (Beyond reverse KL), Eq. 8 and Table 1"
_TRAITS = frozenset({"logistic", "monotone-unless-smoothed"})


def _of_difference(chosen: sp.Expr, rejected: sp.Expr) -> sp.Expr:
    return smoothed(beta * (chosen - rejected))


def _power(order: sp.Expr) -> sp.Expr:
    """The loss for f'(z) = (1 − z^(−a))/a."""
    return _of_difference(-limited_exp(-order * chosen_log_ratio), -limited_exp(-order * rejected_log_ratio)).subs(
        beta, beta / order
    )


F_DIVERGENCE_LOSSES = (
    PairLoss(
        "f-dpo-forward-kl",
        "f-DPO of the forward KL: f'(z) = −1/z",
        _SOURCE,
        options=(BETA, LABEL_SMOOTHING),
        expressions={"": _of_difference(-limited_exp(-chosen_log_ratio), -limited_exp(-rejected_log_ratio))},
        traits=_TRAITS,
    ),
    PairLoss(
        "f-dpo-js",
        "f-DPO of the Jensen-Shannon divergence: f'(z) = log(2z/(1+z))",
        _SOURCE,
        options=(BETA, LABEL_SMOOTHING),
        # log(2z/(1+z)) = log 2 + log σ(log z), and log 2 cancels.
        expressions={"": _of_difference(log_sigmoid(chosen_log_ratio), log_sigmoid(rejected_log_ratio))},
        traits=_TRAITS,
    ),
    PairLoss(
        "f-dpo-alpha",
        "f-DPO of an α-divergence",
        _SOURCE,
        options=(BETA, _ALPHA, LABEL_SMOOTHING),
        variants={
            "paper": "f'(z) = (1 − z^(−α))/α: reverse KL for α → 0, forward KL for α = 1, as in the paper",
            "complement": "f'(z) = (z^(α−1) − 1)/(α − 1): reverse KL for α → 1, forward KL for α = 0 (1 − α for α)",
        },
        expressions={"paper": _power(alpha), "complement": _power(1 - alpha)},
        traits=_TRAITS,
    ),
)
