"""An experiment's result, schema `alignprops-experiment/1`: figures as data, measurements, claims, tables.

A *claim* is a theorem on a subject, with a verdict. A *measurement* is a number with its interval and how it was got;
it is never a verdict. The two are kept apart here, in the JSON and in every report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignprops import atomic
from alignprops.registry import find_theorems
from alignprops.report.json_report import encoded
from alignprops.report.statement import describe
from alignprops.results import Result, Verdict

SCHEMA = "alignprops-experiment/1"
#: Confidence level of every interval.
LEVEL = 0.95

Numbers = Sequence[float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured tendency: a number, its interval, and how the interval was made."""

    id: str
    statement: str
    value: float | None
    interval: tuple[float, float] | None
    method: str
    n: int
    """How many things it was measured on."""
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "statement": self.statement,
            "value": plain(self.value),
            "interval": None if self.interval is None else [plain(end) for end in self.interval],
            "level": LEVEL,
            "method": self.method,
            "n": self.n,
            "unit": self.unit,
        }


@dataclass(slots=True)
class Experiment:
    """One experiment as it grows; `to_json` is the document that `alignprops report` renders."""

    name: str
    title: str
    summary: str
    figures: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    claims: list[Result] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    def to_json(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The document; `run` says with what and when."""
        ids = sorted({claim.theorem for claim in self.claims})
        return {
            "schema": SCHEMA,
            "name": self.name,
            "title": self.title,
            "summary": self.summary,
            "run": dict(run),
            "figures": plain(self.figures),
            "measurements": [measured.to_json() for measured in self.measurements],
            "theorems": [describe(theorem) for theorem in find_theorems(ids)] if ids else [],
            "claims": [claim.to_json() for claim in self.claims],
            "tables": plain(self.tables),
            "traces": sorted(set(self.traces)),
        }

    def save(self, folder: Path, run: Mapping[str, Any]) -> Path:
        """Write `folder/NAME.json`, atomically."""
        path = folder / f"{self.name}.json"
        atomic.write_text(path, encoded(self.to_json(run)))
        return path

    @property
    def failed(self) -> list[Result]:
        """The claims that fail the run."""
        return [claim for claim in self.claims if claim.verdict.fails]

    def counts(self) -> dict[str, int]:
        """Claims by verdict, in order of precedence."""
        found = [claim.verdict for claim in self.claims]
        return {verdict.value: found.count(verdict) for verdict in Verdict if verdict in found}


def plain(value: Any) -> Any:
    """Numpy numbers and arrays as JSON has them; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
