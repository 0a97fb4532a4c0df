"""The estimators and divergences by name."""

from __future__ import annotations

from collections.abc import Mapping

from alignprops.losses.estimators.divergences import DIVERGENCES
from alignprops.losses.estimators.estimator import Divergence, Estimator, named
from alignprops.losses.estimators.tokens import TOKEN_ESTIMATORS

#: By the name that `--loss` takes.
KL_ESTIMATORS: Mapping[str, Estimator | Divergence] = {made.name: made for made in (*TOKEN_ESTIMATORS, *DIVERGENCES)}
#: Other names in use for the same.
ALIASES: Mapping[str, str] = {
    "kl": "k1",
    "mse": "k2",
    "low_var_kl": "k3",
    "low-var-kl": "k3",
    "full": "full-kl",
    "gkd": "jsd",
    "generalized-jsd": "jsd",
    "generalised-jsd": "jsd",
}


def kl_estimator(name: str) -> Estimator | Divergence:
    """The estimator or divergence of that name.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    made: Estimator | Divergence = named(KL_ESTIMATORS, ALIASES, name)  # type: ignore[assignment]
    return made
