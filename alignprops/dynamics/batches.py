"""Mini-batch orders: sample indices (steps, B) for `trajectory(…, batches=…)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError


def reshuffled(n: int, *, size: int, steps: int, seed: int) -> NDArray[np.int64]:
    """Epochs without replacement, each in a new order; every batch is full (an epoch's rest is dropped)."""
    _check(n, size, steps)
    generator = np.random.default_rng(seed)
    per_epoch = n // size
    epochs = [
        generator.permutation(n)[: per_epoch * size].reshape(per_epoch, size) for _ in range(-(-steps // per_epoch))
    ]
    return np.concatenate(epochs)[:steps]


def independent(n: int, *, size: int, steps: int, seed: int) -> NDArray[np.int64]:
    """Independent batches, each drawn uniformly with replacement."""
    _check(n, size, steps)
    return np.random.default_rng(seed).integers(n, size=(steps, size))


def _check(n: int, size: int, steps: int) -> None:
    if not 1 <= size <= n or steps < 1:
        raise InputError(f"batches of {size} from {n} samples for {steps} steps; expected 1 <= size <= n, steps >= 1")
