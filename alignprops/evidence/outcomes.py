"""Outcomes of independent trials: what a measure returns for the symbol of a probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import TheoremError


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Successes (True) and failures of independent trials in the order in which they were drawn, shape (trials,)."""

    trials: NDArray[np.bool_]

    def __post_init__(self) -> None:
        trials = np.asarray(self.trials)
        if trials.dtype != bool or trials.ndim != 1 or not trials.size:
            raise TheoremError(
                f"outcomes have dtype {trials.dtype} and shape {trials.shape}; expected truth values (trials,)"
            )
