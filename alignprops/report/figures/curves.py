"""Curves: what was measured as lines, what a theorem allows as bands around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alignprops.report.figures.axes import (
    label_axes,
    legend,
    legend_height,
    nothing,
    reference_lines,
    scale,
    sheet,
    title,
)
from alignprops.report.figures.specs import Area, Curves, Panel, Series, Values
from alignprops.report.figures.style import MUTED, NARROW, colour, drawable, marker

DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (4, 1.6)), "dotted": (0, (1, 1.4))}
#: Up to this many points of a series are marked one by one.
FEW = 12


def draw(content: Curves, names: Sequence[str], width: float) -> Any:
    """A figure of all panels, with one legend."""
    count = len(content.panels)
    columns = 1 if width <= NARROW else {4: 2}.get(count, 3)
    height = 2.1
    numbers = {name: at for at, name in enumerate(names)}
    handles, told = _told(content, numbers)
    figure, axes = sheet(count, width, height=height, columns=columns, below=legend_height(told, width))
    wide = width / min(columns, max(count, 1))
    above = 0
    for panel, place in zip(content.panels, axes, strict=False):
        above = max(above, _panel(place, panel, content, numbers))
        label_axes(place, content.x_label, panel.y_label, width=wide * 0.8, height=height * 0.75)
    if content.share_y and content.panels:
        _share_y(axes[:count])
    for panel, place in zip(content.panels, axes, strict=False):
        title(place, panel.title, wide, above)
    if not content.panels:
        nothing(axes[0])
    legend(figure, handles, told, width)
    return figure


def _share_y(axes: Sequence[Any]) -> None:
    """One y range for panels of the same quantity, so that they may be compared."""
    ranges = [place.get_ylim() for place in axes if place.has_data()]
    if not ranges:
        return
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    for place in axes:
        if place.has_data():
            place.set_ylim(low, high)


def _panel(axes: Any, panel: Panel, content: Curves, numbers: Mapping[str, int]) -> int:
    """Draw a panel; return how many rows of names stand above it."""
    known = [series for series in panel.series if _visible(series, content).any()]
    for series in known:
        for area, strength, edge in ((series.spread, 0.13, 0.0), (series.band, 0.2, 0.6)):
            if area is not None:
                _fill(axes, series.x, area, colour(numbers[series.name]), strength, edge)
    for series in known:
        _line(axes, series, content, numbers[series.name])
    seen = {id(series): _visible(series, content) for series in known}
    shown = [
        values
        for series in known
        for values in (series.y[seen[id(series)]], *_bounds(series.band), *_bounds(series.spread))
    ]
    scale(axes, "x", content.x_scale, [series.x[seen[id(series)]] for series in known])
    scale(axes, "y", content.y_scale, shown)
    if not known:
        nothing(axes)
    return reference_lines(axes, panel.lines if known else ())


def _line(axes: Any, series: Series, content: Curves, number: int) -> None:
    visible = _visible(series, content)
    y = np.where(visible, series.y, np.nan)
    sign = marker(number)
    few = visible.sum() <= FEW
    axes.plot(
        series.x,
        y,
        color=colour(number),
        linestyle=DASHES[series.style],
        marker=sign or ("o" if few else ""),
        markevery=None if few else max(1, len(y) // 9),
        markersize=3.2 if sign else 2.6,
        zorder=3,
    )
    alone = visible & ~_shifted(visible, 1) & ~_shifted(visible, -1)
    if alone.any() and not few:  # a point between gaps is no line
        axes.plot(series.x[alone], y[alone], "o", color=colour(number), markersize=2.6, zorder=3)


def _fill(axes: Any, x: Values, area: Area, tint: str, strength: float, edge: float) -> None:
    low, high = (np.where(drawable(side), side, np.nan) for side in (area.low, area.high))
    axes.fill_between(x, low, high, color=tint, alpha=strength, linewidth=0, zorder=2)
    if len(x) == 1:  # a band over a single step has no breadth
        axes.vlines(x, low, high, color=tint, alpha=0.45, linewidth=4, zorder=2)
    if edge:
        for side in (low, high):
            axes.plot(x, side, color=tint, alpha=0.55, linewidth=edge, zorder=2)


def _visible(series: Series, content: Curves) -> Any:
    """Which points can be drawn on these scales."""
    visible = drawable(series.y) & drawable(series.x)
    if content.y_scale == "log" and (series.y[visible] > 0).any():
        visible &= drawable(series.y, "log")
    if content.x_scale == "log" and (series.x[visible] > 0).any():
        visible &= drawable(series.x, "log")
    return visible


def _shifted(visible: Any, by: int) -> Any:
    moved = np.roll(visible, by)
    moved[0 if by > 0 else -1] = False
    return moved


def _bounds(area: Area | None) -> tuple[Values, ...]:
    if area is None:
        return ()
    return area.low[drawable(area.low)], area.high[drawable(area.high)]


def _told(content: Curves, numbers: Mapping[str, int]) -> tuple[list[Any], list[str]]:
    """What the legend shows, and says."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    every = [series for panel in content.panels for series in panel.series]
    handles: list[Any] = []
    names: list[str] = []
    for name, number in numbers.items():
        styles = {series.style for series in every if series.name == name}
        style = styles.pop() if len(styles) == 1 else "solid"
        handles.append(Line2D([], [], color=colour(number), linestyle=DASHES[style], marker=marker(number)))
        names.append(name or "measured")
    if tuple(numbers) == ("",):  # one curve a panel, which its title names
        handles, names = [], []
    for label in dict.fromkeys(series.band.label for series in every if series.band is not None):
        handles.append(Patch(facecolor=MUTED, alpha=0.3, edgecolor=MUTED, linewidth=0.6))
        names.append(f"allowed by {label}" if label else "allowed by the theorem")
    if any(series.spread is not None for series in every):
        handles.append(Patch(facecolor=MUTED, alpha=0.18, linewidth=0))
        names.append("spread over repetitions")
    return handles, names
