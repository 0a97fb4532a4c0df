"""Liger-Kernel: the chunked losses that are pure torch, bare and fused (its Triton kernels are not checked here)."""

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
    from alignprops.hosts import (
        liger_fused_pairs,
        liger_fused_policy,
        liger_fused_unpaired,
        liger_pairs,
        liger_policy,
    )

    host = installed("liger-kernel", "liger-kernel", least="0.6", tried="0.8.5")
    parts = (liger_pairs, liger_policy, liger_fused_pairs, liger_fused_unpaired, liger_fused_policy)
    return [subject for part in parts for subject in part.subjects(host)]
