"""Clouds of hidden states in the plane: the first two principal components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def plane(*clouds: Floats) -> tuple[Floats, ...]:
    """Each cloud (n, d) on the first two principal components of all of them together, (n, 2); signs are fixed."""
    together = np.concatenate(clouds)
    centre = together.mean(axis=0)
    axes = np.linalg.svd(together - centre, full_matrices=False)[2][:2]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    axes = axes * np.where(largest < 0, -1.0, 1.0)[:, None]  # not LAPACK's choice of sign
    flat = (together - centre) @ axes.T
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    return tuple(np.split(flat, np.cumsum([len(cloud) for cloud in clouds])[:-1]))
