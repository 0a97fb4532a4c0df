"""Liger-Kernel: the chunked losses that are pure torch (its Triton kernels need a GPU, and are not checked here)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alignprops.hosts.making import installed

if TYPE_CHECKING:
    from alignprops.subjects import Subject


def subjects() -> list[Subject]:
    """All of the installed version that fits a kind.

    Raises:
        InputError: liger-kernel is not installed, too old, or cannot be imported.
    """
    from alignprops.hosts import liger_pairs, liger_policy

    host = installed("liger-kernel", "liger-kernel", least="0.6", tried="0.8.5")
    return liger_pairs.subjects(host) + liger_policy.subjects(host)
