"""DPO with something that holds the chosen response's likelihood up: DPOP, RPO."""

from __future__ import annotations

from sympy import Max

from alignprops.atoms import softplus
from alignprops.conformance.specification import Option
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import (
    BETA,
    LABEL_SMOOTHING,
    beta,
    chosen_length,
    chosen_log_ratio,
    log_ratio_difference,
    pair_margin,
    policy_chosen,
    smoothed,
)
from alignprops.quantity import nonnegative

dpop_lambda = nonnegative("dpop_lambda", r"\lambda")
rpo_alpha = nonnegative("rpo_alpha", r"\alpha")

_LAMBDA = Option(
    "dpop_lambda", (1.0, 1 / 2, 5.0, 0.0), "weight of the penalty", aliases=("lambda_", "lambda_dpop"), neutral=False
)
_ALPHA = Option("rpo_alpha", (1.0, 1 / 2, 2.0, 0.0), "weight of the NLL", aliases=("nll_weight",), neutral=False)

PENALISED_LOSSES = (
    PairLoss(
        "dpop",
        "DPO-positive: a chosen response that falls below the reference lowers the margin",
        "Pal et al. 2024 (Smaug), Eq. 3",
        options=(BETA, _LAMBDA),
        expressions={"": softplus(-beta * (log_ratio_difference - dpop_lambda * Max(0, -chosen_log_ratio)))},
        traits=frozenset({"logistic", "monotone", "kinked"}),
    ),
    PairLoss(
        "rpo",
        "reasoning preference optimisation: DPO + α × NLL of the chosen response",
        "Pang et al. 2024 (Iterative RPO), Eq. 1",
        options=(BETA, _ALPHA, LABEL_SMOOTHING),
        variants={
            "nll-mean": "NLL averaged over the chosen response's own tokens, as in the paper",
            "nll-sum": "NLL summed over the chosen response's tokens",
        },
        expressions={
            "nll-mean": smoothed(pair_margin) - rpo_alpha * policy_chosen / chosen_length,
            "nll-sum": smoothed(pair_margin) - rpo_alpha * policy_chosen,
        },
        traits=frozenset({"logistic", "monotone-unless-smoothed"}),
    ),
)
