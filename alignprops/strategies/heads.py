"""Last-layer preference problems as real data looks like, and as breaks code.

One feature cloud of several kinds (`CLOUDS`), signs, multiplicities and behaviour labels, and a step size drawn
as a fraction of its limit: 2/(β²λ) for premise (S), 4/(β²λ) for (S4). Everything is constructed; nothing is
filtered. Rows and columns are cut from arrays of a fixed size, so that a smaller n or d keeps the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignprops.dynamics.problem import HeadProblem
from alignprops.strategies.grids import (
    BETAS,
    ENTRIES,
    FILLINGS,
    MULTIPLICITIES,
    SCALES,
    Choices,
    byte_strings,
    decode,
)
from alignprops.strategies.step_sizes import step_size_within

Draw = Callable[[st.SearchStrategy[Any]], Any]
StepSize = Literal["S", "S4", "any"]
Classes = Literal["any", "both", "one"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: The numerator a in η ≤ a/(β²λ). "any" draws up to four times the limit of (S4).
LIMITS: dict[str, int] = {"S": 2, "S4": 4, "any": 16}
#: Fractions of the limit: at the limit, usual, below it by a little, tiny.
FRACTIONS = (1, 1 / 2, 1 / 4, 1 / 8, 7 / 8, 1, 1 / 16, 31 / 32, 1 / 64, 1 / 1024)
_CHOICES = 16


@dataclass(frozen=True)
class Ingredients:
    """Decoded draws that every kind of cloud is made of, already cut to n rows and d columns."""

    entries: Floats  # (n, d)
    row: Floats  # (d,)
    column: Floats  # (n,)
    spread: Floats  # (n,), row sizes over three orders of magnitude


@st.composite
def head_problems(  # noqa: D417  # the bounds on n, d and the steps say what they are
    draw: Draw,
    *,
    step_size: StepSize = "S",
    beyond: float = 1.0,
    behaviours: int | tuple[int, int] = (1, 3),
    balanced: bool | None = None,
    classes: Classes = "any",
    equal_shares: bool = False,
    max_n: int = 8,
    max_d: int = 6,
    max_steps: int = 20,
    larger: bool = True,
) -> HeadProblem:
    """Draw a `HeadProblem`; the simplest one has n = d = 1, feature 1, sign +1, one step at the limit of η.

    Args:
        step_size: the premise that η meets: "S" (η ≤ 2/(β²λ)), "S4" (η ≤ 4/(β²λ)), or "any" (≤ 16/(β²λ)).
        beyond: above 1, η sometimes exceeds its limit by up to this factor (to attack mutated premises).
        behaviours: how many behaviours (exactly, or at least and at most), of unequal size as a rule.
        balanced: True: both classes weigh exactly the same, overall and within each behaviour.
        classes: "both" guarantees both signs, "one" exactly one sign, "any" neither.
        equal_shares: all behaviours weigh exactly the same.
        larger: now and then four times as many samples, twice as many dimensions, three times as many steps.
    """
    fewest, most = (behaviours, behaviours) if isinstance(behaviours, int) else behaviours
    choices = Choices(draw(byte_strings(_CHOICES)))
    if larger and choices.between(0, 15) == 15:
        max_n, max_d, max_steps = 4 * max_n, 2 * max_d, 3 * max_steps
    d = choices.between(1, max_d)
    kinds = choices.between(fewest, most)
    # Samples come in groups of equal weight: pairs if balanced, one for each behaviour if shares are equal.
    pair = 2 if balanced else 1
    group = pair * (kinds if equal_shares else 1)
    least = max(2 if classes == "both" else 1, kinds * pair)
    groups = choices.between(-(-least // group), max(-(-least // group), max_n // group))
    n = groups * group
    width = max(max_n, n)
    features = _features(draw, choices, n, d, most=(width, max_d))
    # Backwards, as in `_entries`: what matters ends in the first rows.
    rows = np.frombuffer(draw(byte_strings(3 * width)), np.uint8).reshape(3, width)[:, ::-1][:, :n]
    signs = _signs(rows[0], choices, balanced=bool(balanced), classes=classes)
    counts = np.repeat(_multiplicities(rows[1, :groups], choices), group)
    labels = _labels(rows[2], kinds, pair=pair, equal=equal_shares)
    beta = float(choices.pick(BETAS))
    steps = choices.between(1, max_steps)
    fraction = choices.pick(FRACTIONS)
    if beyond > 1 and choices.between(0, 3) == 3:
        fraction = 1 + (beyond - 1) * choices.between(1, 8) / 8
    eta = step_size_within(features, counts, beta=beta, limit=LIMITS[step_size], fraction=fraction)
    return HeadProblem(features, signs, counts, labels, eta, beta, steps)


# --- features ----------------------------------------------------------------------------------------------


def _features(draw: Draw, choices: Choices, n: int, d: int, *, most: tuple[int, int]) -> Floats:
    n_most, d_most = most
    drawn = draw(byte_strings(n_most * d_most + 2 * n_most + d_most))
    body, column, spread, row = np.split(np.frombuffer(drawn, np.uint8), np.cumsum([n_most * d_most, n_most, n_most]))
    parts = Ingredients(
        entries=_entries(body, n_most, d_most)[:n, :d],
        row=decode(row.tobytes(), ENTRIES, d_most)[:d],
        column=decode(column.tobytes(), ENTRIES, n_most)[:n],
        spread=decode(spread.tobytes(), _SPREADS, n_most)[:n],
    )
    cloud = choices.pick(tuple(CLOUDS.values()))
    return np.ascontiguousarray(cloud(parts) * choices.pick(_SCALES))


def _entries(drawn: NDArray[np.uint8], n: int, d: int) -> Floats:
    """A matrix whose simplest form is 1 in the corner and 0 elsewhere.

    Read backwards: Hypothesis sorts bytes as it shrinks, which moves what matters into the first rows and columns.
    """
    entries = decode(drawn[::-1].tobytes(), FILLINGS, n, d)
    entries[0, 0] = ENTRIES[drawn[-1] % len(ENTRIES)]
    return entries


#: Now and then nothing but zeros: λ = 0.
_SCALES = np.append(SCALES, 0.0)
_SPREADS = np.array([1.0, 1, 1, 2, 4, 32, 1024])


def _plain(parts: Ingredients) -> Floats:
    return parts.entries


def _common_offset(parts: Ingredients) -> Floats:
    """A common offset of a thousand times the signal, as hidden states have."""
    return 1000 * parts.row + parts.entries


def _collinear(parts: Ingredients) -> Floats:
    return np.outer(parts.column, parts.row)


def _duplicates(parts: Ingredients) -> Floats:
    """Samples that repeat one or two rows, in an order that the draw decides."""
    return parts.entries[np.where(parts.column > 1, len(parts.entries) - 1, 0)]


def _heavy_tails(parts: Ingredients) -> Floats:
    return parts.spread[:, None] * parts.entries


def _orthogonal(parts: Ingredients) -> Floats:
    """Multiples of basis vectors: M is diagonal, so λ is known exactly."""
    n, d = parts.entries.shape
    axes: Floats = np.eye(d)[np.arange(n) % d]
    return parts.column[:, None] * axes


def _weak_majority(parts: Ingredients) -> Floats:
    """One weak sample (row 0, which the multiplicities often favour) against informative ones."""
    weak = np.where(np.arange(len(parts.entries)) == 0, 1 / 1024, 1.0)
    return weak[:, None] * parts.entries


CLOUDS: dict[str, Callable[[Ingredients], Floats]] = {
    "plain": _plain,
    "common offset": _common_offset,
    "collinear": _collinear,
    "duplicates": _duplicates,
    "heavy tails": _heavy_tails,
    "orthogonal": _orthogonal,
    "weak majority": _weak_majority,
}

# --- signs, multiplicities, labels -------------------------------------------------------------------------


def _signs(drawn: NDArray[np.uint8], choices: Choices, *, balanced: bool, classes: Classes) -> Integers:
    n = len(drawn)
    one_class = choices.between(0, 5)  # 4 and 5: one class only, where that is allowed
    if balanced:
        return np.tile(np.array([1, -1]), n // 2)
    if classes == "one" or (classes == "any" and one_class >= 4):
        return np.full(n, 1 - 2 * (one_class % 2))
    signs = 1 - 2 * (drawn % 2).astype(np.int64)
    if classes == "both":
        signs[0], signs[-1] = 1, -1
    return signs


def _multiplicities(drawn: NDArray[np.uint8], choices: Choices) -> Integers:
    """All ones; small; up to 1e8 everywhere; or up to 1e8 on the first row only."""
    kind = choices.between(0, 5)
    if kind <= 2:
        return np.ones(len(drawn), np.int64)
    table = MULTIPLICITIES[:8] if kind == 3 else MULTIPLICITIES
    counts: Integers = table[drawn % len(table)]
    if kind == 5:
        counts[1:] = 1
    return counts


def _labels(drawn: NDArray[np.uint8], kinds: int, *, pair: int, equal: bool) -> Integers:
    """Every label occurs; pairs of opposite sign share theirs."""
    labels = np.arange(len(drawn) // pair) % kinds
    if not equal:
        labels[kinds:] = drawn[kinds : len(labels)] % kinds
    return np.repeat(labels, pair)
