"""`--against`: which verdicts changed, and the exit code."""

from __future__ import annotations

from pathlib import Path

import example_documents as made
import pytest

from alignprops.cli import main
from alignprops.report.against import compare, verdicts
from alignprops.report.documents import collect

WORSE = [
    ("proved", "held"),
    ("held", "inconclusive"),
    ("held", "refuted"),
    ("held", "not-applicable"),
    ("not-applicable", "refuted"),
    ("vacuous", "refuted"),
    ("refuted", "error"),
]
BETTER = [
    ("held", "proved"),
    ("refuted", "held"),
    ("inconclusive", "held"),
    ("not-applicable", "proved"),
    ("error", "vacuous"),
]
CHANGED = [("refuted", "not-applicable"), ("not-applicable", "inconclusive"), ("inconclusive", "not-applicable")]
KINDS = {"worse": WORSE, "better": BETTER, "changed": CHANGED}


def reports(folder: Path, before: str, after: str) -> tuple[Path, Path]:
    """Two runs of the same claim."""
    found = [
        made.written(folder, made.suite(theorems=[], claims=[made.claim(verdict=verdict)]), name)
        for name, verdict in (("old.json", before), ("new.json", after))
    ]
    return found[0], found[1]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        *((*pair, "worse") for pair in WORSE),
        *((*pair, "better") for pair in BETTER),
        *((*pair, "changed") for pair in CHANGED),
    ],
)
def test_a_change_is_named(before: str, after: str, kind: str, tmp_path: Path) -> None:
    """By the precedence of verdicts; what held and is no longer checked became worse."""
    old, new = reports(tmp_path, before, after)
    found = compare(old, collect([new]))

    assert [change.kind for change in found.changes] == [kind]
    assert found.worse == (kind == "worse")


def test_a_claim_that_became_worse_fails_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal and in the page, which is written all the same."""
    old, new = reports(tmp_path, "held", "refuted")
    output = tmp_path / "r.html"

    assert main(["report", str(new), "--output", str(output), "--against", str(old)]) == 1
    told = capsys.readouterr().out
    assert "verdicts: 1 worse, 0 unchanged" in told
    assert "worse    learning-dynamics.initial-rate::toy: held -> refuted" in told
    assert "Changes of verdicts" in output.read_text("utf-8")


def test_nothing_worse_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """New, gone and better claims do not fail."""
    old = made.written(
        tmp_path, made.suite(claims=[made.claim(verdict="refuted"), made.claim(subject="old")]), "old.json"
    )
    new = made.written(tmp_path, made.suite(claims=[made.claim(), made.claim(subject="new")]), "new.json")

    assert main(["report", str(new), "--output", str(tmp_path / "r.html"), "--against", str(old)]) == 0
    assert "verdicts: 1 gone, 1 new, 1 better, 2 unchanged" in capsys.readouterr().out


def test_mutants_and_proofs_are_compared_and_the_worst_verdict_counts(tmp_path: Path) -> None:
    """A survivor is a change for the worse, wherever it is told."""
    sound = made.theorem()
    survived = made.theorem(verdicts={"mutants": "error", "proofs": "held"})
    old = made.written(tmp_path, made.suite(theorems=[sound]), "old.json")
    new = made.written(tmp_path, made.suite(theorems=[survived]), "new.json")
    again = made.written(tmp_path, made.experiment(claims=[made.refuted()], figures=[]), "again.json")

    found = compare(old, collect([new, again]))
    assert [(change.kind, change.claim) for change in found.changes] == [
        ("worse", "learning-dynamics.initial-rate::mutants"),
        ("worse", "learning-dynamics.initial-rate::toy"),
    ]
    assert verdicts(collect([new]))["learning-dynamics.initial-rate::proof"].value == "held"


def test_an_older_file_without_claims_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to compare with."""
    new = made.written(tmp_path, made.suite(), "new.json")
    old = made.written(tmp_path, made.experiment(claims=[], theorems=[]), "old.json")

    assert main(["report", str(new), "--output", str(tmp_path / "r.html"), "--against", str(old)]) == 2
    assert "tells of no claims" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_claims_that_were_not_run_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of theorems of which nothing was checked now; one that lacks a subject is told by itself."""
    first = made.claim()
    theorem = first["theorem"]
    others = [{**first, "id": f"early.rises::m/{n}", "theorem": "early.rises"} for n in range(48)]
    lost = {**first, "id": f"{theorem}::other"}
    old = made.written(tmp_path, made.suite(theorems=[], claims=[first, lost, *others]), "old.json")
    new = made.written(tmp_path, made.suite(theorems=[], claims=[first]), "new.json")

    assert main(["report", str(new), "--against", str(old), "--output", str(tmp_path / "page.html")]) == 0

    told = capsys.readouterr().out
    assert "  not run now: 48 claims of early.rises\n" in told
    assert f"  gone     {theorem}::other: held -> absent\n" in told
    assert told.count("early.rises") == 1
