"""Losses of the margin β × log-ratio difference: DPO and its convex relatives.

The function of the margin is that of `alignprops.losses.table`; here it meets the pair's four log-probabilities.
"""

from __future__ import annotations

import sympy as sp

from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.symbols import (
    BETA,
    LABEL_SMOOTHING,
    beta,
    log_ratio_difference,
    pair_margin,
)
from alignprops.losses.pairwise import margin
from alignprops.losses.table import PAIRWISE_LOSSES, tau


def _of_margin(name: str) -> sp.Expr:
    return PAIRWISE_LOSSES[name].expression.subs(margin, pair_margin)


_IPO = PAIRWISE_LOSSES["ipo"].expression.subs(margin, log_ratio_difference).subs(tau, beta)

MARGIN_LOSSES = (
    PairLoss(
        "dpo",
        "direct preference optimisation; with label smoothing its conservative form (cDPO)",
        "Rafailov et al. 2023, Eq. 7; Mitchell 2023",
        options=(BETA, LABEL_SMOOTHING),
        expressions={"": _of_margin("label-smoothed")},
        traits=frozenset({"logistic", "difference", "monotone-unless-smoothed"}),
    ),
    PairLoss(
        "ipo",
        "identity preference optimisation",
        "Azar et al. 2023, Eq. 17",
        options=(BETA,),
        variants={
            "sum": "(h − 1/(2β))² of log-probabilities summed over tokens, as in the paper",
            "mean": "(h − 1/(2β))² of log-probabilities averaged over tokens, as the authors advised libraries",
        },
        expressions={"sum": _IPO, "mean": _IPO},
        logps={"mean": "mean"},
        traits=frozenset({"difference"}),
    ),
    PairLoss(
        "hinge",
        "hinge loss on the margin (SLiC-HF)",
        "Zhao et al. 2023, Section 2",
        options=(BETA,),
        expressions={"": _of_margin("hinge")},
        traits=frozenset({"difference", "monotone", "kinked"}),
    ),
    PairLoss(
        "robust",
        "robust DPO: unbiased under labels flipped with probability ε",
        "Chowdhury et al. 2024, Section 3",
        options=(BETA, LABEL_SMOOTHING),
        expressions={"": _of_margin("robust")},
        traits=frozenset({"difference", "monotone", "logistic"}),
    ),
    PairLoss(
        "dpo-norm",
        "DPO on log-probabilities averaged over tokens",
        "Lambert et al. 2024 (Tülu 3), Eq. 6",
        options=(BETA, LABEL_SMOOTHING),
        expressions={"": _of_margin("label-smoothed")},
        logps={"": "mean"},
        traits=frozenset({"logistic", "difference", "monotone-unless-smoothed"}),
    ),
    PairLoss(
        "squared-hinge",
        "squared hinge loss on the margin (truncated square)",
        "Tang et al. 2024, Table 1",
        options=(BETA,),
        expressions={"": _of_margin("squared-hinge")},
        traits=frozenset({"difference", "monotone"}),
    ),
    PairLoss(
        "exponential",
        "exponential loss of the margin",
        "Tang et al. 2024, Table 1",
        options=(BETA,),
        expressions={"": _of_margin("exponential")},
        traits=frozenset({"difference", "monotone"}),
    ),
)
