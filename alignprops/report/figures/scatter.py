"""Scatter: named points with intervals, the groups told apart by colour and marker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from alignprops.report.figures.axes import label_axes, legend, legend_height, nothing, scale, sheet
from alignprops.report.figures.specs import Point, Scatter
from alignprops.report.figures.style import FONT_SIZE, INK, MUTED, NARROW, colour, drawable, shortened

SIGNS = ("o", "s", "^", "D", "v", "P", "X")
#: Where a name may stand: how far from its point, and which end of it is there.
SIDES = ((4.5, 0, "left"), (-4.5, 0, "right"), (0, 7, "center"), (0, -7, "center"), (4, 6, "left"), (-4, 6, "right"))
#: More names than this would cover the points.
NAMED = 24
#: Left, bottom, right and top, in dots.
Box = tuple[float, float, float, float]


def draw(content: Scatter, names: Sequence[str], width: float) -> Any:
    """A figure of all points, with their names beside them as far as there is room."""
    below = legend_height(names, width) if len(names) > 1 else 0.0
    height = 3.0 if width <= NARROW else 3.4
    inner = width if width <= NARROW else 5.4
    figure, (axes,) = sheet(1, inner, height=height, columns=1, below=below)
    known = [point for point in content.points if _visible(point, content)]
    for at, group in enumerate(names):
        _group(axes, [point for point in known if point.group == group], at)
    scale(axes, "x", content.x_scale, [np.array([point.x for point in known])])
    scale(axes, "y", content.y_scale, [np.array([point.y for point in known])])
    axes.margins(0.12, 0.12)
    if content.diagonal and known:
        _diagonal(axes, known)
    if not known:
        nothing(axes)
    label_axes(axes, content.x_label, content.y_label, width=inner * 0.85, height=height * 0.8)
    _legend(figure, names, inner)
    if known:
        _names(figure, axes, known, inner)
    return figure


def _visible(point: Point, content: Scatter) -> bool:
    return bool(drawable(point.x, content.x_scale) and drawable(point.y, content.y_scale))


def _group(axes: Any, points: Sequence[Point], number: int) -> None:
    tint, sign = colour(number), SIGNS[number % len(SIGNS)]
    for point in points:
        if point.y_interval is not None:
            axes.plot([point.x] * 2, point.y_interval, color=tint, linewidth=0.9, alpha=0.7, zorder=2)
    axes.plot([point.x for point in points], [point.y for point in points], sign, color=tint, markersize=4.6, zorder=3)


def _diagonal(axes: Any, points: Sequence[Point]) -> None:
    every = [value for point in points for value in (point.x, point.y)]
    axes.plot([min(every), max(every)], [min(every), max(every)], color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))


def _legend(figure: Any, names: Sequence[str], width: float) -> None:
    from matplotlib.lines import Line2D

    if len(names) < 2:
        return
    handles = [
        Line2D([], [], color=colour(at), marker=SIGNS[at % len(SIGNS)], linestyle="none", markersize=4.6)
        for at in range(len(names))
    ]
    legend(figure, handles, [name or "other" for name in names], width)


# --- names beside the points -------------------------------------------------------------------------------------


def _names(figure: Any, axes: Any, points: Sequence[Point], width: float) -> None:
    """Write each name once, where nothing else is, beside one of its points; else leave it out."""
    figure.draw_without_rendering()  # the places are known once the layout is
    frame = axes.get_window_extent()
    dot, size = figure.dpi / 72, FONT_SIZE - 2
    dots = [_extent(axes, point, dot, whole=False) for point in points]
    whole = [_extent(axes, point, dot, whole=True) for point in points]
    written: list[Box] = []
    names = list(dict.fromkeys(point.name for point in points if point.name))[:NAMED]
    short = shortened(names, 18 if width <= NARROW else 26)
    for name in names:
        own = [point for point in points if point.name == name]
        extent = (len(short[name]) * size * 0.62 * dot, size * 1.15 * dot)
        for taken, point, side in product((whole, dots), own, SIDES):  # across an interval if need be
            box = _box(axes.transData.transform((point.x, point.y)), extent, side, dot)
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not any(_overlap(box, other) for other in (*taken, *written)):
                written.append(box)
                _write(axes, short[name], point, side, size)
                break


def _extent(axes: Any, point: Point, dot: float, *, whole: bool) -> Box:
    """What a point covers, with its interval if `whole`."""
    interval = point.y_interval if whole and point.y_interval is not None else (point.y, point.y)
    x, y = axes.transData.transform((point.x, point.y))
    ends = [y, *axes.transData.transform([(point.x, end) for end in interval])[:, 1]]
    known = [end for end in ends if math.isfinite(end)]
    return x - 3 * dot, min(y - 3 * dot, *known), x + 3 * dot, max(y + 3 * dot, *known)


def _box(place: Any, extent: tuple[float, float], side: tuple[float, float, str], dot: float) -> Box:
    """What a name of `extent` (length, height) covers beside `place`."""
    dx, dy, end = side
    length, height = extent
    left = place[0] + dx * dot - {"left": 0, "right": length, "center": length / 2}[end]
    middle = place[1] + dy * dot
    return left, middle - height / 2, left + length, middle + height / 2


def _write(axes: Any, text: str, point: Point, side: tuple[float, float, str], size: float) -> None:
    axes.annotate(
        text,
        (point.x, point.y),
        xytext=side[:2],
        textcoords="offset points",
        ha=side[2],
        va="center",
        fontsize=size,
        color=INK,
        in_layout=False,
    )


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
