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


class Drawing:
    """A figure as it is drawn: laid out once for each width, whatever it is saved as."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self._laid_out: dict[float, Any] = {}

    def file(self, kind: str, width: float = WIDE) -> bytes:
        """The bytes of a PNG or SVG file; its letters are outlines, so that it looks the same everywhere."""
        return self._saved(kind, width, letters="path")

    def in_page(self, width: float, prefix: str) -> str:
        """The SVG element for a page: text stays text, colours are variables, ids begin with `prefix`."""
        drawn = self._saved("svg", width, letters="none")
        return for_page(drawn.decode(), prefix=prefix, label=self.figure.title or self.figure.id)

    def _saved(self, kind: str, width: float, *, letters: str) -> bytes:
        buffer = io.BytesIO()
        with styled(**{"svg.fonttype": letters}):
            if width not in self._laid_out:
                self._laid_out[width] = _laid_out(self.figure, width)
            self._laid_out[width].savefig(buffer, format=kind, dpi=RESOLUTION, metadata=NO_METADATA[kind])
        return buffer.getvalue()


def _laid_out(figure: Figure, width: float) -> Any:
    """The layout takes as long as all the rest: it is found once and kept."""
    drawn = _drawn(figure, width)
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    return drawn


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
