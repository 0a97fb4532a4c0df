"""Projections: clouds of points on the same axes, coloured by label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alignprops.report.figures.axes import label_axes, legend, legend_height, nothing, sheet, title
from alignprops.report.figures.specs import Projection
from alignprops.report.figures.style import NARROW, colour, drawable

SIGNS = ("o", "^", "s", "D", "v")


def draw(content: Projection, width: float) -> Any:
    """A figure of all panels; the axes are shared, so that before and after can be compared."""
    count = len(content.panels)
    widest = 2 if width <= NARROW else (4 if count % 2 == 0 else 3)  # before and after stay side by side
    columns = min(widest, max(count, 1))
    height = 1.8 if width <= NARROW else 2.2
    labels = sorted(content.label_names, reverse=True)
    below = legend_height([content.label_names[label] for label in labels], width)
    figure, axes = sheet(count, width, height=height, columns=columns, below=below, sharex=True, sharey=True)
    wide = width / columns
    for at, (panel, place) in enumerate(zip(content.panels, axes, strict=False)):
        shown = drawable(panel.x) & drawable(panel.y)
        for number, label in enumerate(labels):
            chosen = shown & (panel.labels == label)
            place.plot(
                panel.x[chosen],
                panel.y[chosen],
                SIGNS[number % len(SIGNS)],
                color=colour(number),
                alpha=0.75,
                markersize=2.6,
                markeredgewidth=0,
            )
        if not shown.any():
            nothing(place)
        title(place, panel.title, wide)
        bottom, left = at + columns >= count, at % columns == 0
        place.tick_params(labelbottom=bottom)
        label_axes(
            place,
            content.x_label if bottom else "",
            content.y_label if left else "",
            width=wide * 0.8,
            height=height * 0.75,
        )
    if not content.panels:
        nothing(axes[0])
    _legend(figure, [content.label_names[label] for label in labels], width)
    return figure


def _legend(figure: Any, names: Sequence[str], width: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour(at), marker=SIGNS[at % len(SIGNS)], linestyle="none", markersize=4)
        for at in range(len(names))
    ]
    legend(figure, handles, names, width)
