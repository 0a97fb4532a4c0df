"""A matrix: cells coloured by their value, which is written in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alignprops.report.figures.axes import PER_INCH, nothing, wrapped
from alignprops.report.figures.specs import Matrix
from alignprops.report.figures.style import (
    FONT_SIZE,
    INK,
    MUTED,
    NARROW,
    NEGATIVE,
    ON_MIDDLE,
    ON_STRONG,
    POSITIVE,
    shortened,
)

#: How strong the colour of the largest value is.
STRONGEST = 0.88
#: From which strength on a number needs another colour: in the dark earlier than in the light.
MIDDLE, STRONG = 0.62, 0.82


def draw(content: Matrix, width: float) -> Any:
    """A figure of square-like cells; columns are numbered if their names would not fit."""
    from matplotlib.figure import Figure

    rows, columns = content.values.shape
    longest = 14 if width <= NARROW else 30
    names = shortened(content.rows, longest)
    room = width - 0.35 - max([len(name) for name in names.values()] or [0]) / PER_INCH
    cell = max(0.28, min(0.85, room / max(columns, 1)))
    tall = min(0.42, max(0.26, cell * 0.62))
    header = 0.15 + _header(content, longest) / PER_INCH * 0.53  # names stand at 35 degrees
    drawn = Figure(figsize=(width, max(1.0, rows * tall + header + 0.4)))
    axes = drawn.subplots()
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if content.values.size == 0:
        nothing(axes)
        axes.set_xticks([])
        axes.set_yticks([])
        return drawn
    _cells(axes, content, cell)
    _names(axes, content, longest)
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_box_aspect(rows * tall / (columns * cell))
    axes.set_xlabel(wrapped(content.value_label, width * 0.6), color=MUTED, fontsize=FONT_SIZE - 1, loc="left")
    axes.xaxis.set_label_position("bottom")
    return drawn


def _header(content: Matrix, longest: int) -> int:
    return max([len(name) for name in shortened(content.columns, longest).values()] or [0])


def _cells(axes: Any, content: Matrix, cell: float) -> None:
    from matplotlib.patches import Rectangle

    finite = np.abs(content.values[np.isfinite(content.values)])
    largest = float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
    size = min(FONT_SIZE - 0.5, cell * 72 / 4.2)
    for (row, column), value in np.ndenumerate(content.values):
        known = math.isfinite(value)
        strength = STRONGEST * abs(value) / largest if known else 0.0
        tint = POSITIVE if value >= 0 or not content.diverging else NEGATIVE
        axes.add_patch(Rectangle((column + 0.02, row + 0.02), 0.96, 0.96, facecolor=tint, alpha=strength, linewidth=0))
        axes.text(
            column + 0.5,
            row + 0.5,
            told(float(value)) if known else "–",
            ha="center",
            va="center",
            fontsize=size,
            color=_ink(strength) if known else MUTED,
        )


def _ink(strength: float) -> str:
    """A colour that can be read on a cell."""
    if strength < MIDDLE:
        return INK
    return ON_MIDDLE if strength < STRONG else ON_STRONG


def _names(axes: Any, content: Matrix, longest: int) -> None:
    rows, columns = content.values.shape
    axes.set_yticks([at + 0.5 for at in range(rows)], list(shortened(content.rows, longest).values()))
    axes.set_xticks([at + 0.5 for at in range(columns)], list(shortened(content.columns, longest).values()))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for label in axes.get_xticklabels():
        label.set(rotation=35, ha="left", rotation_mode="anchor")


def told(value: float) -> str:
    """A value in its cell: three significant digits, a true minus."""
    plain = f"{value:.2f}" if 0.005 <= abs(value) < 100 or value == 0 else f"{value:.1e}"
    return plain.replace("-", "−")
