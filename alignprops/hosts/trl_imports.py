"""Importing trl's trainers: older releases misread which optional packages there are."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alignprops.hosts.making import Host

_NAME = "_is_package_available"


@contextmanager
def plain_availability(host: Host) -> Iterator[list[str]]:
    """Releases below 1 read transformers' private answer (available, version) as a bool: inside, they get the bool.

    Without it every optional package seems installed, and the trainers' modules cannot be imported. Yields the lines
    to be told.
    """
    told: list[str] = []
    if not host.version.startswith("0."):
        yield told
        return
    try:
        module = importlib.import_module("trl.import_utils")
    except ImportError:
        yield told
        return
    asked = getattr(module, _NAME, None)
    if asked is None or not isinstance(asked("json"), tuple):
        yield told
        return

    def plain(name: str, return_version: bool = False) -> Any:
        return asked(name, return_version=True) if return_version else asked(name)[0]

    told.append(f"while its trainers were imported, {_NAME} gave trl the plain bool that it expects")
    setattr(module, _NAME, plain)
    try:
        yield told
    finally:
        setattr(module, _NAME, asked)
