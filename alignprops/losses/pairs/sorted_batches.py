"""Losses that sort the batch: alignment via optimal transport (AOT).

Quantiles are compared, not pairs: the sorted values of one side with the sorted values of the other, ascending.
The i-th loss is that of the i-th quantiles.
"""

from __future__ import annotations

from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.sorting import Sorting
from alignprops.losses.pairs.symbols import (
    BETA,
    LABEL_SMOOTHING,
    chosen_log_ratio,
    pair_margin,
    policy_chosen,
    policy_difference,
    policy_rejected,
    reference_chosen,
    reference_rejected,
    rejected_log_ratio,
    smoothed,
)

_SOURCE = "Melnyk et al. 2024 (AOT), Section 2, with the logistic loss"
_TRAITS = frozenset({"logistic", "monotone-unless-smoothed", "couples-batch"})

SORTED_LOSSES = (
    PairLoss(
        "aot",
        "alignment via optimal transport of paired data: sorted log π_w − log π_l against the reference's, sorted",
        f"{_SOURCE}, paired",
        options=(BETA, LABEL_SMOOTHING),
        expressions={"": smoothed(pair_margin)},
        arrangement=Sorting(
            {
                (policy_chosen.name, policy_rejected.name): policy_difference,
                (reference_chosen.name, reference_rejected.name): reference_chosen - reference_rejected,
            }
        ),
        traits=_TRAITS,
    ),
    PairLoss(
        "aot-unpaired",
        "alignment via optimal transport of unpaired data: sorted log-ratios of the chosen against the rejected's",
        f"{_SOURCE}, unpaired",
        options=(BETA, LABEL_SMOOTHING),
        expressions={"": smoothed(pair_margin)},
        arrangement=Sorting(
            {
                (policy_chosen.name, reference_chosen.name): chosen_log_ratio,
                (policy_rejected.name, reference_rejected.name): rejected_log_ratio,
            }
        ),
        traits=_TRAITS,
    ),
)
