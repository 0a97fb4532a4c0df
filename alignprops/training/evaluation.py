"""What an evaluation tells of a policy: figures of each behaviour, and every pair's margin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignprops.losses.pairwise import PairwiseLoss
from alignprops.trace.format import EVALUATION_FIGURES, Split
from alignprops.training.pairs import TokenPairs

Floats = NDArray[np.float64]


def figures(
    pairs: TokenPairs, logps: Floats, reference: Floats, *, loss: PairwiseLoss, scale: float, beta: float
) -> dict[str, Floats]:
    """The columns of one split (docs/trace.md), NaN for a behaviour that has no pair in it.

    Args:
        pairs: of the split, n of them.
        logps: (n, 2) log π of the chosen and of the rejected response.
        reference: (n, 2), the same under the reference.
        loss: a function of `scale` × the log-ratio difference.
        scale: β, or 1 for a loss that takes β elsewhere.
        beta: of the margins that are told.
    """
    change = logps - reference  # (n, 2)
    differences = change[:, 0] - change[:, 1]
    margins = beta * differences
    each = {
        "loss": loss.value(scale * differences),
        "accuracy": margins > 0,  # a tie is an error
        "margin": margins,
        "chosen_change": change[:, 0],
        "rejected_change": change[:, 1],
        "displaced": change[:, 0] < 0,
    }
    members = [pairs.behaviours == number for number in range(len(pairs.names))]
    columns = {name: np.array([_mean(each[name][own]) for own in members]) for name in EVALUATION_FIGURES}
    return columns | {"margins": margins}


def prefixed(split: Split, columns: dict[str, Floats]) -> dict[str, Floats]:
    """`<split>.<figure>`."""
    return {f"{split}.{name}": column for name, column in columns.items()}


def _mean(values: NDArray[np.floating | np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
