"""Statements set as mathematics, and numbers as a reader wants them."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from alignprops.report.mathematics import Typesetter, translated
from alignprops.report.presentation import date, file_stem, numeric, told


def test_a_fraction_has_its_bar_and_shares_the_signs_of_the_page() -> None:
    """Signs are drawn once, whatever uses them."""
    setting = Typesetter()
    fraction = setting.formula(r"\frac{\beta}{2}")
    drawn = len(setting.outlines)
    plain = setting.formula(r"\beta + \beta")

    assert fraction is not None
    assert plain is not None
    assert fraction.bars.startswith("M")
    assert len(fraction.signs) == 2
    assert len(setting.outlines) == drawn + 1  # the plus
    assert fraction.signs[0][0] == plain.signs[0][0] == plain.signs[2][0]
    assert fraction.height > plain.height
    assert all(re.fullmatch(r"[MLQCZ0-9 -]*", outline) for outline in setting.outlines.values())


def test_a_formula_lies_within_its_box() -> None:
    """The browser cuts nothing off, and the top of a fraction is above the line (y grows downwards)."""
    formula = Typesetter().formula(r"\frac{a}{b}")
    assert formula is not None
    (_, _, above, _), (_, _, below, _) = formula.signs

    assert formula.top < above < below <= formula.top + formula.height + 1e-6
    assert formula.width > 0


@pytest.mark.parametrize("latex", [r"\foo{", "a$b", "x" * 3000, r"\frac{" * 300, "", "  ", "שלום"])
def test_what_cannot_be_set_is_told_as_text(latex: str) -> None:
    """LaTeX comes from a file: it may be anything."""
    assert Typesetter().formula(latex) is None
    assert Typesetter().relations(latex, "a <= b") == (("", "a <= b", None),)


def test_relations_are_paired_with_their_names() -> None:
    """As the statement has them; if their numbers differ, the text is told whole."""
    setting = Typesetter()

    found = setting.relations(r"a \leq b \\ c = d", "first: a <= b; second: c = d")
    assert [(name, text) for name, text, _ in found] == [("first", "a <= b"), ("second", "c = d")]
    assert all(formula is not None for _, _, formula in found)
    assert setting.relations(r"a \\ b \\ c", "one: a; two: b") == (("", "one: a; two: b", None),)


def test_latex_of_sympy_is_translated() -> None:
    """Commands that mathtext lacks, short fractions, and fractions in full size where they stand alone."""
    assert translated(r"\lVert z\rVert \ge \tfrac12") == r"\Vert  z\Vert  \geq  \dfrac{1}{2}"
    assert translated(r"\frac{\frac{a}{b}}{c}") == r"\dfrac{\frac{a}{b}}{c}"
    assert translated(r"\rho \mathrm{acc}(u)") == r"\rho \,\mathrm{acc}(u)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (12345, "12,345"),
        (-3, "−3"),
        (0.0, "0"),
        (0.86, "0.86"),
        (12345.678, "12,346"),
        (1.5e-7, "1.5 × 10⁻⁷"),
        (-2e11, "−2 × 10¹¹"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
        (0.0834046, "0.0834"),
        (99.96, "100"),
        (1000.0, "1,000"),
        ("text", "text"),
        ([1, "a"], '[1, "a"]'),
    ],
)
def test_cells_of_a_table(value: Any, text: str) -> None:
    """Three significant digits, a true minus, powers of ten."""
    assert told(value) == text


def test_columns_of_numbers_stand_right() -> None:
    """Gaps do not change that; texts and truth values do."""
    assert numeric([1, 2.5, None])
    assert not numeric([1, "a"])
    assert not numeric([None])
    assert not numeric([True, False])


def test_dates_and_file_names() -> None:
    """A time in UTC to the minute; a name that every system takes."""
    assert date("2026-11-23T15:00:59+01:00") == "2026-11-23 14:00 UTC"
    assert date("2026-11-23T15:00:59") == "2026-11-23 15:00"
    assert date("yesterday") == "yesterday"
    assert file_stem("../a b", "ü") == "a-b"
    assert file_stem("..") == "figure"
