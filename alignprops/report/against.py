"""What became of the verdicts since an older report: new, gone, better, worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alignprops._errors import InputError
from alignprops.report.documents import EXPERIMENT, MEASURE, SUITE, Document, collect
from alignprops.report.fields import Fields
from alignprops.results import Verdict, merged

WITH_CLAIMS = (SUITE, EXPERIMENT, MEASURE)
#: The order in which changes are told.
CHANGES = ("worse", "gone", "new", "changed", "better")
#: Verdicts from the worst to the best.
ORDER = tuple(verdict for verdict in Verdict if verdict is not Verdict.NOT_APPLICABLE)
SOUND = (Verdict.HELD, Verdict.PROVED)


@dataclass(frozen=True, slots=True)
class Change:
    """A claim whose verdict is not what it was; None: it was, or is, not there."""

    claim: str
    before: str | None
    after: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes, and how many verdicts stayed."""

    changes: tuple[Change, ...]
    same: int
    not_run: dict[str, int]
    """Of each theorem of which nothing was checked now: how many claims there were."""

    @property
    def worse(self) -> int:
        """How many claims became worse."""
        return self.counts.get("worse", 0)

    @property
    def counts(self) -> dict[str, int]:
        """Changes by kind, in the order in which they are told."""
        kinds = [change.kind for change in self.changes]
        return {kind: kinds.count(kind) for kind in CHANGES if kind in kinds}


def compare(old: str | Path, new: Iterable[Document]) -> Comparison:
    """Compare the verdicts of `new` with those in the file or folder `old`.

    Raises:
        InputError: `old` cannot be read, or tells of no claims.
    """
    before, after = verdicts(collect([old])), verdicts(new)
    if not before:
        raise InputError(
            f"{old} tells of no claims; give --against a report.json, an experiment's or a measurement's JSON"
        )
    changes = [
        Change(claim, _value(before.get(claim)), _value(after.get(claim)), _kind(before.get(claim), after.get(claim)))
        for claim in sorted(before.keys() | after.keys())
        if before.get(claim) != after.get(claim)
    ]
    changes.sort(key=lambda change: (CHANGES.index(change.kind), change.claim))
    checked = {theorem_of(claim) for claim in after}
    not_run = Counter(theorem_of(claim) for claim in sorted(before) if theorem_of(claim) not in checked)
    return Comparison(tuple(changes), sum(before[claim] == after.get(claim) for claim in before), dict(not_run))


def theorem_of(claim: str) -> str:
    """The theorem in a claim's id."""
    return claim.partition("::")[0]


def verdicts(documents: Iterable[Document]) -> dict[str, Verdict]:
    """Verdicts by claim; of a claim that several documents tell of, the worst. `::mutants` and `::proof` included."""
    found: dict[str, list[Verdict]] = {}
    known = [verdict.value for verdict in Verdict]
    for document in documents:
        if document.schema not in WITH_CLAIMS:
            continue
        fields = Fields(document.content, str(document.path))
        for claim in fields.items("claims"):
            found.setdefault(claim.text("id"), []).append(Verdict(claim.choice("verdict", known)))
        for theorem in fields.items("theorems"):
            given = theorem.item("verdicts")
            for part, item in (("mutants", "mutants"), ("proofs", "proof")):
                if given is not None and given.has(part):
                    verdict = Verdict(given.choice(part, known))
                    found.setdefault(f"{theorem.text('id')}::{item}", []).append(verdict)
    return {claim: merged(each) for claim, each in found.items()}


def _kind(before: Verdict | None, after: Verdict | None) -> str:
    if before is None or after is None:
        return "new" if before is None else "gone"
    if Verdict.NOT_APPLICABLE in (before, after):  # what held is no longer checked, or what is now checked fails
        other = after if before is Verdict.NOT_APPLICABLE else before
        lost = before in SOUND or after.fails
        return "worse" if lost else ("better" if other is after and after in SOUND else "changed")
    return "better" if ORDER.index(after) > ORDER.index(before) else "worse"


def _value(verdict: Verdict | None) -> str | None:
    return None if verdict is None else verdict.value
