"""Log-probabilities and their gradients by the formula, with the errors that honest code may have.

With e the eps of what the code computes in (float32 for half-precision inputs, unless the user says otherwise), ε that
of the dtype of its inputs, S = `SLACK`, V the vocabulary, z the logits with errors δ (0 if they are given), m = max z:
log p_v = z_v − m − log Σ e^{z−m} is wrong by at most 2 max δ + S·e·(|z_v| + |m| + V + 8) in any stable form (also as
z_v − logsumexp z), and by S·ε·(|log p_v| + 1) if the sum of exponentials and the result are rounded to the dtype once
each, as torch's own half-precision log-softmax does on a CPU; p_v by the factor that this is the logarithm of; a slope
1{v=y} − p_v by that and one more rounding. A logsumexp in half precision is wrong by ε·|m|, and is not honest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.precision import EPS, SLACK, TINY
from alignprops.expressions import Rounded

Floats = NDArray[np.float64]
#: Beyond this relative error of a probability nothing is known of it.
_HOPELESS = 50.0


@dataclass(frozen=True, slots=True)
class Precision:
    """Whose rounding counts.

    Attributes:
        dtype: of the inputs, and of what is returned.
        inner: what is computed in.
    """

    dtype: str
    inner: str

    @classmethod
    def of(cls, dtype: str, told: str | None) -> Precision:
        """For inputs of `dtype`; `told` is what the user says that the code computes in, if coarser."""
        inner = "float64" if dtype == "float64" else "float32"
        if told is None:
            return cls(dtype, inner)
        return cls(max(dtype, told, key=EPS.__getitem__), max(inner, told, key=EPS.__getitem__))


class TokenLogps(NamedTuple):
    """Of N positions: log p(y), (N,), and its slopes in the logits, (N, V)."""

    values: Rounded
    slopes: Rounded


def linear(states: Floats, weight: Floats, bias: Floats, precision: Precision) -> Rounded:
    """W x + b, (…, V): the inner product in the inner precision, product and sum rounded to the dtype once each."""
    product = states @ weight.T
    sizes = np.abs(states) @ np.abs(weight).T + np.abs(bias)
    rounded = SLACK * EPS[precision.dtype] * (np.abs(product) + np.abs(product + bias))
    return Rounded(product + bias, SLACK * (weight.shape[1] + 2) * EPS[precision.inner] * sizes + rounded)


def token_logps(logits: Rounded, targets: NDArray[np.int64], precision: Precision) -> TokenLogps:
    """log-softmax at the targets, and its slopes; logits (N, V), targets (N,)."""
    z = logits.value
    if not len(z):
        empty = np.zeros(0)
        return TokenLogps(Rounded(empty, empty), Rounded(np.zeros(z.shape), np.zeros(z.shape)))
    inner, eps = EPS[precision.inner], EPS[precision.dtype]
    largest = z.max(axis=1, keepdims=True)
    logps = z - (largest + np.log(np.exp(z - largest).sum(axis=1, keepdims=True)))  # z_v − log Σ e^z
    sizes = np.abs(z) + np.abs(largest) + z.shape[1] + 8
    wrong = 2 * np.max(logits.error, axis=1, keepdims=True) + SLACK * inner * sizes
    wrong = wrong + SLACK * (eps * (np.abs(logps) + 1) + TINY[precision.dtype])
    probabilities = np.exp(logps)
    share = np.expm1(np.minimum(wrong, _HOPELESS)) + SLACK * inner
    rows = np.arange(len(z))
    slopes = -probabilities
    others = np.where(np.arange(z.shape[1]) == targets[:, None], 0.0, probabilities).sum(axis=1)
    sure = probabilities[rows, targets] > 1 / 2  # then 1 − p would cancel: it is what the others have
    slopes[rows, targets] = np.where(sure, others, 1 - probabilities[rows, targets])
    error = probabilities * share + SLACK * (eps * np.abs(slopes) + TINY[precision.dtype])
    return TokenLogps(Rounded(logps[rows, targets], wrong[rows, targets]), Rounded(slopes, error))
