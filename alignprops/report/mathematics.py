"""A theorem's statement set as mathematics: LaTeX drawn by matplotlib's mathtext as the outlines of its signs.

Outlines need no font, no script and no network, and look the same in every browser; the statement as text goes with
them for whoever cannot see them. LaTeX comes from files: what mathtext does not know is told as text instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: Commands that mathtext has under another name.
SYNONYMS = {
    "lVert": r"\Vert ",
    "rVert": r"\Vert ",
    "lvert": r"\vert ",
    "rvert": r"\vert ",
    "ge": r"\geq ",
    "le": r"\leq ",
    "ne": r"\neq ",
    "tfrac": r"\frac",
}
COMMAND = re.compile(r"\\([A-Za-z]+)")
#: `\frac12` is `\frac{1}{2}`.
SHORT_FRACTION = re.compile(r"\\(d?frac)\s*(\d)\s*(\d)")
#: sympy sets products close; a named function after a factor needs a space.
NAMED_FUNCTION = re.compile(r"(?<=[\w})] )(\\(?:operatorname|mathrm)\{[a-z]{2,}\})")
LONGEST = 2000
MOVE, LINE, CURVE3, CURVE4, CLOSE = 1, 2, 3, 4, 79
#: The letter of an SVG path, and how many points follow it.
LETTERS = {MOVE: ("M", 1), LINE: ("L", 1), CURVE3: ("Q", 2), CURVE4: ("C", 3), CLOSE: ("Z", 0)}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula: signs of a `Typesetter` at their places, and bars. Hundredths of an em, y grows downwards."""

    signs: tuple[tuple[str, float, float, float], ...]
    """(id, x, y, scale) of every sign"""
    bars: str
    """SVG path data of fraction bars and roofs of roots"""
    left: float
    top: float
    width: float
    height: float


class Typesetter:
    """Sets formulas for one page, whose signs are drawn once: `outlines` has their SVG path data by id."""

    def __init__(self) -> None:
        self.outlines: dict[str, str] = {}
        self._ids: dict[Any, str] = {}
        self._boxes: dict[str, tuple[float, float, float, float]] = {}
        self._set: dict[str, Formula | None] = {}

    def relations(self, latex: str, statement: str) -> tuple[tuple[str, str, Formula | None], ...]:
        """The relations of a theorem: its name (if there are several), as text, and set (None: mathtext cannot)."""
        formulas = latex.split(r" \\ ") if latex else []
        texts = statement.split("; ")
        if len(formulas) != len(texts):
            return (("", statement, None),)
        if len(texts) == 1:
            return (("", statement, self.formula(latex)),)
        named = [text.partition(": ") if ": " in text else ("", "", text) for text in texts]
        return tuple((name, text, self.formula(each)) for (name, _, text), each in zip(named, formulas, strict=True))

    def formula(self, latex: str) -> Formula | None:
        """Set `latex`; None if mathtext does not know what it says."""
        if latex not in self._set:
            self._set[latex] = self._new(latex)
        return self._set[latex]

    def _new(self, latex: str) -> Formula | None:
        from matplotlib.font_manager import FontProperties
        from matplotlib.textpath import text_to_path

        from alignprops.report.figures.style import styled

        if not latex.strip() or len(latex) > LONGEST or "$" in latex or not latex.isascii():
            return None
        with styled(**{"mathtext.fontset": "cm"}):
            try:
                found, outlines, bars = text_to_path.get_glyphs_mathtext(FontProperties(), f"${translated(latex)}$")
            except (ValueError, RuntimeError, RecursionError):
                return None
        signs = [(self._sign(key, outlines), x, -y, scale) for key, x, y, scale in found]
        corners = [
            (x, -y) for points, codes in bars for (x, y), code in zip(points, codes, strict=True) if code != CLOSE
        ]
        for sign, x, y, scale in signs:
            left, top, right, bottom = self._boxes[sign]
            corners += [(x + scale * left, y + scale * top), (x + scale * right, y + scale * bottom)]
        if not corners:
            return None
        (left, top), (right, bottom) = (tuple(map(pick, zip(*corners, strict=True))) for pick in (min, max))
        data = "".join(_data(points, codes) for points, codes in bars)
        return Formula(tuple(signs), data, left, top, right - left, bottom - top)

    def _sign(self, key: Any, outlines: Any) -> str:
        """The id of a sign, drawn when it is first met."""
        if key not in self._ids:
            name = self._ids[key] = f"sign-{len(self._ids)}"
            points, codes = outlines[key]
            self.outlines[name] = _data(points, codes)
            known = [(float(x), -float(y)) for (x, y), code in zip(points, codes, strict=True) if code != CLOSE]
            xs, ys = zip(*(known or [(0.0, 0.0)]), strict=True)
            self._boxes[name] = (min(xs), min(ys), max(xs), max(ys))
        return self._ids[key]


def translated(latex: str) -> str:
    """`latex` in the words of mathtext, with outermost fractions in full size."""
    plain = COMMAND.sub(lambda found: SYNONYMS.get(found[1], found[0]), latex)
    plain = SHORT_FRACTION.sub(r"\\\1{\2}{\3}", plain)
    return NAMED_FUNCTION.sub(r"\\,\1", _displayed(plain))


def _displayed(latex: str) -> str:
    """Fractions that stand in no other group are set in full size."""
    out, depth, at = [], 0, 0
    while at < len(latex):
        if depth == 0 and latex.startswith(r"\frac", at):
            out.append(r"\dfrac")
            at += 5
            continue
        escaped = at > 0 and latex[at - 1] == "\\"
        depth += 0 if escaped else {"{": 1, "}": -1}.get(latex[at], 0)
        out.append(latex[at])
        at += 1
    return "".join(out)


def _data(points: Any, codes: Any) -> str:
    """SVG path data of an outline, y turned downwards."""
    parts: list[str] = []
    at = 0
    while at < len(codes):
        letter, count = LETTERS[int(codes[at])]
        shown = points[at : at + count]
        parts.append(letter + " ".join(f"{x:.0f} {0.0 - y:.0f}" for x, y in shown))
        at += max(count, 1)
    return "".join(parts)
