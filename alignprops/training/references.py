"""The reference log-probabilities, computed once and reused at every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignprops._errors import InputError, ModelError
from alignprops.models.progress import Progress, no_progress
from alignprops.trace.format import Split
from alignprops.training.logps import response_logps
from alignprops.training.pairs import TokenPairs


class NotFiniteError(ModelError):
    """Log-probabilities of a pair that are no finite numbers.

    Attributes:
        where: `file:line` of the pair.
        chosen: log π of its chosen response.
        rejected: log π of its rejected response.
    """

    def __init__(self, where: str, chosen: float, rejected: float, *, half: bool) -> None:
        super().__init__(
            f"{where}: the reference's log-probabilities are {chosen:g} (chosen) and {rejected:g} (rejected); expected "
            f"finite numbers; {'try float32' if half else 'the weights of the model may be damaged'}"
        )
        self.where, self.chosen, self.rejected = where, chosen, rejected

    def of_policy(self, step: int) -> str:
        """The same said of the policy after `step` steps."""
        return (
            f"the policy's log-probabilities after step {step} are {self.chosen:g} (chosen) and {self.rejected:g} "
            f"(rejected), of {self.where}"
        )


def reference_logps(
    network: Any, pairs: TokenPairs, *, batch_size: int, progress: Progress = no_progress
) -> NDArray[np.float64]:
    """(n, 2) float64: the summed log-probabilities of the chosen and of the rejected response of every pair.

    Read in evaluation mode without gradients, longest pairs first: what does not fit into memory fails at once.

    Raises:
        InputError: the batch size is not positive.
        NotFiniteError: a log-probability is not finite (told with file and line).
        ModelError: the memory does not suffice.
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
                _require_finite(found, rows, pairs, network)
                progress(start + len(rows), len(order))
    except torch.OutOfMemoryError as error:
        raise ModelError(f"out of memory at batch size {batch_size}; lower the batch size") from error
    finally:
        network.train(training)
    return found


def reference_columns(
    pairs: Mapping[Split, TokenPairs], logps: Mapping[Split, NDArray[np.float64]]
) -> dict[Split, dict[str, NDArray[Any]]]:
    """What a trace keeps of the reference: the (n, 2) `logps` of every split by name, with behaviours and signs."""
    return {
        split: {
            "chosen": logps[split][:, 0],
            "rejected": logps[split][:, 1],
            "behaviours": part.behaviours,
            "signs": part.signs,
        }
        for split, part in pairs.items()
    }


def _require_finite(found: NDArray[np.float64], rows: list[int], pairs: TokenPairs, network: Any) -> None:
    for row in rows:
        if not np.isfinite(found[row]).all():
            half = next(network.parameters()).dtype in (torch.float16, torch.bfloat16)
            raise NotFiniteError(pairs.where[row], *found[row].tolist(), half=half)
