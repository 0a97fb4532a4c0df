"""What code returned beside what it should have, ready for a relation: infinities and NaN are premises, not sides."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import TheoremError
from alignprops.expressions import Rounded
from alignprops.measured import bounded


class Compared(NamedTuple):
    """Numbers that a relation can be read on, element by element.

    Attributes:
        found: what code returned, with the error that honest code may have; 0 where it is not finite.
        expected: what it should be; 0 where that is not finite.
        finite: 1 where the code returned a finite number, else 0.
        defined: 1 where the formula has a finite value, and one that the dtype can tell from infinity.
    """

    found: Any
    expected: Any
    finite: NDArray[np.int64]
    defined: NDArray[np.int64]


#: Beyond this honest code may overflow: an intermediate square in single precision.
LARGEST = 1e18


def compare(found: Any, expected: Rounded) -> Compared:
    """Code's numbers beside the expected ones.

    Raises:
        TheoremError: they have different shapes (told by numpy's broadcasting).
    """
    values = np.asarray(found, dtype=np.float64)
    shape = np.broadcast_shapes(np.shape(expected.value), np.shape(expected.error))
    if values.shape != shape and values.size == int(np.prod(shape)):
        values = values.reshape(shape)
    if values.shape != shape:
        raise TheoremError(f"the subject returned shape {values.shape}, expected {shape}")
    finite = np.isfinite(values)
    defined = np.isfinite(expected.value) & (np.abs(expected.value) < LARGEST)
    error = np.where(defined & ~np.isnan(expected.error), expected.error, np.inf)
    told = bounded(np.where(finite, values, 0.0), np.broadcast_to(error, shape))
    return Compared(
        told,
        np.where(defined, expected.value, 0.0),
        finite.astype(np.int64),
        np.broadcast_to(defined, shape).astype(np.int64),
    )
