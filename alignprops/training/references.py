"""The reference log-probabilities, computed once and reused at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignprops._errors import InputError, ModelError
from alignprops.models.progress import Progress, no_progress
from alignprops.training.logps import response_logps
from alignprops.training.pairs import TokenPairs


def reference_logps(
    network: Any, pairs: TokenPairs, *, batch_size: int, progress: Progress = no_progress
) -> NDArray[np.float64]:
    """(n, 2) float64: the summed log-probabilities of the chosen and of the rejected response of every pair.

    Read in evaluation mode without gradients, longest pairs first: what does not fit into memory fails at once.

    Raises:
        InputError: the batch size is not positive.
        ModelError: a log-probability is not finite (told with file and line), or the memory does not suffice.
    """
    if batch_size < 1:
        raise InputError(f"batch size is {batch_size}; expected at least 1")
    found = np.empty((len(pairs), 2))
    order = sorted(range(len(pairs)), key=lambda i: -max(len(pairs.chosen[i]), len(pairs.rejected[i])))
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                chosen, rejected = response_logps(network, pairs, rows)
                found[rows, 0], found[rows, 1] = chosen.double().cpu().numpy(), rejected.double().cpu().numpy()
                _require_finite(found, rows, pairs)
                progress(start + len(rows), len(order))
    except torch.OutOfMemoryError as error:
        raise ModelError(f"out of memory at batch size {batch_size}; lower the batch size") from error
    finally:
        network.train(training)
    return found


def _require_finite(found: NDArray[np.float64], rows: list[int], pairs: TokenPairs) -> None:
    for row in rows:
        if not np.isfinite(found[row]).all():
            raise ModelError(
                f"{pairs.where[row]}: the reference's log-probabilities are {found[row, 0]:g} (chosen) and "
                f"{found[row, 1]:g} (rejected); expected finite numbers (try float32)"
            )
