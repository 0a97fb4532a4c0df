"""Losses of the margin that are not convex in it: EXO and DiscoPOP."""

from __future__ import annotations

from sympy import exp, log

from alignprops.atoms import log_sigmoid, sigmoid, softplus
from alignprops.conformance.specification import Option
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import BETA, label_smoothing, pair_margin
from alignprops.quantity import positive

#: τ, how sharply DiscoPOP passes from one of its losses to the other.
tau = positive("tau", r"\tau")
#: Zero would make the loss infinite: the labels' own distribution must have full support.
_EPSILON = Option(
    "label_smoothing",
    (1 / 1024, 1 / 8, 3 / 8, 1 / 4),
    "ε, the share of labels believed to be wrong",
    aliases=("epsilon",),
    neutral=False,
)
_TAU = Option(
    "tau", (1 / 16, 1 / 2, 1.0, 1 / 8), "temperature of the modulation", aliases=("discopop_tau",), neutral=False
)

NON_CONVEX_LOSSES = (
    PairLoss(
        "exo-pair",
        "efficient exact optimisation on a pair: the reverse KL from the smoothed labels to σ(βh)",
        "Ji et al. 2024, Eq. 16",
        options=(BETA, _EPSILON),
        expressions={
            "": sigmoid(pair_margin) * (log_sigmoid(pair_margin) - log(1 - label_smoothing))
            + sigmoid(-pair_margin) * (log_sigmoid(-pair_margin) - log(label_smoothing))
        },
        traits=frozenset({"logistic", "difference"}),
    ),
    PairLoss(
        "discopop",
        "log-ratio modulated loss: logistic where the margin is negative, exponential where it is positive",
        "Lu et al. 2024 (DiscoPOP), Eq. 5",
        options=(BETA, _TAU),
        # e^(−m) σ(m/τ) as e^(log σ(m/τ) − m): its factors over- and underflow together.
        expressions={
            "": sigmoid(-pair_margin / tau) * softplus(-pair_margin) + exp(log_sigmoid(pair_margin / tau) - pair_margin)
        },
        traits=frozenset({"difference"}),
    ),
)
