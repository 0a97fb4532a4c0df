"""Losses that look at no reference model: SimPO, ORPO, CPO.

SimPO and ORPO are of log-probabilities averaged over tokens; what they call the likelihood of a response is the
geometric mean of its tokens' probabilities. CPO is of their sum.
"""

from __future__ import annotations

import sympy as sp

from alignprops.atoms import log1mexp, softplus
from alignprops.conformance.specification import Option
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import (
    BETA_ALONE,
    LABEL_SMOOTHING,
    POLICY_REWARDS,
    beta,
    chosen_length,
    policy_chosen,
    policy_difference,
    policy_rejected,
    smoothed,
)
from alignprops.quantity import nonnegative

gamma = nonnegative("gamma", r"\gamma")
cpo_alpha = nonnegative("cpo_alpha", r"\alpha")

_GAMMA = Option(
    "gamma",
    (1 / 2, 1.0, 0.0, 5 / 4),
    "the margin that is aimed at",
    aliases=("simpo_gamma", "gamma_beta_ratio"),
    neutral=False,
)
_LAMBDA = Option(
    "beta",
    (1 / 8, 1 / 2, 2.0, 1.0, 3 / 8),
    "λ, the weight of the odds ratio's term",
    aliases=("lambda_", "orpo_lambda", "orpo_alpha"),
    neutral=False,
)
_CPO_ALPHA = Option(
    "cpo_alpha", (1.0, 1 / 2, 2.0, 0.0), "weight of the chosen response's NLL", aliases=("nll_weight",), neutral=False
)


def log_odds(log_probability: sp.Expr) -> sp.Expr:
    """log(P/(1−P)), of log P < 0; 1 − P is never formed."""
    return log_probability - log1mexp(-log_probability)


#: −log σ(log odds_w − log odds_l), Hong et al. 2024, Eq. 6 and 7.
_ODDS_RATIO = softplus(log_odds(policy_rejected) - log_odds(policy_chosen))
#: −log σ(β(log π_w − log π_l)), Xu et al. 2024, Eq. 3 (smoothed as DPO may be).
_PREFER = smoothed(beta * policy_difference)

REFERENCE_FREE_LOSSES = (
    PairLoss(
        "simpo",
        "simple preference optimisation: DPO on averaged log-probabilities, without a reference, with a target margin",
        "Meng et al. 2024, Eq. 6",
        options=(BETA_ALONE, _GAMMA, LABEL_SMOOTHING),
        variants={
            "absolute": "−log σ(βd − γ), d the difference of averaged log-probabilities, as in the paper",
            "ratio": "−log σ(β(d − γ)), γ standing for the paper's γ/β, as the authors' settings give it",
        },
        expressions={
            "absolute": smoothed(beta * policy_difference - gamma),
            "ratio": smoothed(beta * (policy_difference - gamma)),
        },
        logps={"absolute": "mean", "ratio": "mean"},
        rewards=POLICY_REWARDS,
        traits=frozenset({"logistic", "monotone-unless-smoothed", "reference-free"}),
    ),
    PairLoss(
        "orpo",
        "odds-ratio preference optimisation: NLL of the chosen response and λ × the log odds ratio's logistic loss",
        "Hong et al. 2024, Eq. 6 and 7",
        options=(_LAMBDA,),
        variants={
            "with-nll": "averaged NLL of the chosen response + λ × odds ratio's term, as in the paper",
            "odds-ratio": "λ × odds ratio's term alone, where code adds the NLL elsewhere",
        },
        expressions={"with-nll": -policy_chosen + beta * _ODDS_RATIO, "odds-ratio": beta * _ODDS_RATIO},
        logps={"with-nll": "mean", "odds-ratio": "mean"},
        rewards=POLICY_REWARDS,
        traits=frozenset({"logistic", "monotone", "reference-free"}),
    ),
    PairLoss(
        "cpo",
        "contrastive preference optimisation: DPO with a uniform reference, and the chosen response's NLL",
        "Xu et al. 2024, Eq. 3 to 5",
        options=(BETA_ALONE, _CPO_ALPHA, LABEL_SMOOTHING),
        variants={
            "nll-mean": "preference loss + α × NLL averaged over the chosen response's tokens, as libraries have it",
            "nll-sum": "preference loss + α × summed NLL of the chosen response, as in the paper (α = 1)",
            "preference": "the preference loss alone, where code adds the NLL elsewhere",
        },
        expressions={
            "nll-mean": _PREFER - cpo_alpha * policy_chosen / chosen_length,
            "nll-sum": _PREFER - cpo_alpha * policy_chosen,
            "preference": _PREFER,
        },
        rewards=POLICY_REWARDS,
        traits=frozenset({"logistic", "monotone-unless-smoothed", "reference-free"}),
    ),
)
