"""What the kinds of figures share: panels on a sheet, scales, reference lines, and a legend below."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from alignprops.report.figures.specs import Line, Values
from alignprops.report.figures.style import FONT_SIZE, INK, MUTED, shortened

#: A symbol of one letter with the time as its index.
_SUBSCRIPTED = re.compile(r"(?<!\w)([^\W\d_])_([t0])(?!\w)")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Characters of the font that fit into an inch, about.
PER_INCH = 13.5
LONGEST_NAME = 44


def sheet(
    panels: int, width: float, *, height: float, columns: int, below: float = 0.0, **shared: Any
) -> tuple[Any, list[Any]]:
    """A figure of `panels` axes of `height` inches, at most `columns` a row, with `below` inches left for a legend."""
    from matplotlib.figure import Figure

    panels = max(panels, 1)  # a figure of nothing has one, to say so
    columns = min(columns, panels)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(width, rows * height + below))
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel().tolist()
    for unused in axes[panels:]:
        unused.remove()
    return figure, axes[:panels]


def title(axes: Any, text: str, width: float, rows: int = 0) -> None:
    """A panel's title, in as many lines as it takes (at most three), above `rows` of other names."""
    axes.set_title(wrapped(text, width * 0.92), pad=5 + 9 * rows)


def wrapped(text: str, width: float, lines: int = 3) -> str:
    """`text` in lines of `width` inches, the last one cut if there would be more than `lines`."""
    return "\n".join(textwrap.wrap(text, max(8, int(width * PER_INCH)), max_lines=lines, placeholder=" …"))


def subscripted(label: str) -> str:
    """`W_t` and `θ_0` with the subscripts that they stand for; every other text as it is."""
    return _SUBSCRIPTED.sub(lambda found: found[1] + {"t": "ₜ", "0": "₀"}[found[2]], label)


def label_axes(axes: Any, x_label: str, y_label: str, *, width: float, height: float) -> None:
    """The names of both axes."""
    x_label, y_label = subscripted(x_label), subscripted(y_label)
    axes.set_xlabel(wrapped(x_label, width, 2))
    axes.set_ylabel(wrapped(y_label, height * 0.9, 2))


def scale(axes: Any, axis: str, kind: str, values: Iterable[Values]) -> None:
    """Set the scale of `axis`, with readable ticks; a logarithmic one needs something positive to show."""
    side = axes.xaxis if axis == "x" else axes.yaxis
    shown = np.concatenate([np.ravel(part) for part in values] or [np.empty(0)])
    shown = shown[np.isfinite(shown)]
    if kind == "log" and (shown > 0).any():
        (axes.set_xscale if axis == "x" else axes.set_yscale)("log", nonpositive="mask")
        _logarithmic_ticks(side, shown[shown > 0])
        return
    if len(shown) == 0:
        side.set_ticks([])
    elif axis == "x" and np.array_equal(shown, np.round(shown)):
        from matplotlib.ticker import MaxNLocator

        side.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True))


def _logarithmic_ticks(side: Any, shown: Values) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    decades = math.log10(shown.max() / shown.min()) if shown.max() > shown.min() else 0.0
    side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 1.8 else (1.0,), numticks=8))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda value, _: power(value)))


def power(value: float) -> str:
    """A tick of a logarithmic axis, such as 0.05 or 2·10⁻⁷."""
    if value <= 0:
        return ""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = f"{value / 10.0**exponent:.3g}"
    return ("" if factor == "1" else f"{factor}·") + "10" + str(exponent).translate(SUPERSCRIPT)


def reference_lines(axes: Any, lines: Sequence[Line]) -> int:
    """Draw thin lines, named right of the panel or above it; return how many rows of names stand above."""
    known = [line for line in lines if math.isfinite(line.at)]
    for line in known:
        draw = axes.axhline if line.axis == "y" else axes.axvline
        draw(line.at, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1.5)
    _names_at_right(axes, [line for line in known if line.axis == "y" and line.label])
    return _names_above(axes, [line for line in known if line.axis == "x" and line.label])


def _names_above(axes: Any, lines: Sequence[Line]) -> int:
    """Names of vertical lines, each in its own row where they would overlap."""
    taken: list[tuple[float, float]] = []
    for line in sorted(lines, key=lambda line: line.at):
        name = shortened([line.label], 24)[line.label]
        place = float(axes.transAxes.inverted().transform(axes.transData.transform((line.at, axes.get_ylim()[0])))[0])
        if not 0 <= place <= 1:
            continue
        half = len(name) * 0.022
        row = next((at for at, (_, end) in enumerate(taken) if end < place - half), len(taken))
        taken[row : row + 1] = [(place - half, place + half)]
        axes.annotate(
            name,
            (place, 1),
            xycoords="axes fraction",
            xytext=(0, 2 + 8 * row),
            textcoords="offset points",
            ha="center",
            fontsize=FONT_SIZE - 1.5,
            color=MUTED,
            annotation_clip=False,
        )
    return len(taken)


def _names_at_right(axes: Any, lines: Sequence[Line]) -> None:
    """Names of horizontal lines, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    left = axes.get_xlim()[0]
    shown = axes.transData.transform([(left, line.at) for line in lines] or [(left, low)])
    places = axes.transAxes.inverted().transform(shown)
    apart = 0.09
    below = -math.inf
    for at in sorted(range(len(lines)), key=lambda index: lines[index].at):
        if not min(low, high) <= lines[at].at <= max(low, high):
            continue
        place = max(float(places[at][1]), below + apart)
        below = place
        axes.annotate(
            wrapped(shortened([lines[at].label], 30)[lines[at].label], 0.8, 2),
            (1, place),
            xycoords="axes fraction",
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_SIZE - 1.5,
            color=MUTED,
            annotation_clip=False,
        )


def nothing(axes: Any) -> None:
    """Say that a panel has nothing to show."""
    axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", va="center", color=MUTED)


def legend_columns(names: Sequence[str], width: float) -> int:
    """How many columns of a legend fit, with rows of about the same length."""
    longest = min(max(map(len, names)), _room(width))
    columns = max(1, int(width / (0.5 + longest / PER_INCH)))
    return math.ceil(len(names) / math.ceil(len(names) / columns))


def legend_height(names: Sequence[str], width: float) -> float:
    """The inches that a legend takes."""
    return 0.12 + 0.165 * math.ceil(len(names) / legend_columns(names, width)) if names else 0.0


def _room(width: float) -> int:
    """Characters of the longest name in a legend."""
    return min(LONGEST_NAME, int(width * PER_INCH) - 8)


def legend(figure: Any, handles: Sequence[Any], names: Sequence[str], width: float) -> None:
    """One legend for all panels, below them, in as many columns as fit."""
    if not names:
        return
    short = shortened(names, _room(width))
    figure.legend(
        handles,
        [short[name] for name in names],
        loc="outside lower center",
        ncols=legend_columns(names, width),
        labelcolor=INK,
        columnspacing=1.4,
        labelspacing=0.35,
        borderaxespad=0.2,
    )
