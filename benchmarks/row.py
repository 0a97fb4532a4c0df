"""One line of the benchmark table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure measured side by side: what, against what, the target, and how steady the timings were.

    `value` is a ratio (unit "×"), or a difference in milliseconds or seconds; `at_most` tells on which side of the
    target it must lie. `ours` and `theirs` are the times behind it, in seconds; `refused` says why the baseline is not
    to be believed, if it is not.
    """

    name: str
    what: str
    against: str
    value: float
    unit: str
    target: float
    at_most: bool = False
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    checks: str
    refused: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met, by a baseline that was not refused."""
        return not self.refused and (self.value <= self.target if self.at_most else self.value >= self.target)

    @property
    def verdict(self) -> str:
        """In a word, or with the reason why not."""
        return f"baseline refused: {self.refused}" if self.refused else "met" if self.met else "missed"

    @property
    def measured(self) -> str:
        """The value with its unit."""
        return _number(self.value, self.unit)

    @property
    def aim(self) -> str:
        """The target with its unit."""
        return f"{'≤' if self.at_most else '≥'} {_number(self.target, self.unit)}"

    @property
    def spread(self) -> str:
        """The fastest and the slowest of each side."""
        told = f"ours {_times(self.ours)}"
        return f"{told}; theirs {_times(self.theirs)}" if self.theirs else told


def as_text(row: Row) -> str:
    """A row as lines of a terminal."""
    return (
        f"{row.name}: {row.measured} (target {row.aim}): {row.verdict}\n"
        f"  {row.what}, against {row.against}\n  {row.spread}\n  {row.checks}\n"
    )


def as_markdown(rows: list[Row]) -> str:
    """Rows as a table, with their spread and checks below it."""
    lines = ["| what | against | measured | target | |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.against} | {row.measured} | {row.aim} | {row.verdict} |" for row in rows]
    return "\n".join([*lines, "", *(f"- {row.name}: {row.spread}. {row.checks}" for row in rows)]) + "\n"


def _number(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}" if unit != "×" else f"{value:,.{digits}f}×"


def _times(times: tuple[float, ...]) -> str:
    """Minimum and maximum; 11.3 ms or 4.56 s."""
    scale, unit = (1e3, "ms") if min(times) < 0.1 else (1, "s")
    return f"{min(times) * scale:.3g}–{max(times) * scale:.3g} {unit} (of {len(times)})"
