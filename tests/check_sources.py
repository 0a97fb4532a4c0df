"""A plain user's DPO loss of token log-probabilities, and edits that make it wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

SOURCE = """
import torch
import torch.nn.functional as F


def dpo_loss(
    policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps,
    chosen_mask, rejected_mask, beta=0.1, label_smoothing=0.0,
):
    def total(logps, mask):
        return torch.where(mask, logps, 0.0).sum(-1)

    chosen = total(policy_chosen_logps, chosen_mask) - total(reference_chosen_logps, chosen_mask)
    rejected = total(policy_rejected_logps, rejected_mask) - total(reference_rejected_logps, rejected_mask)
    margin = beta * (chosen - rejected)
    losses = -(1 - label_smoothing) * F.logsigmoid(margin) - label_smoothing * F.logsigmoid(-margin)
    return losses, (beta * chosen).detach(), (beta * rejected).detach()
"""

_LOSSES = "-(1 - label_smoothing) * F.logsigmoid(margin) - label_smoothing * F.logsigmoid(-margin)"
#: What is replaced by what, one or two places.
EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "sign of the loss": (
        (_LOSSES, "(1 - label_smoothing) * F.logsigmoid(margin) + label_smoothing * F.logsigmoid(-margin)"),
    ),
    "reference terms swapped": (
        (" - total(reference_chosen_logps, chosen_mask)", " - total(reference_@, rejected_mask)"),
        (" - total(reference_rejected_logps, rejected_mask)", " - total(reference_chosen_logps, chosen_mask)"),
        ("reference_@", "reference_rejected_logps"),
    ),
    "beta applied twice": (("margin = beta * (", "margin = beta * beta * ("),),
    "mean instead of sum": ((".sum(-1)", ".sum(-1) / mask.sum(-1)"),),
    "label smoothing on the wrong side": (
        (_LOSSES, "-label_smoothing * F.logsigmoid(margin) - (1 - label_smoothing) * F.logsigmoid(-margin)"),
    ),
    "log(sigmoid)": (
        ("F.logsigmoid(margin)", "torch.log(torch.sigmoid(margin))"),
        ("F.logsigmoid(-margin)", "torch.log(torch.sigmoid(-margin))"),
    ),
    "padding included": (("torch.where(mask, logps, 0.0)", "logps"),),
    "reward not detached": (
        ("(beta * chosen).detach(), (beta * rejected).detach()", "beta * chosen, beta * rejected"),
    ),
    "label_smoothing accepted but ignored": ((_LOSSES, "-F.logsigmoid(margin)"),),
}


def edited(*replacements: tuple[str, str]) -> str:
    """The source with each first text replaced by the second.

    Raises:
        ValueError: a text that is to be replaced is not there.
    """
    source = SOURCE
    for old, new in replacements:
        if old not in source:
            raise ValueError(f"{old!r} is not in the source")
        source = source.replace(old, new)
    return source


def written(folder: Path, source: str, *, name: str = "userlosses") -> str:
    """Write the source as a module of that name, forget an older one, and return the spec of its loss."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    sys.modules.pop(name, None)
    return f"{name}:dpo_loss"


def function_of(source: str, name: str = "dpo_loss") -> Callable[..., object]:
    """The function of that name that the source defines, without a file."""
    module = ModuleType("userlosses")
    exec(source, module.__dict__)  # noqa: S102  # the text is our own
    made: Callable[..., object] = getattr(module, name)
    return made
