"""Figures as data: what an experiment wants drawn, independent of what draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Numbers = Any
Spec = dict[str, Any]


def series(
    name: str,
    x: Numbers,
    y: Numbers,
    *,
    band: tuple[Numbers, Numbers, str] | None = None,
    spread: tuple[Numbers, Numbers] | None = None,
    style: str = "solid",
) -> Spec:
    """A curve; `band` (low, high, label) is what a theorem allows, `spread` (low, high) that of repetitions."""
    return {
        "name": name,
        "x": x,
        "y": y,
        "band": None if band is None else {"low": band[0], "high": band[1], "label": band[2]},
        "spread": None if spread is None else {"low": spread[0], "high": spread[1]},
        "style": style,
    }


def panel(title: str, y_label: str, curves: Sequence[Spec], lines: Sequence[Spec] = ()) -> Spec:
    """Curves that share their axes."""
    return {"title": title, "y_label": y_label, "series": list(curves), "lines": list(lines)}


def line(at: float, label: str, axis: str = "y") -> Spec:
    """A reference line."""
    return {"axis": axis, "at": at, "label": label}


def curves(
    figure_id: str,
    title: str,
    caption: str,
    panels: Sequence[Spec],
    *,
    paper: str = "",
    x_label: str = "step",
    x_scale: str = "linear",
    y_scale: str = "linear",
    share_y: bool = False,
) -> Spec:
    """Panels of curves over the step."""
    return {
        "share_y": share_y,
        **_head(figure_id, "curves", title, caption, paper),
        "x_label": x_label,
        "x_scale": x_scale,
        "y_scale": y_scale,
        "panels": list(panels),
    }


def scatter(
    figure_id: str,
    title: str,
    caption: str,
    points: Sequence[Spec],
    *,
    x_label: str,
    y_label: str,
    paper: str = "",
    note: str = "",
    x_scale: str = "linear",
    y_scale: str = "linear",
) -> Spec:
    """Named points {name, x, y, group, y_interval}."""
    return {
        **_head(figure_id, "scatter", title, caption, paper),
        "x_label": x_label,
        "y_label": y_label,
        "x_scale": x_scale,
        "y_scale": y_scale,
        "points": list(points),
        "note": note,
    }


def matrix(
    figure_id: str,
    title: str,
    caption: str,
    names: Sequence[str],
    values: Numbers,
    *,
    value_label: str,
    paper: str = "",
) -> Spec:
    """A square of signed numbers."""
    return {
        **_head(figure_id, "matrix", title, caption, paper),
        "rows": list(names),
        "columns": list(names),
        "values": values,
        "value_label": value_label,
        "diverging": True,
    }


def projection(
    figure_id: str, title: str, caption: str, panels: Sequence[Spec], *, label_names: Mapping[str, str], paper: str = ""
) -> Spec:
    """Points {title, x, y, labels} in the plane, all panels on the same axes."""
    return {
        **_head(figure_id, "projection", title, caption, paper),
        "panels": list(panels),
        "x_label": "first principal component",
        "y_label": "second principal component",
        "label_names": dict(label_names),
    }


def bars(
    figure_id: str,
    title: str,
    caption: str,
    found: Sequence[Spec],
    *,
    y_label: str,
    paper: str = "",
    lines: Sequence[Spec] = (),
) -> Spec:
    """Bars {name, value, interval, group}."""
    return {
        **_head(figure_id, "bars", title, caption, paper),
        "y_label": y_label,
        "bars": list(found),
        "lines": list(lines),
    }


def _head(figure_id: str, kind: str, title: str, caption: str, paper: str) -> Spec:
    return {"id": figure_id, "kind": kind, "title": title, "caption": caption, "paper": paper}
