"""Which pairs are held out: a share of every class of every behaviour, equal prompts together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def held_out(
    prompts: Sequence[bytes], behaviours: Ints, names: Sequence[str], signs: Ints, *, share: float, seed: int
) -> NDArray[np.bool_]:
    """(n,) whether each of n pairs is held out.

    Pairs of a behaviour with the same prompt are one group, and groups are drawn: from those of each label by
    themselves, and from those that have both labels. Of two groups or more at least one is drawn and one is left.

    Args:
        prompts: what stands for the prompt of every pair, equal for equal prompts.
        behaviours: (n,) positions in `names`.
        names: of the behaviours.
        signs: (n,) the label of every pair.
        share: of the pairs, between 0 and 1.
        seed: with the name of a behaviour, all that the order depends on in which its groups are drawn.
    """
    out = np.zeros(len(prompts), dtype=np.bool_)
    for number, name in enumerate(names):
        groups: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(behaviours == number).tolist():
            groups.setdefault(prompts[row], []).append(row)
        classes: dict[frozenset[int], list[list[int]]] = {}
        for group in groups.values():
            classes.setdefault(frozenset(signs[group].tolist()), []).append(group)
        for of_class in classes.values():
            order = np.random.default_rng([abs(seed), *name.encode()]).permutation(len(of_class))
            drawn = [of_class[place] for place in order]
            for place in _drawn([len(group) for group in drawn], share):
                out[drawn[place]] = True
    return out


def _drawn(sizes: Sequence[int], share: float) -> list[int]:
    """Which of some groups are held out: their sizes sum up as near to the share as those of any choice can.

    The earlier ones are preferred; where all are single, they are the first. One at least, and not all; none of one.
    """
    if len(sizes) < 2:
        return []
    count = sum(sizes)
    wanted = min(max(round(share * count), 1), count - 1)
    last: dict[int, int] = {}  # of every sum, the last group of the earliest groups that have it
    sums, allowed = 1, (1 << count) - 1  # bit s is set where some of the groups so far have the sum s
    for place, size in enumerate(sizes):
        new = (sums << size) & allowed & ~sums
        sums |= new
        while new:
            lowest = new & -new
            last[lowest.bit_length() - 1] = place
            new ^= lowest
        if wanted in last:
            break
    left = min(last, key=lambda total: abs(total - wanted))
    taken = []
    while left:
        taken.append(last[left])
        left -= sizes[taken[-1]]
    return taken
