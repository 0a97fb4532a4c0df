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


def stratified(signs: NDArray[np.int64], *, size: int, steps: int, seed: int) -> NDArray[np.int64]:
    """Independent batches with equally many samples of each class, drawn uniformly with replacement.

    Raises:
        InputError: an odd size, a class without a sample, or what the other orders refuse.
    """
    classes = [np.flatnonzero(np.asarray(signs) == sign) for sign in (1, -1)]
    _check(len(signs), size, steps)
    if size % 2 or min(map(len, classes)) == 0:
        raise InputError(
            f"batches of {size} from classes of {len(classes[0])} and {len(classes[1])}; expected an even size"
        )
    generator = np.random.default_rng(seed)
    halves = [generator.choice(members, size=(steps, size // 2)) for members in classes]
    return np.concatenate(halves, axis=1)


def _check(n: int, size: int, steps: int) -> None:
    if not 1 <= size <= n or steps < 1:
        raise InputError(f"batches of {size} from {n} samples for {steps} steps; expected 1 <= size <= n, steps >= 1")
