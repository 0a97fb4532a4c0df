"""The losses of single answers by name."""

from __future__ import annotations

from collections.abc import Mapping

from alignprops._errors import UnknownNameError
from alignprops.atoms import sigmoid, softplus
from alignprops.losses.unpaired.symbols import (
    BETA,
    DESIRABLE_WEIGHT,
    UNDESIRABLE_WEIGHT,
    beta,
    desirable_weight,
    log_ratio,
    point,
    ratio,
    reward,
    shift,
    undesirable_weight,
)
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss

#: Conventions of the shift: it is given, or it is what a running mean of rewards is after the first batch.
GIVEN, BATCH = "given", "batch"

_ANCHORED = beta * (log_ratio - point)

_LOSSES = (
    UnpairedLoss(
        "kto",
        "Kahneman-Tversky optimisation, with the reference point max(0, mean KL) held fixed",
        "Ethayarajh et al. 2024, Eq. 7 and 8",
        options=(BETA, DESIRABLE_WEIGHT, UNDESIRABLE_WEIGHT),
        desirable=desirable_weight * (1 - sigmoid(_ANCHORED)),  # Eq. 8
        undesirable=undesirable_weight * (1 - sigmoid(-_ANCHORED)),  # Eq. 8
        traits=frozenset({"saturating", "detached-rewards"}),
    ),
    UnpairedLoss(
        "apo-zero-unpaired",
        "anchored preference optimisation on single answers: KTO with the reference point 0",
        "D'Oosterlinck et al. 2024, Section 3",
        options=(BETA, DESIRABLE_WEIGHT, UNDESIRABLE_WEIGHT),
        desirable=desirable_weight * (1 - sigmoid(reward)),
        undesirable=undesirable_weight * sigmoid(reward),
        traits=frozenset({"saturating", "detached-rewards"}),
    ),
    UnpairedLoss(
        "bco",
        "binary classifier optimisation: desirable answers against undesirable ones, around a mean reward δ",
        "Jung et al. 2024, Section 4",
        options=(BETA,),
        variants={
            GIVEN: "the reward shift δ is given (a running mean that somebody else keeps)",
            BATCH: "the reward shift δ is the mean reward of this batch, held fixed (a running mean's first value)",
        },
        desirable=softplus(-(reward - shift)),
        undesirable=ratio * softplus(reward - shift),
        traits=frozenset({"logistic"}),
    ),
)

#: Every loss of single answers, by the name that `--loss` takes.
UNPAIRED_LOSSES: Mapping[str, UnpairedLoss] = {loss.name: loss for loss in _LOSSES}
#: Other names in use for the same loss.
ALIASES: Mapping[str, str] = {"apo-zero": "apo-zero-unpaired", "kahneman-tversky": "kto"}


def unpaired_loss(name: str) -> UnpairedLoss:
    """The loss of that name, or of another name in use for it.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    plain = name.lower().replace("_", "-")
    known = ALIASES.get(plain, plain)
    if known not in UNPAIRED_LOSSES:
        raise UnknownNameError("loss of single answers", name, [*UNPAIRED_LOSSES, *ALIASES])
    return UNPAIRED_LOSSES[known]
