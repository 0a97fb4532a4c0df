"""Which pairs each step takes: a function of (seed, step) only, so that a run can go on anywhere.

The pairs are dealt from an endless row of epochs, each a new order of all pairs. Every step takes equally many, over
the end of an epoch if need be: no pair is left out, and the loss of every step is a mean over the same number of pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignprops.training.settings import TrainSettings

Rows = NDArray[np.int64]


def step_rows(settings: TrainSettings, pairs: int, step: int) -> Rows:
    """The positions of the pairs of step `step`, counted from 1; all of them in order where batch size is None."""
    if settings.batch_size is None:
        return np.arange(pairs)
    size = settings.batch_size * settings.gradient_accumulation
    places = np.arange((step - 1) * size, step * size)
    epochs = {epoch: _order(settings.seed, epoch, pairs) for epoch in set((places // pairs).tolist())}
    return np.array([epochs[int(place // pairs)][place % pairs] for place in places], dtype=np.int64)


def accumulated(settings: TrainSettings, rows: Rows) -> list[Rows]:
    """The batches of a step, as equal in size as they can be."""
    return list(np.array_split(rows, settings.gradient_accumulation))


def _order(seed: int, epoch: int, pairs: int) -> Rows:
    return np.random.default_rng([seed, epoch]).permutation(pairs)
