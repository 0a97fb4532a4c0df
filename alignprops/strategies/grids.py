"""Numbers on dyadic grids: sums and means are exact, shrunk values readable, nothing underflows by accident.

Arrays are decoded from byte strings of a fixed length, one draw for a whole array, through tables that start
with the simplest value. Shrinking a byte moves its number to the front of its table, and a smaller shape keeps the
numbers that remain; a draw costs tens of microseconds however long it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray


def _simplest_first(largest: int, parts: int) -> NDArray[np.float64]:
    """1, 0, −1, then k/parts up to ±largest: integers first, then finer fractions, small ones first."""
    grid = [k / parts for k in range(-largest * parts, largest * parts + 1)]

    def rank(value: float) -> tuple[int, float, bool]:
        return value.as_integer_ratio()[1], abs(value), value < 0

    rest = sorted((value for value in grid if value not in (1, 0, -1)), key=rank)
    return np.array([1.0, 0.0, -1.0, *rest])


#: ±4 in steps of 1/8: 65 values, near-uniform under one byte.
ENTRIES = _simplest_first(4, 8)
#: The same with 0 as the simplest, for the places that should empty as an example shrinks.
FILLINGS = np.array([0.0, 1.0, *ENTRIES[2:]])
#: Multiplicities: mostly small, up to 1e8 (weighted samples).
MULTIPLICITIES = np.array([1, 2, 3, 4, 5, 7, 8, 16, 100, 1000, 10**6, 10**8], dtype=np.int64)
#: Powers of two between about 1e-3 and 1e3.
SCALES = np.array([2.0**k for k in sorted(range(-10, 11), key=lambda k: (abs(k), k < 0))])
#: Dyadic values of β; 3/32 and 1/8 stand for the usual 0.1.
BETAS = np.array([1, 1 / 2, 1 / 4, 1 / 8, 3 / 32, 2, 4, 8])


@lru_cache(maxsize=256)
def byte_strings(length: int) -> st.SearchStrategy[bytes]:
    """Byte strings of exactly that length; cached, because building a strategy costs more than drawing from it."""
    return st.binary(min_size=length, max_size=length)


def decode(drawn: bytes, table: NDArray[Any], *shape: int) -> NDArray[Any]:
    """Elements of `table` in an array of the shape of the draw, e.g. the most rows and columns there can be."""
    return table[np.frombuffer(drawn, np.uint8) % len(table)].reshape(shape)


class Choices:
    """Small decisions read off one byte string, in order; a zero byte is the simplest choice."""

    def __init__(self, drawn: bytes) -> None:
        self._bytes = iter(drawn)

    def between(self, low: int, high: int) -> int:
        """An integer from low (the simplest) to high."""
        return low + next(self._bytes) % (high - low + 1)

    def pick(self, table: Any) -> Any:
        """An element of `table`, the first being the simplest."""
        return table[next(self._bytes) % len(table)]
