"""trl: the losses of its trainers, called without a trainer, and its functions.

Two generations: up to 0.28 the DPO loss is a method (`DPOTrainer.dpo_loss`), since then it is inline in
`DPOTrainer._compute_loss`, which is called with models that return given log-probabilities.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alignprops.hosts.making import Host, installed, load
from alignprops.hosts.trl_imports import plain_availability

if TYPE_CHECKING:
    from alignprops.subjects import Subject


def subjects() -> list[Subject]:
    """All of the installed version that fits a kind.

    Raises:
        InputError: trl is not installed, too old, or cannot be imported.
    """
    from alignprops.hosts import trl_dpo, trl_dpo_method, trl_policy, trl_reference_free

    host = installed("trl", "trl", least="0.12", tried="0.28.0 and 1.16.0")
    with plain_availability(host) as told:
        trainer = load(host, "trl.trainer.dpo_trainer").DPOTrainer
        reference_free = trl_reference_free.trainers(host)
    host = _with(host, told)
    made: list[Subject] = []
    if hasattr(trainer, "dpo_loss"):
        made += trl_dpo_method.subjects(host, trainer)
    else:
        made += trl_dpo.subjects(host, trainer)
        made += trl_policy.subjects(host, load(host, "trl.trainer.grpo_trainer").GRPOTrainer)
    return made + trl_reference_free.subjects(host, reference_free)


def _with(host: Host, told: list[str]) -> Host:
    return replace(host, told=(*host.told, *told))
