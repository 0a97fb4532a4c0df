"""Ready-made adapters for what people use; each is imported only when it is named.

A host module has `subjects() -> list[Subject]`: all of the installed version that alignprops knows how to call, each
with its kind, formula, convention and assumptions, the things that were stood in for among them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from fnmatch import fnmatchcase
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


def is_of_host(subject_id: str) -> bool:
    """Whether a subject's id is that of something in a host: the host's name, a colon, the rest."""
    return subject_id.partition(":")[0] in HOSTS and ":" in subject_id


def subjects_like(pattern: str) -> list[Subject]:
    """The subjects of a host whose ids match `host:glob`.

    Raises:
        UnknownNameError: the installed version of the host has none of that name.
        InputError: the host is not installed, or its installed version cannot be imported.
    """
    host = pattern.partition(":")[0]
    found = {subject.id: subject for subject in host_subjects(host)}
    matching = [subject for name, subject in found.items() if fnmatchcase(name, pattern)]
    if not matching:
        raise UnknownNameError(f"subject of {host}", pattern, found)
    return matching


def callable_ones(subjects: Iterable[Subject]) -> tuple[list[Subject], dict[str, str]]:
    """The subjects that can be put behind the interface of their kind, and why the others cannot, by id."""
    usable: list[Subject] = []
    refused: dict[str, str] = {}
    for subject in subjects:
        try:
            subject.get()
        except InputError as error:
            refused[subject.id] = str(error)
        else:
            usable.append(subject)
    return usable, refused
