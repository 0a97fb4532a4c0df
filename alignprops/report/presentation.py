"""Numbers and names as a reader wants them: three significant digits, true minus signs, powers of ten."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from alignprops.report.figures.axes import SUPERSCRIPT

NOTHING = "–"
UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def told(value: Any) -> str:
    """A cell: a number, a text, yes or no, or a dash for nothing."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        return _number(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e5 or size < 1e-3:
        factor, exponent = f"{value:.2e}".split("e")
        return f"{_short(factor)} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"
    digits = max(0, 2 - math.floor(math.log10(size)))
    return _short(f"{value:,.{digits}f}")


def _short(number: str) -> str:
    cut = number.rstrip("0").rstrip(".") if "." in number else number
    return cut.replace("-", "−")


def interval(given: Sequence[float] | None) -> str:
    """Such as [0.5, 0.98]."""
    return NOTHING if given is None else f"[{told(float(given[0]))}, {told(float(given[1]))}]"


def percent(share: float | None) -> str:
    """Such as 95 %."""
    return NOTHING if share is None else f"{100 * share:g} %"


def counted(count: int, noun: str) -> str:
    """Such as `1 claim`, `1,200 claims`."""
    return f"{told(count)} {noun}" if count == 1 else f"{told(count)} {noun}s"


def date(given: str) -> str:
    """A time as ISO 8601 has it, to the minute and in UTC; anything else as it is."""
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        return given
    if found.tzinfo is None:
        return found.isoformat(sep=" ", timespec="minutes")
    return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def numeric(cells: Iterable[Any]) -> bool:
    """Whether a column stands right: it holds numbers, or nothing."""
    known = [cell for cell in cells if cell is not None]
    return bool(known) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in known)


def file_stem(*names: str) -> str:
    """A file name without its ending, safe on every system, from names that come from data."""
    return "-".join(filter(None, (UNSAFE.sub("-", name).strip("-")[:60] for name in names))) or "figure"
