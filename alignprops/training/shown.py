"""Which training pairs show their hidden states in a trace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignprops.training.pairs import TokenPairs

#: Of each behaviour, the first so many.
STATES_A_BEHAVIOUR = 512


def shown_rows(pairs: TokenPairs) -> NDArray[np.int64]:
    """Their positions, behaviour by behaviour."""
    members = [np.flatnonzero(pairs.behaviours == number) for number in range(len(pairs.names))]
    return np.concatenate([own[:STATES_A_BEHAVIOUR] for own in members])
