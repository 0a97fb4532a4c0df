"""What a figure shows, independent of how it is drawn. Arrays are float64, nan where there is no value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.report.fields import Interval

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """Between two curves over the same x; `label` names the theorem if it is what a theorem allows."""

    low: Values
    high: Values
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A measured curve; `band` is what a theorem allows, `spread` how far repetitions lie apart."""

    name: str
    x: Values
    y: Values
    style: str = "solid"
    band: Area | None = None
    spread: Area | None = None

    @property
    def outside(self) -> int:
        """At how many points the curve lies outside its band, by more than what a drawing shows."""
        if self.band is None:
            return 0
        room = 1e-6 * np.maximum(1e-300, np.abs(self.y))
        return int(((self.y < self.band.low - room) | (self.y > self.band.high + room)).sum())


@dataclass(frozen=True, slots=True)
class Line:
    """A reference line at a value of one axis."""

    axis: str
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves on the same axes."""

    title: str
    y_label: str
    series: tuple[Series, ...]
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Curves:
    """Panels of curves over a common quantity."""

    panels: tuple[Panel, ...]
    x_label: str = "step"
    x_scale: str = "linear"
    y_scale: str = "linear"
    share_y: bool = False
    """Whether all panels have the y range of the widest together."""


@dataclass(frozen=True, slots=True)
class Point:
    """A named point of a scatter."""

    name: str
    x: float
    y: float
    group: str = ""
    y_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Scatter:
    """Named points, with intervals."""

    points: tuple[Point, ...]
    x_label: str
    y_label: str
    x_scale: str = "linear"
    y_scale: str = "linear"
    diagonal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Values (rows, columns), written in their cells; `diverging`: coloured by sign."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Values
    value_label: str
    diverging: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """Points in the plane, with integer labels (n,)."""

    title: str
    x: Values
    y: Values
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Projection:
    """Clouds on the same axes."""

    panels: tuple[Cloud, ...]
    label_names: dict[int, str]
    x_label: str
    y_label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its interval."""

    name: str
    value: float
    interval: Interval | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars, in groups."""

    bars: tuple[Bar, ...]
    y_label: str
    lines: tuple[Line, ...] = ()


Content = Curves | Scatter | Matrix | Projection | Bars


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and what is printed below it."""

    id: str
    title: str
    content: Content
    caption: str = ""
    paper: str = ""
    note: str = ""

    @property
    def kind(self) -> str:
        """Such as `curves`."""
        return type(self.content).__name__.lower()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a legend tells, in order of appearance, each once."""
        return tuple(dict.fromkeys(_names(self.content)))

    @property
    def departures(self) -> tuple[tuple[str, int, int], ...]:
        """The curves that leave their bands: name, at how many points, of how many. A picture must not hide it."""
        if not isinstance(self.content, Curves):
            return ()
        return tuple(
            (" – ".join(filter(None, (panel.title, series.name))), series.outside, int(np.isfinite(series.y).sum()))
            for panel in self.content.panels
            for series in panel.series
            if series.outside
        )


def _names(content: Any) -> list[str]:
    match content:
        case Curves(panels=panels):
            return [series.name for panel in panels for series in panel.series]
        case Scatter(points=points):
            return [point.group for point in points]
        case Bars(bars=bars):
            return [bar.group for bar in bars]
        case Projection(label_names=names):
            return [names[label] for label in sorted(names, reverse=True)]
        case _:
            return []
