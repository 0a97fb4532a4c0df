"""OpenRLHF: its losses, estimators and log-probabilities; what only a cluster needs is stood in for while imported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alignprops.hosts.making import Host, installed, load
from alignprops.hosts.stand_ins import stand_ins

if TYPE_CHECKING:
    from alignprops.subjects import Subject

#: What its modules import and its arithmetic does not use. Of flash_attn only what names distributed things: a stand-in
#: for its kernels would be called.
_NOT_NEEDED = ("deepspeed", "ray", "vllm", "flash_attn!", "flash_attn.bert_padding", "flash_attn.utils")
_MODULES = ("openrlhf.models.loss", "openrlhf.models.utils", "openrlhf.trainer.ppo_utils.experience_maker")
_KERNEL = (
    "where flash-attn is installed it takes its log-probabilities from that package's kernel, which is not checked"
)


def subjects() -> list[Subject]:
    """All of the installed version that fits a kind.

    Raises:
        InputError: openrlhf is not installed, too old, or cannot be imported.
    """
    from alignprops.hosts import openrlhf_advantages, openrlhf_estimators, openrlhf_losses, openrlhf_policy

    host = imported()
    losses = openrlhf_losses.subjects(host) + openrlhf_policy.subjects(host)
    return losses + openrlhf_estimators.subjects(host) + openrlhf_advantages.subjects(host)


def imported() -> Host:
    """The installed version, its modules imported."""
    host = installed("openrlhf", "openrlhf", least="0.8", tried="0.11.2")
    for first in ("torch", "transformers"):  # they look for what is about to be stood in for
        load(host, first)
    with stand_ins(*_NOT_NEEDED) as used:
        for module in _MODULES:
            load(host, module)
    packages = sorted({name.partition(".")[0] for name in used})
    told = [f"{', '.join(packages)} stood in for while it was imported: its arithmetic does not use them"]
    return replace(host, told=(*(told if packages else []), *([_KERNEL] if "flash_attn" in packages else [])))
