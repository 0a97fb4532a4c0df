"""verl: its policy losses, estimators, aggregation and log-probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alignprops.hosts.making import Host, installed, load
from alignprops.hosts.stand_ins import stand_ins

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_MODULES = ("verl.trainer.ppo.core_algos", "verl.utils.torch_functional", "verl.workers.config")


def subjects() -> list[Subject]:
    """All of the installed version that fits a kind.

    Raises:
        InputError: verl is not installed, too old, or cannot be imported.
    """
    from alignprops.hosts import verl_advantages, verl_estimators, verl_policy

    host = imported()
    return verl_policy.subjects(host) + verl_estimators.subjects(host) + verl_advantages.subjects(host)


def imported() -> Host:
    """The installed version, its modules imported."""
    host = installed("verl", "verl", least="0.5", tried="0.9.1")
    for first in ("torch", "transformers"):  # they look for what is about to be stood in for
        load(host, first)
    with stand_ins("ray") as used:
        for module in _MODULES:
            load(host, module)
    told = ("ray stood in for while it was imported: its arithmetic does not use it",)
    return replace(host, told=told if used else ())
