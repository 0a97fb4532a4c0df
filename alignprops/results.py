"""Verdicts and results: what an evaluation leaves behind, never a bare boolean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from alignprops.witness import Witness


class Verdict(StrEnum):
    """The verdict of a claim, in order of precedence where several are mixed."""

    ERROR = "error"
    REFUTED = "refuted"
    VACUOUS = "vacuous"
    INCONCLUSIVE = "inconclusive"
    HELD = "held"
    PROVED = "proved"
    NOT_APPLICABLE = "not-applicable"

    @property
    def fails(self) -> bool:
        """Whether the verdict always fails a run (an inconclusive claim fails only if strict)."""
        return self in (Verdict.ERROR, Verdict.REFUTED, Verdict.VACUOUS)


def merged(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several checks together: the first in order of precedence."""
    order = list(Verdict)
    return min(verdicts, key=order.index, default=Verdict.NOT_APPLICABLE)


def _no_truth_value(name: str, verdict: Verdict) -> str:
    return f"a result is no truth value; compare {name}'s verdict, which is {verdict.value!r}"


@dataclass(frozen=True, slots=True)
class Result:
    """One claim: a theorem against a subject."""

    theorem: str
    subject: str
    verdict: Verdict
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    witness: dict[str, Witness] | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return f"{self.theorem}::{self.subject}"

    def __bool__(self) -> bool:
        raise TypeError(_no_truth_value(self.id, self.verdict))

    def to_json(self) -> dict[str, Any]:
        witnesses = {role: witness.to_json() for role, witness in (self.witness or {}).items()}
        return {
            "id": self.id,
            "theorem": self.theorem,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "evidence": self.evidence,
            "witness": witnesses or None,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class MutantsResult:
    """The fates of a theorem's mutants: `held` if all were killed, `error` if one survived."""

    theorem: str
    verdict: Verdict
    reason: str
    mutants: list[dict[str, Any]]
    seconds: float

    def __bool__(self) -> bool:
        raise TypeError(_no_truth_value(f"{self.theorem}::mutants", self.verdict))

    def to_json(self) -> dict[str, Any]:
        return {
            "theorem": self.theorem,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "mutants": self.mutants,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class ProofsResult:
    """The fates of a theorem's proofs: `proved` if one concludes the statement, `held` if only lemmas do."""

    theorem: str
    verdict: Verdict
    reason: str
    proofs: list[dict[str, Any]]
    seconds: float

    def __bool__(self) -> bool:
        raise TypeError(_no_truth_value(f"{self.theorem}::proof", self.verdict))

    def to_json(self) -> dict[str, Any]:
        return {
            "theorem": self.theorem,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "proofs": self.proofs,
            "seconds": self.seconds,
        }
