"""The dtypes that code is called in, and how far honest code may be from the true value in each.

The tolerance is derived: the expected value is computed in float64 by a running error analysis whose every operation
errs as the dtype does. Honest code may take the operations in another order, or write the formula in another of its
stable forms; `SLACK` allows each operation as many roundings.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignprops.expressions import Rounded, Worlds, worlds_of

Dtype = Literal["float64", "float32", "bfloat16"]
DTYPES: tuple[Dtype, ...] = ("float64", "float32", "bfloat16")
#: Distance from 1 to the next number.
EPS: dict[str, float] = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7}
#: The smallest normal number: what an operation may lose to underflow.
TINY: dict[str, float] = {"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126}
#: Roundings that honest code may spend where the expression has one operation.
SLACK = 4

#: Code may add so much to the number of tokens that it divides by, so that 0/0 does not arise: in use, and honest.
GUARD = 1e-8


def coarser(dtype: str, precision: str | None) -> str:
    """The dtype whose rounding counts: that of the input, or that which the code computes in, if that is coarser."""
    return dtype if precision is None else max(dtype, precision, key=EPS.__getitem__)


def worlds(dtype: str) -> Worlds:
    """The error analysis of honest code in that dtype, for `alignprops.expressions.follow_in`."""
    return worlds_of(SLACK * EPS[dtype], SLACK * TINY[dtype])


def rounded_to(values: Any, dtype: str) -> NDArray[np.float64]:
    """The numbers of `dtype` nearest to `values` (to even), widened to float64 again."""
    array = np.asarray(values, dtype=np.float64)
    if dtype == "float64":
        return array
    single = array.astype(np.float32)
    if dtype == "bfloat16":
        bits = single.view(np.uint32)
        even = ((bits >> 16) & 1) + np.uint32(0x7FFF)
        kept = np.where(np.isfinite(single), (bits + even) & np.uint32(0xFFFF0000), bits)
        single = kept.astype(np.uint32).view(np.float32)
    return single.astype(np.float64)


# --- sums over axes, in the same error analysis -----------------------------------------------------------------


def exactly(values: Any) -> Rounded:
    """Numbers that are given, without an error."""
    array = np.asarray(values, dtype=np.float64)
    return Rounded(array, np.zeros(array.shape))


def widened(number: Rounded, shape: tuple[int, ...]) -> Rounded:
    """A number for every place of that shape."""
    if np.shape(number.value) == shape == np.shape(number.error):
        return number  # the usual case, and broadcasting is slow
    return Rounded(np.broadcast_to(number.value, shape), np.broadcast_to(number.error, shape))


def total(terms: Rounded, dtype: str, *, where: Any = True, axis: int | None = -1) -> Rounded:
    """Σ over an axis of the terms that `where` keeps, in any order of summation."""
    kept = np.where(where, terms.value, 0.0)
    error = np.where(where, terms.error, 0.0).sum(axis=axis)
    counted = np.asarray(where, dtype=bool)
    count = (counted if counted.shape == kept.shape else np.broadcast_to(counted, kept.shape)).sum(axis=axis)
    spread = SLACK * EPS[dtype] * np.maximum(count - 1, 0) * np.abs(kept).sum(axis=axis)
    return Rounded(kept.sum(axis=axis), error + spread)


def product(a: Rounded, b: Rounded, dtype: str) -> Rounded:
    """a·b."""
    made: Rounded = worlds(dtype)[0].multiply(a, b)
    return made


def quotient(a: Rounded, b: Rounded, dtype: str) -> Rounded:
    """a/b."""
    world = worlds(dtype)[0]
    made: Rounded = world.multiply(a, world.reciprocal(b))
    return made


def averaged(sums: Rounded, count: Any, dtype: str) -> Rounded:
    """A sum divided by a number of tokens, to which code may have added `GUARD`."""
    made = quotient(sums, exactly(count), dtype)
    return Rounded(made.value, made.error + 2 * GUARD * np.abs(made.value))


def summed(terms: list[Rounded], dtype: str) -> Rounded:
    """a + b + …, broadcast against each other."""
    made: Rounded = worlds(dtype)[0].add(terms)
    return made
