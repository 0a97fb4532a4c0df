"""OpenRLHF's losses of preference pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alignprops.hosts.making import Host, load

if TYPE_CHECKING:
    from alignprops.subjects import Subject


def subjects(host: Host) -> list[Subject]:
    """DPOLoss with and without its flag for IPO."""
    losses = load(host, "openrlhf.models.loss")
    return [
        host.subject("DPOLoss", "pairwise-loss", losses.DPOLoss, loss="dpo", fixed={"ipo": False}),
        host.subject("DPOLoss/ipo", "pairwise-loss", losses.DPOLoss, loss="ipo", variant="sum", fixed={"ipo": True}),
    ]
