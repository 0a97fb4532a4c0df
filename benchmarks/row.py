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

    @property
    def met(self) -> bool:
        """Whether the target is met by a baseline that was not refused."""
        return not self.refused and self.ratio >= self.target

    def __str__(self) -> str:
        verdict = f"baseline refused: {self.refused}" if self.refused else "met" if self.met else "missed"
        return (
            f"{self.what} against {self.against}: {self.ratio:,.0f}x (target {self.target:,.0f}x, {verdict})\n"
            f"  ours {_seconds(self.ours)}; theirs {_seconds(self.theirs)}\n  {self.checks}"
        )


def _seconds(times: tuple[float, ...]) -> str:
    return f"{min(times):.3g} s (min of {len(times)}, max {max(times):.3g} s)"
