"""Losses that see each response's implicit reward on its own, and not only the difference of the two.

r = β(log π(y|x) − log π_ref(y|x)). A constant of the prompt in the reference's log-probabilities changes them, so that
scores which are defined up to a constant (those of an f-divergence other than the reverse KL) must not enter here.
"""

from __future__ import annotations

from sympy import Rational

from alignprops.atoms import sigmoid, softplus
from alignprops.conformance.specification import Option
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import (
    BETA,
    beta,
    chosen_log_ratio,
    chosen_reward,
    pair_margin,
    rejected_log_ratio,
    rejected_reward,
)
from alignprops.quantity import real

#: δ, the shift of the rewards; BCO takes the running mean of both responses' rewards.
delta = real("delta", r"\delta")
_DELTA = Option("delta", (0.0, 1 / 2, -3 / 4, 2.0), "the rewards' shift: the running mean of both")

_HALF = Rational(1, 2)
_SHIFTED = "with the constants that make both terms positive (1 − σ for −σ), as libraries have it"

OWN_REWARD_LOSSES = (
    PairLoss(
        "sppo-hard",
        "self-play preference optimisation with hard labels: each log-ratio is drawn to ±1/(2β)",
        "Wu et al. 2024, Eq. 4.7 with P = 1 and P = 0, divided by η² (β = 1/η)",
        options=(BETA,),
        expressions={"": (chosen_log_ratio - 1 / (2 * beta)) ** 2 + (rejected_log_ratio + 1 / (2 * beta)) ** 2},
    ),
    PairLoss(
        "nca-pair",
        "noise contrastive alignment of a pair",
        "Chen et al. 2024, Eq. 13 for K = 2 and hard preferences",
        options=(BETA,),
        expressions={
            "": softplus(-chosen_reward) + _HALF * softplus(chosen_reward) + _HALF * softplus(rejected_reward)
        },
        traits=frozenset({"logistic"}),
    ),
    PairLoss(
        "bco-pair",
        "binary classifier optimisation on a pair: the chosen response is a 1, the rejected a 0",
        "Jung et al. 2024, Section 3, with the reward's shift δ given",
        options=(BETA, _DELTA),
        expressions={"": softplus(delta - chosen_reward) + softplus(rejected_reward - delta)},
        traits=frozenset({"logistic", "monotone"}),
    ),
    PairLoss(
        "apo-zero",
        "anchored preference optimisation, zero: the chosen rises and the rejected falls from the reference",
        "D'Oosterlinck et al. 2024, Eq. 7",
        options=(BETA,),
        variants={"shifted": _SHIFTED, "paper": "−σ(r_w) + σ(r_l), as in the paper"},
        expressions={
            "shifted": sigmoid(-chosen_reward) + sigmoid(rejected_reward),  # 1 − σ(r) = σ(−r)
            "paper": sigmoid(rejected_reward) - sigmoid(chosen_reward),
        },
        traits=frozenset({"monotone"}),
    ),
    PairLoss(
        "apo-down",
        "anchored preference optimisation, down: both fall from the reference, the rejected more",
        "D'Oosterlinck et al. 2024, Eq. 8",
        options=(BETA,),
        variants={"shifted": _SHIFTED, "paper": "σ(r_w) − σ(r_w − r_l), as in the paper"},
        expressions={
            "shifted": sigmoid(chosen_reward) + sigmoid(-pair_margin),
            "paper": sigmoid(chosen_reward) - sigmoid(pair_margin),
        },
    ),
)
