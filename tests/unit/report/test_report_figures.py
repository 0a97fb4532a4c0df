"""Figures: every kind draws whatever values it is given, and nothing covers anything."""

from __future__ import annotations

import re
import struct
from itertools import combinations
from pathlib import Path
from typing import Any

import example_documents as made
import numpy as np
import pytest

from alignprops.report.documents import collect
from alignprops.report.experiment import read_experiment
from alignprops.report.figures import curves, scatter
from alignprops.report.figures.axes import power, subscripted
from alignprops.report.figures.drawing import Drawing
from alignprops.report.figures.matrix import told
from alignprops.report.figures.specs import Figure
from alignprops.report.figures.style import COLOURS, NARROW, SERIES, WIDE, shortened, styled


def figure(folder: Path, document: dict[str, Any]) -> Figure:
    """A figure as a report reads it."""
    return read_experiment(collect([made.written(folder, made.experiment(figures=[document]))])[0]).figures[0]


@pytest.mark.parametrize("kind", made.FIGURES)
def test_every_kind_is_drawn(kind: str, tmp_path: Path) -> None:
    """Of the width of a page."""
    shown = figure(tmp_path, made.FIGURES[kind]())
    png = Drawing(shown).file("png")

    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert 900 <= width <= 1440
    assert height >= 200


def test_an_svg_file_is_letters_as_outlines_and_no_date(tmp_path: Path) -> None:
    """It looks the same where the font is not installed."""
    svg = Drawing(figure(tmp_path, made.matrix())).file("svg").decode()

    assert svg.startswith("<?xml")
    assert "<text" not in svg
    assert "date" not in svg.lower()


#: Values that a figure may be given, and a text that its drawing must then hold.
EXTREMES = {
    "no panel": (made.curves(panels=[]), "no values"),
    "no series": (made.curves(made.panel()), "no values"),
    "an empty series": (made.curves(made.panel(made.series(x=[], y=[]))), "no values"),
    "only gaps": (made.curves(made.panel(made.series(y=[None] * 6))), "no values"),
    "a single point": (made.curves(made.panel(made.series(x=[3], y=[0.5]))), "log 2"),
    "infinite": (made.curves(made.panel(made.series(y=[1, "inf", 0.5, "nan", "-inf", 0]))), "loss"),
    "nothing positive on a log scale": (made.curves(made.panel(made.series(y=[0] * 6)), y_scale="log"), "loss"),
    "a step 0 on a log scale": (made.curves(x_scale="log"), "loss"),
    "huge": (made.curves(made.panel(made.series(y=[1e300, 1e-150, 1, 2, 1e150, 4])), y_scale="log"), "10⁻"),
    "a huge band": (
        made.curves(made.panel(made.series(band=made.band(high=[1e308] * 6, low=[-1e308] * 6)))),
        "allowed by LD-6",
    ),
    "huge points": (made.scatter(points=[{"name": "a", "x": 1e308, "y": 1}, {"name": "b", "x": 1, "y": 1}]), ">b<"),
    "constant": (made.curves(made.panel(made.series(y=[5.0] * 6)), y_scale="log"), "5"),
    "a band of one step": (
        made.curves(made.panel(made.series(x=[1], y=[1], band={"low": [0], "high": [2], "label": "LD-4"}))),
        "allowed by LD-4",
    ),
    "a spread": (made.curves(made.panel(made.series(spread=made.band()))), "spread over repetitions"),
    "no points": (made.scatter(points=[]), "no values"),
    "points without values": (made.scatter(points=[{"name": "a", "x": None, "y": 1.0}]), "no values"),
    "an empty matrix": (made.matrix(rows=[], columns=[], values=[]), "no values"),
    "a matrix of nothing": (made.matrix(values=[[None] * 3] * 3), "–"),
    "a matrix of zeros": (made.matrix(values=[[0] * 3] * 3), "0.00"),
    "one row": (made.matrix(rows=["a"], values=[[1, 2, 3]]), "3.00"),
    "no clouds": (made.projection(panels=[]), "no values"),
    "an empty cloud": (made.projection(panels=[{"title": "t", "x": [], "y": [], "labels": []}]), "no values"),
    "unnamed labels": (made.projection(label_names={}), "-1"),
    "no bars": (made.bars(bars=[]), "no values"),
    "a bar without a value": (
        made.bars(bars=[{"name": "a", "value": None, "interval": None, "group": ""}]),
        "no value",
    ),
}


@pytest.mark.parametrize(("document", "text"), EXTREMES.values(), ids=EXTREMES)
def test_whatever_the_values_a_figure_is_drawn(document: dict[str, Any], text: str, tmp_path: Path) -> None:
    """And says what it can: nothing fails, nothing warns."""
    assert text in Drawing(figure(tmp_path, document)).in_page(WIDE, "f-")


def test_a_gap_is_a_gap_and_a_point_between_gaps_is_seen(tmp_path: Path) -> None:
    """The line is not drawn across what is missing."""
    y = [1.0] * 5 + [None] + [2.0] + [None] + [3.0] * 20
    whole = figure(tmp_path, made.curves(made.panel(made.series(x=list(range(28)), y=y))))
    with styled():
        axes = curves.draw(whole.content, whole.names, WIDE).axes[0]
    line, alone = next(shown for shown in axes.lines if len(shown.get_xdata()) > 2), axes.lines[-2]

    assert np.isnan(line.get_ydata()[[5, 7]]).all()
    assert alone.get_xdata().tolist() == [6]
    assert alone.get_marker() == "o"


def test_a_band_is_drawn_around_its_curve_in_its_colour(tmp_path: Path) -> None:
    """From its lower to its upper side."""
    shown = figure(tmp_path, made.curves())
    with styled():
        axes = curves.draw(shown.content, shown.names, WIDE).axes[0]
    (area,) = axes.collections
    ys = area.get_paths()[0].vertices[:, 1]

    assert (ys.min(), ys.max()) == pytest.approx((0.1, 0.8))
    assert tuple(area.get_facecolor()[0][:3]) == pytest.approx(_rgb(SERIES[0]))


def test_a_curve_that_leaves_its_band_is_told(tmp_path: Path) -> None:
    """At how many points; rounding and gaps are no departure."""
    high = [0.8 - 0.1 * step for step in made.STEPS]
    low = [0.7 - 0.1 * step + 1e-12 for step in made.STEPS]
    inside = made.series(band=made.band(low=low, high=high))
    left = made.series("risk-averse", y=[0.7, None, 0.9, 0.4, 0.3, -1.0], band=made.band())
    shown = figure(tmp_path, made.curves(made.panel(inside, left)))

    assert shown.departures == (("loss – risk-averse", 2, 5),)
    assert figure(tmp_path, made.bars()).departures == ()


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_legend_of_ten_long_names_covers_nothing(width: float, tmp_path: Path) -> None:
    """It stands below all panels, inside the figure, and the panels keep their height."""
    names = [f"willingness-to-make-acausal-trades-{at}" for at in range(10)]
    shown = figure(tmp_path, made.curves(*[made.panel(*map(made.series, names))] * 3))
    with styled():
        drawn = curves.draw(shown.content, shown.names, width)
        drawn.draw_without_rendering()
        legend = drawn.legends[0].get_window_extent()
        panels = [axes.get_tightbbox() for axes in drawn.axes]
        heights = [axes.get_window_extent().height / drawn.dpi for axes in drawn.axes]

    assert not [panel for panel in panels if panel.overlaps(legend)]
    assert not [pair for pair in combinations(panels, 2) if pair[0].overlaps(pair[1])]
    assert drawn.bbox.x0 <= legend.x0
    assert legend.x1 <= drawn.bbox.x1
    assert min(heights) > 1.0
    assert len({text.get_text() for text in drawn.legends[0].get_texts()}) == 10


def test_names_beside_points_do_not_cover_each_other(tmp_path: Path) -> None:
    """Crowded names are left out rather than written over each other."""
    crowd = [{"name": f"behaviour-{at}", "x": 1 + at / 1000, "y": 1 + at / 900, "group": ""} for at in range(18)]
    points = [*crowd, {"name": "alone", "x": 3, "y": 3, "group": ""}]
    shown = figure(tmp_path, made.scatter(points=points))
    with styled():
        drawn = scatter.draw(shown.content, shown.names, WIDE)
        boxes = [text.get_window_extent() for text in drawn.axes[0].texts]

    assert "alone" in [text.get_text() for text in drawn.axes[0].texts]
    assert 3 <= len(boxes) < 19
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_projections_share_their_axes(tmp_path: Path) -> None:
    """Before and after can be compared."""
    from alignprops.report.figures import projection

    shown = figure(tmp_path, made.projection())
    with styled():
        before, after = projection.draw(shown.content, WIDE).axes

    assert before.get_xlim() == after.get_xlim()
    assert before.get_ylim() == after.get_ylim()


def test_a_figure_in_a_page_takes_the_colours_of_the_page(tmp_path: Path) -> None:
    """Every colour is a variable, so that it is legible in the dark; text is text, and ids are its own."""
    for kind in ("curves", "matrix", "bars"):
        svg = Drawing(figure(tmp_path, made.FIGURES[kind]())).in_page(WIDE, "f7-")

        assert re.findall("#[0-9a-f]{6}", svg) == []
        assert set(re.findall(r"var\(--([a-z0-9-]+)\)", svg)) <= {*COLOURS, "sans"}
        assert all(name.startswith("f7-") for name in re.findall(r' id="([^"]*)"', svg))
        assert "<style" not in svg
    assert ">predicted</text>" in svg


def test_no_two_colours_are_drawn_alike() -> None:
    """Each is turned into its own variable."""
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)


def test_a_dollar_sign_in_a_name_is_no_mathematics(tmp_path: Path) -> None:
    """Names are not read as LaTeX."""
    svg = Drawing(figure(tmp_path, made.curves(made.panel(made.series(r"$\alpha$"), title="$x$")))).in_page(WIDE, "f-")

    assert r"$\alpha$" in svg
    assert "$x$" in svg


@pytest.mark.parametrize(
    ("value", "tick"), [(0.05, "0.05"), (100.0, "100"), (2e-7, "2·10⁻⁷"), (1e-5, "10⁻⁵"), (1e6, "10⁶"), (0.0, "")]
)
def test_ticks_of_a_logarithmic_axis(value: float, tick: str) -> None:
    """Plain where it is short, a power of ten elsewhere."""
    assert power(value) == tick


@pytest.mark.parametrize(("value", "cell"), [(-0.456, "−0.46"), (0.0, "0.00"), (1234.5, "1.2e+03"), (1e-5, "1.0e−05")])
def test_numbers_in_the_cells_of_a_matrix(value: float, cell: str) -> None:
    """With a true minus sign."""
    assert told(value) == cell


def test_names_that_are_cut_stay_apart() -> None:
    """Cut in the middle, numbered where that is not enough."""
    names = ["a" * 50 + "x" + "b" * 50, "a" * 50 + "y" + "b" * 50, "short", "two\nlines"]
    short = shortened(names, 20)

    assert len(set(short.values())) == 4
    assert max(map(len, short.values())) <= 20
    assert short["short"] == "short"
    assert short["two\nlines"] == "two lines"


@pytest.mark.parametrize("shared", [True, False])
def test_panels_share_their_y_range_on_request(shared: bool) -> None:
    """The widest of them, in each."""
    from alignprops.report.figures.curves import draw
    from alignprops.report.figures.specs import Curves, Panel, Series

    x = np.arange(5.0)
    panels = tuple(Panel(name, "loss", (Series("a", x, top * x),)) for name, top in (("one", 1.0), ("two", 10.0)))

    figure = draw(Curves(panels, share_y=shared), ["a"], 900)

    one, two = (axes.get_ylim() for axes in figure.axes[:2])
    assert (one == two) == shared
    assert two[1] >= 40


def test_times_are_drawn_as_subscripts() -> None:
    """Of a symbol of one letter, and of nothing else."""
    assert subscripted("‖W_t − W_0‖, θ_0, loss_t, W_10, a_b") == "‖Wₜ − W₀‖, θ₀, loss_t, W_10, a_b"
