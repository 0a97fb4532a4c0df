"""How figures look: a palette that colour-blind readers can tell apart (Okabe and Ito), fonts, and the page's colours.

A figure is drawn in the light colours. In a page each colour is a CSS variable, so that the same figure is legible in
the dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from warnings import catch_warnings, filterwarnings

#: CSS variable: (light, dark). The light ones are what matplotlib draws with; no two are the same.
COLOURS: Final = {
    "ink": ("#1b1b1b", "#e4e2dd"),
    "muted": ("#5c5c5c", "#a6a39c"),
    "grid": ("#e4e4e2", "#2f3235"),
    "paper": ("#fffffe", "#16181a"),
    "on-middle": ("#1b1b1d", "#0d0f11"),
    "on-strong": ("#fefeff", "#0d0f10"),
    "s0": ("#0072b2", "#4ea6dc"),
    "s1": ("#d55e00", "#f08a45"),
    "s2": ("#009e73", "#35c39a"),
    "s3": ("#cc79a7", "#e6a6c8"),
    "s4": ("#e69f00", "#f3c04d"),
    "s5": ("#56b4e9", "#a9dcfb"),
    "s6": ("#6b6b6b", "#bebebe"),
}
INK, MUTED, GRID, PAPER = (COLOURS[name][0] for name in ("ink", "muted", "grid", "paper"))
ON_MIDDLE, ON_STRONG = COLOURS["on-middle"][0], COLOURS["on-strong"][0]
SERIES: Final = tuple(light for name, (light, _) in COLOURS.items() if name[0] == "s")
POSITIVE, NEGATIVE = SERIES[0], SERIES[1]
#: The second round of colours is told apart by these.
MARKERS: Final = ("", "o", "s", "^", "D", "v")

#: Inches. A page shows the wide drawing, or on a narrow screen the narrow one, at about the same size of letters.
WIDE, NARROW = 7.2, 3.6
FONT_SIZE: Final = 8.0

SETTINGS: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same everywhere
    "font.size": FONT_SIZE,
    "text.parse_math": False,  # names come from data: a dollar sign is a dollar sign
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": FONT_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": FONT_SIZE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": FONT_SIZE - 1,
    "ytick.labelsize": FONT_SIZE - 1,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.fontsize": FONT_SIZE - 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "savefig.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.04,
    "figure.constrained_layout.w_pad": 0.04,
    "svg.hashsalt": "alignprops",
}


LARGEST: Final = 1e200


@contextmanager
def styled(**settings: Any) -> Iterator[None]:
    """Draw and save in our style, whatever the user's own matplotlib settings are."""
    import matplotlib as mpl

    with mpl.rc_context(), catch_warnings():
        mpl.rcdefaults()
        parameters: Any = SETTINGS | settings
        mpl.rcParams.update(parameters)
        # names in scripts that the font does not have: the page's SVG keeps them as text, a PNG shows boxes
        filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def drawable(values: Any, kind: str = "linear") -> Any:
    """Which values can be drawn on an axis of this scale: matplotlib's own sums overflow near the ends of float64."""
    import numpy as np

    size = np.abs(values)
    return (size < LARGEST) & ((values > 1 / LARGEST) if kind == "log" else True)


def colour(at: int) -> str:
    """The colour of series number `at`."""
    return SERIES[at % len(SERIES)]


def marker(at: int) -> str:
    """The marker of series number `at`: none in the first round of colours."""
    return MARKERS[at // len(SERIES) % len(MARKERS)]


def shortened(names: Sequence[str], width: int) -> dict[str, str]:
    """Names cut in the middle to `width` characters; numbered where the cuts would look alike."""
    told: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        cut = _cut(name, width)
        again = 2
        while cut in taken:
            cut = f"{_cut(name, width - 4)} ({again})"
            again += 1
        taken.add(cut)
        told[name] = cut
    return told


def _cut(name: str, width: int) -> str:
    plain = " ".join(name.split())
    if len(plain) <= width:
        return plain
    head = math.ceil((width - 1) * 0.6)
    return f"{plain[:head]}…{plain[len(plain) - (width - 1 - head) :]}"
