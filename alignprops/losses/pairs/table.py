"""The losses of preference pairs by name."""

from __future__ import annotations

from collections.abc import Mapping

from alignprops._errors import UnknownNameError
from alignprops.losses.pairs.f_divergences import F_DIVERGENCE_LOSSES
from alignprops.losses.pairs.lengths import LENGTH_LOSSES
from alignprops.losses.pairs.margins import MARGIN_LOSSES
from alignprops.losses.pairs.non_convex import NON_CONVEX_LOSSES
from alignprops.losses.pairs.own_rewards import OWN_REWARD_LOSSES
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.penalised import PENALISED_LOSSES
from alignprops.losses.pairs.reference_free import REFERENCE_FREE_LOSSES
from alignprops.losses.pairs.sorted_batches import SORTED_LOSSES

#: Every loss of a pair, by the name that `--loss` takes.
PAIR_LOSSES: Mapping[str, PairLoss] = {
    loss.name: loss
    for loss in (
        *MARGIN_LOSSES,
        *REFERENCE_FREE_LOSSES,
        *OWN_REWARD_LOSSES,
        *NON_CONVEX_LOSSES,
        *PENALISED_LOSSES,
        *LENGTH_LOSSES,
        *F_DIVERGENCE_LOSSES,
        *SORTED_LOSSES,
    )
}
#: Other names in use for the same loss, hyphens for underscores.
ALIASES: Mapping[str, str] = {
    "sigmoid": "dpo",
    "cdpo": "dpo",
    "label-smoothed": "dpo",
    "logistic": "dpo",
    "f-dpo-reverse-kl": "dpo",
    "reverse-kl": "dpo",
    "sigmoid-norm": "dpo-norm",
    "robust-dpo": "robust",
    "slic": "hinge",
    "slic-hf": "hinge",
    "exo": "exo-pair",
    "nca": "nca-pair",
    "bco": "bco-pair",
    "sppo": "sppo-hard",
    "aot-paired": "aot",
    # In libraries "aot_pair" came to be called "aot_unpaired": it sorts the chosen against the rejected.
    "aot-pair": "aot-unpaired",
    "forward-kl": "f-dpo-forward-kl",
    "js-divergence": "f-dpo-js",
    "alpha-divergence": "f-dpo-alpha",
    "length-regularised-dpo": "r-dpo",
    "dpo-positive": "dpop",
    "iterative-rpo": "rpo",
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
