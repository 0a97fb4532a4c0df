"""Bars with intervals: lying, so that long names can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alignprops.report.figures.axes import legend, legend_height, nothing, sheet, wrapped
from alignprops.report.figures.specs import Bar, Bars
from alignprops.report.figures.style import FONT_SIZE, INK, MUTED, NARROW, colour, drawable, shortened

#: Inches a bar takes.
THICK = 0.2


def draw(content: Bars, names: Sequence[str], width: float) -> Any:
    """A figure of all bars; those of the same name stand together, one for each group."""
    together = list(dict.fromkeys(bar.name for bar in content.bars))
    rows = _rows(together, content.bars)
    height = max(1.1, 0.75 + THICK * (len(content.bars) + 0.6 * len(together)))
    below = legend_height(names, width) if len(names) > 1 else 0.0
    figure, (axes,) = sheet(1, width, height=height, columns=1, below=below)
    axes.grid(visible=False, axis="y")
    if not content.bars:
        nothing(axes)
    for bar, place in zip(content.bars, rows, strict=True):
        _bar(axes, bar, place, names.index(bar.group))
    short = shortened(together, 16 if width <= NARROW else 34)
    middles = [
        _mean([place for bar, place in zip(content.bars, rows, strict=True) if bar.name == name]) for name in together
    ]
    axes.set_yticks(middles, [short[name] for name in together])
    axes.tick_params(axis="y", length=0)
    if rows:
        axes.set_ylim(max(rows) + 0.8, min(rows) - 0.8)
    axes.axvline(0, color=MUTED, linewidth=0.6)
    for line in content.lines:
        if math.isfinite(line.at):
            axes.axvline(line.at, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=4)
            axes.annotate(
                shortened([line.label], 30)[line.label], (line.at, 1), xycoords=("data", "axes fraction"),
                xytext=(0, 2), textcoords="offset points", ha="center", fontsize=FONT_SIZE - 1.5, color=MUTED,
            )  # fmt: skip
    axes.set_xlabel(wrapped(content.y_label, width * 0.7, 2))
    _legend(figure, names, width)
    return figure


def _rows(together: Sequence[str], bars: Sequence[Bar]) -> list[float]:
    """How far down each bar stands."""
    down: dict[int, float] = {}
    at = 0.0
    for name in together:
        for index, bar in enumerate(bars):
            if bar.name == name:
                down[index] = at
                at += 1.0
        at += 0.6
    return [down[index] for index in range(len(bars))]


def _bar(axes: Any, bar: Bar, place: float, number: int) -> None:
    if not drawable(bar.value):
        axes.text(0, place, " no value", va="center", color=MUTED, fontsize=FONT_SIZE - 1.5)
        return
    axes.barh(place, bar.value, height=0.78, color=colour(number), alpha=0.75, linewidth=0, zorder=2)
    if bar.interval is not None and all(map(drawable, bar.interval)):
        axes.plot(bar.interval, [place] * 2, color=INK, linewidth=0.9, zorder=3)
        axes.plot(bar.interval, [place] * 2, "|", color=INK, markersize=4, zorder=3)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _legend(figure: Any, names: Sequence[str], width: float) -> None:
    from matplotlib.patches import Patch

    if len(names) > 1:
        legend(figure, [Patch(facecolor=colour(at), alpha=0.75) for at in range(len(names))], names, width)
