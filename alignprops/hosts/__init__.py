"""Ready-made adapters for what people use; each is imported only when it is named.

A host module has `subjects() -> list[Subject]`: all of the installed version that alignprops knows how to call, each
with its kind, formula, convention and assumptions, the things that were stood in for among them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from alignprops._errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from alignprops.subjects import Subject

#: The hosts by name, with the module of their adapters.
HOSTS = {
    "trl": "alignprops.hosts.trl",
    "openrlhf": "alignprops.hosts.openrlhf",
    "torchtune": "alignprops.hosts.torchtune",
    "verl": "alignprops.hosts.verl",
    "liger-kernel": "alignprops.hosts.liger_kernel",
}


def host_subjects(name: str) -> list[Subject]:
    """Everything of an installed host that can be checked.

    Raises:
        UnknownNameError: there are no adapters for a host of that name.
        InputError: the host is not installed, or its installed version cannot be imported.
    """
    if name not in HOSTS:
        raise UnknownNameError("host", name, HOSTS)
    module = importlib.import_module(HOSTS[name])
    found: list[Subject] = module.subjects()
    if not found:
        raise InputError(f"the installed {name} has nothing that alignprops knows how to call")
    return found
