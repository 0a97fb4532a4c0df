"""Outcomes of independent trials: what a measure returns for the symbol of a probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Successes (True) and failures of independent trials in the order in which they were drawn, shape (trials,)."""

    trials: NDArray[np.bool_]
