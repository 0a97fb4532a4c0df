"""One line of the benchmark table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A ratio measured side by side: what, against what, the target, and how steady the timings were."""

    what: str
    against: str
    target: float
    ratio: float
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    checks: str
    refused: str = ""
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the target is met by a baseline that was not refused."""
        return not self.refused and (self.ratio <= self.target if self.at_most else self.ratio >= self.target)

    def __str__(self) -> str:
        verdict = f"baseline refused: {self.refused}" if self.refused else "met" if self.met else "missed"
        return (
            f"{self.what} against {self.against}: {_times(self.ratio)} (target {'≤' if self.at_most else '≥'} "
            f"{_times(self.target)}, {verdict})\n"
            f"  ours {_seconds(self.ours)}; theirs {_seconds(self.theirs)}\n  {self.checks}"
        )


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def _seconds(times: tuple[float, ...]) -> str:
    return f"{min(times):.3g} s (min of {len(times)}, max {max(times):.3g} s)"
