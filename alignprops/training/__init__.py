"""Preference training with a trace: `train_model`, its settings, and what it is made of.

Names are loaded on first use: `alignprops.training.pairs` needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

#: Public name -> the module that defines it.
_PUBLIC = {
    "TokenPairs": "alignprops.training.pairs",
    "TrainSettings": "alignprops.training.settings",
    "TrainedRun": "alignprops.training.run",
    "train_model": "alignprops.training.run",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605  # a list, computed from the table

if TYPE_CHECKING:
    from alignprops.training.pairs import TokenPairs as TokenPairs
    from alignprops.training.run import TrainedRun as TrainedRun
    from alignprops.training.run import train_model as train_model
    from alignprops.training.settings import TrainSettings as TrainSettings


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'alignprops.training' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
