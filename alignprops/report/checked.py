"""The text of `alignprops check`: assumptions, verdicts, the most telling failure in full, the rest in short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from alignprops.harmless import for_terminal
from alignprops.report.failure import explain, in_short, suspicions
from alignprops.report.statement import describe
from alignprops.results import Result, Verdict
from alignprops.subjects import Subject
from alignprops.theorems import Theorem

Checked = tuple[Theorem, Result]


def outcome(subjects: Sequence[Subject], results: Sequence[Checked], *, folder: Path, full: bool) -> str:
    """Return all that is told of the subjects.

    Args:
        subjects: what was checked, in the order asked for.
        results: their claims.
        folder: where the witnesses of refuted claims were written.
        full: print every failure in full.
    """
    lines = [line for subject in subjects for line in _overview(subject, results)]
    for subject in subjects:
        lines += _failures([pair for pair in results if pair[1].subject == subject.id], full)
    return for_terminal("\n".join([*lines, "", *_totals(results, folder), ""]))


def telling(theorem: Theorem) -> tuple[bool, bool, bool]:
    """Sorts theorems by how plainly a refutation of them speaks: value, then gradient, beside the formula first."""
    parts = theorem.id.split(".")
    return "REF" not in theorem.codes[:1], "reference" not in parts, "gradient" in parts


def _overview(subject: Subject, results: Sequence[Checked]) -> Iterator[str]:
    yield f"{subject.id}: {subject.kind}"
    yield from (f"  assumed  {line}" for line in subject.get().assumptions)
    for theorem, result in results:
        if result.subject == subject.id:
            yield f"  {result.verdict.value:<9}{theorem.id}: {theorem.title}"


def _failures(results: list[Checked], full: bool) -> Iterator[str]:
    """The failures of one subject; expected ones last, and what could not be judged behind what was refuted."""
    failed = [pair for pair in results if pair[1].verdict.fails or pair[1].expected is not None]

    def order(pair: Checked) -> tuple[bool, bool, tuple[bool, bool, bool]]:
        return pair[1].as_expected, pair[1].verdict is not Verdict.REFUTED, telling(pair[0])

    told: list[str] = []
    for index, (theorem, result) in enumerate(sorted(failed, key=order)):
        described, row, replay = describe(theorem), result.to_json(), _replay(result)
        if full or index == 0:
            yield from ("", explain(described, row, replay=replay, assumed=False))
            told = list(suspicions(result.evidence.get("diagnosis") or {}))
        else:
            yield from ("", in_short(described, row, replay=replay, told=told))
    if len(failed) > 1 and not full:
        rest = "the other is" if len(failed) == 2 else f"the other {len(failed) - 1} are"
        yield from (
            "",
            f"The most telling of {len(failed)} failures is printed in full, {rest} in short: --full prints all",
        )


def _replay(result: Result) -> str:
    hashes = [witness.hash for witness in (result.witness or {}).values()]
    # Only the witnesses of refuted claims are stored.
    stored = bool(hashes) and result.verdict is Verdict.REFUTED
    return f"alignprops replay {hashes[0][:8]}" if stored else "the same command again"


def _totals(results: Sequence[Checked], folder: Path) -> Iterator[str]:
    counts = {verdict: sum(result.verdict is verdict for _, result in results) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    yield f"{len(results)} claims: {told}"
    refuted = [result for _, result in results if result.verdict is Verdict.REFUTED]
    written = {witness.hash for result in refuted for witness in (result.witness or {}).values()}
    if written:
        noun = "witness" if len(written) == 1 else "witnesses"
        yield f"{len(written)} {noun} written to {folder}, for alignprops replay"
