"""A figure drawn: as files (PNG, SVG), and as the SVG that stands in a page."""

from __future__ import annotations

import io
from typing import Any, assert_never

from alignprops.report.figures import bars, curves, matrix, projection, scatter
from alignprops.report.figures.inline import for_page
from alignprops.report.figures.specs import Bars, Curves, Figure, Matrix, Projection, Scatter
from alignprops.report.figures.style import WIDE, styled

#: The formats of figure files.
FORMATS = ("png", "svg")
#: Dots per inch of PNG files.
RESOLUTION = 200
#: Nothing that changes from run to run.
NO_METADATA: dict[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "png": {"Software": None},
}


def as_file(figure: Figure, kind: str, width: float = WIDE) -> bytes:
    """The bytes of a PNG or SVG file; its letters are outlines, so that it looks the same everywhere."""
    with styled(**{"svg.fonttype": "path"}):
        return _saved(_drawn(figure, width), kind)


def in_page(figure: Figure, width: float, prefix: str) -> str:
    """The SVG element for a page: text stays text, colours are variables, ids begin with `prefix`."""
    with styled(**{"svg.fonttype": "none"}):
        drawn = _saved(_drawn(figure, width), "svg")
    return for_page(drawn.decode(), prefix=prefix, label=figure.title or figure.id)


def _saved(drawn: Any, kind: str) -> bytes:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=kind, dpi=RESOLUTION, metadata=NO_METADATA[kind])
    return buffer.getvalue()


def _drawn(figure: Figure, width: float) -> Any:
    content = figure.content
    if isinstance(content, Curves):
        return curves.draw(content, figure.names, width)
    if isinstance(content, Scatter):
        return scatter.draw(content, figure.names, width)
    if isinstance(content, Matrix):
        return matrix.draw(content, width)
    if isinstance(content, Projection):
        return projection.draw(content, width)
    if isinstance(content, Bars):
        return bars.draw(content, figure.names, width)
    assert_never(content)
