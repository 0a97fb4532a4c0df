"""What a small policy is trained on (LD-15): plain arrays, no torch; policies.py builds the policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: The small policies; "language-model" is a real one, whose responses are padded with −1.
Kind = Literal["table", "network", "transformer", "language-model"]
KINDS: tuple[Kind, ...] = ("table", "network", "transformer")
LANGUAGE_MODEL: Kind = "language-model"


@dataclass(frozen=True, eq=False)
class PolicyProblem:
    """Prompts (n, P), chosen and rejected responses (n, R): token ids below `vocabulary`. Which policy; η, β, steps."""

    kind: Kind
    prompts: NDArray[np.int64]
    chosen: NDArray[np.int64]
    rejected: NDArray[np.int64]
    vocabulary: int
    seed: int
    eta: float
    beta: float
    steps: int
