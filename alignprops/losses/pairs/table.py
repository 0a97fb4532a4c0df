"""The losses of preference pairs by name."""

from __future__ import annotations

from collections.abc import Mapping

from alignprops._errors import UnknownNameError
from alignprops.losses.pairs.margins import MARGIN_LOSSES
from alignprops.losses.pairs.pair_loss import PairLoss

#: Every loss of a pair, by the name that `--loss` takes.
PAIR_LOSSES: Mapping[str, PairLoss] = {loss.name: loss for loss in (*MARGIN_LOSSES,)}
#: Other names in use for the same loss.
ALIASES: Mapping[str, str] = {
    "sigmoid": "dpo",
    "label-smoothed": "cdpo",
    "slic": "hinge",
}


def pair_loss(name: str) -> PairLoss:
    """The loss of that name, or of another name in use for it.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    plain = name.lower().replace("_", "-")
    known = ALIASES.get(plain, plain)
    if known not in PAIR_LOSSES:
        raise UnknownNameError("loss of a preference pair", name, [*PAIR_LOSSES, *ALIASES])
    return PAIR_LOSSES[known]
