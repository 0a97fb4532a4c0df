"""DPO that looks at how long the responses are: R-DPO, LD-DPO and WPO.

The lengths are counts of tokens, and constants of the data.
"""

from __future__ import annotations

from sympy import exp

from alignprops.atoms import softplus
from alignprops.conformance.specification import Option
from alignprops.losses.pairs.pair_loss import LD_ALPHA, PairLoss
from alignprops.losses.pairs.symbols import (
    BETA,
    chosen_length,
    pair_margin,
    policy_chosen,
    policy_rejected,
    rejected_length,
)
from alignprops.quantity import nonnegative, positive

alpha = nonnegative("alpha", r"\alpha")
#: w(y_w) w(y_l), of the policy but held fixed.
pair_weight = positive("pair_weight", r"w")

_ALPHA = Option("alpha", (1 / 8, 1 / 2, 1 / 64, 0.0), "price of a token, in units of the reward", neutral=False)
_LD_ALPHA = Option(LD_ALPHA, (1.0, 1 / 2, 1 / 4, 0.0), "weight of the tokens beyond the shorter response's length")

LENGTH_LOSSES = (
    PairLoss(
        "r-dpo",
        "length-regularised DPO: the reward is r − α × length, so the margin is βh + α|y_w| − α|y_l|",
        "Park et al. 2024, Eq. 9",
        options=(BETA, _ALPHA),
        expressions={"": softplus(-(pair_margin + alpha * chosen_length - alpha * rejected_length))},
        traits=frozenset({"logistic", "difference", "monotone"}),
    ),
    PairLoss(
        "ld-dpo",
        "length-desensitised DPO: tokens beyond the shorter response's length weigh α, under policy and reference",
        "Liu et al. 2024 (LD-DPO), Eq. 9 to 11",
        options=(BETA, _LD_ALPHA),
        expressions={"": softplus(-pair_margin)},
        logps={"": "shared"},
        traits=frozenset({"logistic", "monotone"}),
    ),
    PairLoss(
        "wpo",
        "weighted preference optimisation: DPO weighted by how likely both responses are under the policy",
        "Zhou et al. 2024, Eq. 2, with weights exp(log π(y|x)/|y|), of sequence log-probabilities and held fixed; "
        "their alignment with the policy's next-token distributions needs more than a pair's log-probabilities",
        options=(BETA,),
        expressions={"": pair_weight * softplus(-pair_margin)},
        stopped={pair_weight: exp(policy_chosen / chosen_length + policy_rejected / rejected_length)},
        traits=frozenset({"logistic"}),
    ),
)
