"""What several texts or conversations begin with."""

from __future__ import annotations

from collections.abc import Sequence


def common_length(first: Sequence[object], *others: Sequence[object]) -> int:
    """How many leading elements all sequences share."""
    for length, elements in enumerate(zip(first, *others, strict=False)):
        if any(element != elements[0] for element in elements):
            return length
    return min(len(first), *map(len, others))
