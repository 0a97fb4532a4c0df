"""Log-softmax in the running error analysis of a dtype."""

from __future__ import annotations

import numpy as np

from alignprops.conformance.precision import EPS, SLACK
from alignprops.expressions import FUNCTION_ULPS, Rounded


def log_softmax(logits: Rounded, dtype: str) -> Rounded:
    """z − log Σ exp z over the last axis, with the error of honest code in that dtype.

    Codes differ in what they subtract first, so that every number on the way counts: z, its maximum, their difference,
    and the log of the sum. An error of the logits passes with its own size and with the largest of its row.
    """
    largest = logits.value.max(axis=-1, keepdims=True)
    shifted = logits.value - largest
    log_sum = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    value = shifted - log_sum
    sizes = np.abs(logits.value) + np.abs(largest) + np.abs(shifted) + np.abs(log_sum)
    steps = SLACK * EPS[dtype] * (sizes + logits.value.shape[-1] + FUNCTION_ULPS)
    carried = logits.error + np.max(logits.error, axis=-1, keepdims=True)
    return Rounded(value, np.broadcast_to(carried + steps, value.shape))
