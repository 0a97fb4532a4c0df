"""Verdicts and results: what an evaluation leaves behind, never a bare boolean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
class Expectation:
    """That a claim was expected to be refuted: why, and what is wrong with expecting it (None: nothing)."""

    reason: str
    issue: str | None = None
    problem: str | None = None

    @property
    def told(self) -> str:
        """In one line, as the reason of an outcome that is expected."""
        return told_as_expected({"reason": self.reason, "issue": self.issue})


def told_as_expected(expected: Mapping[str, Any]) -> str:
    """The same, of the `expected` of a claim in report.json."""
    return f"expected refutation: {expected['reason']}" + (f" ({expected['issue']})" if expected.get("issue") else "")


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
    expected: Expectation | None = None
    """What was expected of it, if it was (`alignprops.expected_claims`)."""

    @property
    def as_expected(self) -> bool:
        """Whether it is refuted, and was expected to be."""
        return self.expected is not None and self.expected.problem is None and self.verdict is Verdict.REFUTED

    def fails(self, *, strict: bool) -> bool:
        """Whether a run fails for it: by its verdict unless that is expected, or by an expectation gone wrong."""
        if self.expected is not None:
            return not self.as_expected
        return self.verdict.fails or (strict and self.verdict is Verdict.INCONCLUSIVE)

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
            **self._told_expectation(),
        }

    def _told_expectation(self) -> dict[str, Any]:
        """`expected` only if the refutation is excused by it, else `expectation_problem`."""
        if self.expected is None:
            return {}
        if self.as_expected:
            return {"expected": {"reason": self.expected.reason, "issue": self.expected.issue}}
        return {"expectation_problem": self.expected.problem}


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
