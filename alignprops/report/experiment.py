"""`alignprops-experiment/1` read into what is drawn and printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignprops.report.documents import Document
from alignprops.report.fields import Fields, Interval
from alignprops.report.figures.specs import (
    Area,
    Bar,
    Bars,
    Cloud,
    Content,
    Curves,
    Figure,
    Line,
    Matrix,
    Panel,
    Point,
    Projection,
    Scatter,
    Series,
)

SCALES = ("linear", "log")
STYLES = ("solid", "dashed", "dotted")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured tendency: never a verdict."""

    id: str
    statement: str
    value: float | None
    interval: Interval | None
    level: float | None
    method: str
    n: int | None
    unit: str


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table as given."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment's result."""

    name: str
    title: str
    summary: str
    run: dict[str, Any]
    figures: tuple[Figure, ...]
    measurements: tuple[Measured, ...]
    tables: tuple[PlainTable, ...]
    traces: tuple[str, ...]


def read_experiment(document: Document) -> Experiment:
    """Read an experiment.

    Raises:
        InputError: something is missing or of another kind; the message says where.
    """
    fields = Fields(document.content, str(document.path))
    return Experiment(
        name=fields.text("name"),
        title=fields.text("title"),
        summary=fields.text("summary", ""),
        run=fields.pairs("run"),
        figures=tuple(_figure(item) for item in fields.items("figures")),
        measurements=tuple(_measured(item) for item in fields.items("measurements")),
        tables=tuple(_table(item) for item in fields.items("tables")),
        traces=fields.texts("traces") if fields.has("traces") else (),
    )


def _measured(fields: Fields) -> Measured:
    count = fields.number_or_none("n")
    return Measured(
        id=fields.text("id"),
        statement=fields.text("statement"),
        value=fields.number_or_none("value"),
        interval=fields.interval("interval"),
        level=fields.number_or_none("level"),
        method=fields.text("method", ""),
        n=None if count is None else int(count),
        unit=fields.text("unit", ""),
    )


def _table(fields: Fields) -> PlainTable:
    columns, rows = fields.texts("columns"), fields.raw("rows")
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise fields.refuse("rows", f"a list of rows of {len(columns)} cells")
    return PlainTable(fields.text("title", ""), columns, tuple(tuple(row) for row in rows))


# --- figures -----------------------------------------------------------------------------------------------------


def _figure(fields: Fields) -> Figure:
    kind = fields.choice("kind", tuple(KINDS))
    return Figure(
        id=fields.text("id"),
        title=fields.text("title", ""),
        content=KINDS[kind](fields),
        caption=fields.text("caption", ""),
        paper=fields.text("paper", ""),
        note=fields.text("note", ""),
    )


def _curves(fields: Fields) -> Curves:
    return Curves(
        panels=tuple(
            Panel(
                title=panel.text("title", ""),
                y_label=panel.text("y_label", ""),
                series=tuple(_series(item) for item in panel.items("series")),
                lines=_lines(panel),
            )
            for panel in fields.items("panels")
        ),
        x_label=fields.text("x_label", "step"),
        x_scale=fields.choice("x_scale", SCALES, "linear"),
        y_scale=fields.choice("y_scale", SCALES, "linear"),
        share_y=fields.raw("share_y") is True,
    )


def _series(fields: Fields) -> Series:
    x = fields.numbers("x")
    return Series(
        name=fields.text("name", ""),
        x=x,
        y=fields.numbers("y", len(x)),
        style=fields.choice("style", STYLES, "solid"),
        band=_area(fields.item("band"), len(x)),
        spread=_area(fields.item("spread"), len(x)),
    )


def _area(fields: Fields | None, length: int) -> Area | None:
    if fields is None:
        return None
    return Area(fields.numbers("low", length), fields.numbers("high", length), fields.text("label", ""))


def _lines(fields: Fields) -> tuple[Line, ...]:
    return tuple(
        Line(item.choice("axis", ("x", "y"), "y"), item.number("at"), item.text("label", ""))
        for item in fields.items("lines")
    )


def _scatter(fields: Fields) -> Scatter:
    return Scatter(
        points=tuple(
            Point(
                name=point.text("name", ""),
                x=_or_nan(point.number_or_none("x")),
                y=_or_nan(point.number_or_none("y")),
                group=point.text("group", ""),
                y_interval=point.interval("y_interval"),
            )
            for point in fields.items("points")
        ),
        x_label=fields.text("x_label", ""),
        y_label=fields.text("y_label", ""),
        x_scale=fields.choice("x_scale", SCALES, "linear"),
        y_scale=fields.choice("y_scale", SCALES, "linear"),
        diagonal=fields.flag("diagonal", default=False),
    )


def _matrix(fields: Fields) -> Matrix:
    rows, columns = fields.texts("rows"), fields.texts("columns")
    given = fields.raw("values")
    if not isinstance(given, list) or len(given) != len(rows):
        raise fields.refuse("values", f"{len(rows)} rows")
    lines = [Fields({"values": row}, fields.place, f"row {at}") for at, row in enumerate(given)]
    values = [line.numbers("values", len(columns)) for line in lines]
    return Matrix(
        rows=rows,
        columns=columns,
        values=np.array(values).reshape(len(rows), len(columns)),
        value_label=fields.text("value_label", ""),
        diverging=fields.flag("diverging", default=True),
    )


def _projection(fields: Fields) -> Projection:
    names = {}
    for label, name in fields.pairs("label_names").items():
        if not label.lstrip("-").isdecimal() or not isinstance(name, str):
            raise fields.refuse("label_names", "names of integer labels")
        names[int(label)] = name
    panels = tuple(_cloud(item) for item in fields.items("panels"))
    unnamed = {int(label) for panel in panels for label in panel.labels} - set(names)
    names |= {label: str(label) for label in unnamed}
    return Projection(panels, names, fields.text("x_label", ""), fields.text("y_label", ""))


def _cloud(fields: Fields) -> Cloud:
    x = fields.numbers("x")
    labels = fields.numbers("labels", len(x))
    if not np.array_equal(labels, np.round(labels)):
        raise fields.refuse("labels", "a list of integers")
    return Cloud(fields.text("title", ""), x, fields.numbers("y", len(x)), labels.astype(np.int64))


def _bars(fields: Fields) -> Bars:
    return Bars(
        bars=tuple(
            Bar(
                item.text("name", ""),
                _or_nan(item.number_or_none("value")),
                item.interval("interval"),
                item.text("group", ""),
            )
            for item in fields.items("bars")
        ),
        y_label=fields.text("y_label", ""),
        lines=_lines(fields),
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


KINDS: dict[str, Callable[[Fields], Content]] = {
    "curves": _curves,
    "scatter": _scatter,
    "matrix": _matrix,
    "projection": _projection,
    "bars": _bars,
}
