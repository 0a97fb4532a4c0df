"""trl: the losses of its trainers, called without a trainer, and its functions.

Two generations: up to 0.28 the DPO loss is a method (`DPOTrainer.dpo_loss`), since then it is inline in
`DPOTrainer._compute_loss`, which is called with models that return given log-probabilities.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, found_in, installed, load
from alignprops.hosts.trl_imports import plain_availability

if TYPE_CHECKING:
    from alignprops.subjects import Subject

#: Where the other trainers are, by release: the first that can be imported counts.
_PLACES = {
    "CPOTrainer": ("trl.experimental.cpo.cpo_trainer", "trl.trainer.cpo_trainer"),
    "ORPOTrainer": ("trl.experimental.orpo.orpo_trainer", "trl.trainer.orpo_trainer"),
    "KTOTrainer": ("trl.trainer.kto_trainer", "trl.experimental.kto.kto_trainer"),
    "GKDTrainer": ("trl.experimental.gkd.gkd_trainer", "trl.trainer.gkd_trainer"),
    "BCOTrainer": ("trl.experimental.bco.bco_trainer", "trl.trainer.bco_trainer"),
}


def subjects() -> list[Subject]:
    """All of the installed version that fits a kind.

    Raises:
        InputError: trl is not installed, too old, or cannot be imported.
    """
    from alignprops.hosts import trl_dpo, trl_dpo_method, trl_functions, trl_policy, trl_reference_free, trl_unpaired

    host = installed("trl", "trl", least="0.12", tried="0.28.0 and 1.16.0")
    with plain_availability(host) as told:
        trainer = load(host, "trl.trainer.dpo_trainer").DPOTrainer
        found = _trainers(host)
    host = _with(host, told)
    made: list[Subject] = []
    if hasattr(trainer, "dpo_loss"):
        made += trl_dpo_method.subjects(host, trainer)
    else:
        made += trl_dpo.subjects(host, trainer)
        made += trl_policy.subjects(host, load(host, "trl.trainer.grpo_trainer").GRPOTrainer)
    made += trl_reference_free.subjects(host, found)
    made += trl_unpaired.subjects(host, found)
    return made + trl_functions.subjects(host, found)


def _trainers(host: Host) -> dict[str, Any]:
    """The other trainers that the installed version has, by name."""
    found = {name: found_in(host, places, name) for name, places in _PLACES.items()}
    return {name: trainer for name, trainer in found.items() if trainer is not None}


def _with(host: Host, told: list[str]) -> Host:
    return replace(host, told=(*host.told, *told))
