"""Log-probabilities of tokens that code finds itself, by a log-softmax of logits, where a kind gives them as numbers.

Code that takes hidden states and an unembedding can be asked about log-probabilities ℓ of tokens if it is given the
identity for the unembedding, and for hidden states the logits ℓ of the token and log((1 − e^ℓ)/(V − 1)) of the others,
whose log-softmax at the token is ℓ for every ℓ < 0; then ∂L/∂ℓ = Σ_v ∂L/∂z_v · dz_v/dℓ by the chain rule. A softmax
that is certain has no gradient left, so ℓ > −2⁻³⁰ is given as −2⁻³⁰, whose e^ℓ is 1 in single precision.

What is recomputed is wrong by the rounding of the logits and of the log-softmax (`logprob_expected`), and a gradient by
the factor Σ_v (1{v=y} − p_v)·dz_v/dℓ, which is 1 but for the rounding of the probabilities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.logprob_expected import Precision, token_logps
from alignprops.conformance.precision import EPS
from alignprops.expressions import Rounded

Floats = NDArray[np.float64]
#: V: enough that the wrong token has another log-probability than 1 − p.
VOCABULARY = 3
#: A token that is more certain is given as certain as this.
CERTAIN = 2.0**-30


class Normalised(NamedTuple):
    """What a log-softmax makes of log-probabilities that are handed over as logits.

    Attributes:
        logps: of the tokens, with the error of the log-softmax.
        factor: what a gradient is multiplied by on its way through: 1, with its error.
    """

    logps: Rounded
    factor: Rounded


def normalised(logps: Floats, dtype: str) -> Normalised:
    """Log-probabilities ≤ 0 of tokens, any shape, found again by a log-softmax in `dtype`."""
    given = np.asarray(logps, dtype=np.float64)
    flat = np.minimum(given.ravel(), -CERTAIN)
    others = np.log(-np.expm1(flat)) - np.log(VOCABULARY - 1)
    logits = np.column_stack([flat, *([others] * (VOCABULARY - 1))])
    rounded = Rounded(logits, EPS[dtype] / 2 * np.abs(logits))
    found = token_logps(rounded, np.zeros(flat.shape, dtype=np.int64), Precision(dtype, dtype))
    moved = np.abs(flat - given.ravel())
    slopes_of_logits = np.ones(logits.shape)
    slopes_of_logits[:, 1:] = (np.exp(flat) / -np.expm1(flat))[:, None]  # −dz_v/dℓ = p/(1 − p) of the other tokens
    error = (found.slopes.error * slopes_of_logits).sum(axis=1)
    return Normalised(
        Rounded(given, (found.values.error + moved).reshape(given.shape)),
        Rounded(np.ones(given.shape), error.reshape(given.shape)),
    )
