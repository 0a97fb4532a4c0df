"""How theorems become items, and verdicts outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from theorem_files import FALSE, VACUOUS

from alignprops import engine
from alignprops.results import Result, Verdict

Write = Callable[..., Path]


def test_a_theorem_has_an_item_a_subject_and_two_more(pytester: pytest.Pytester, theorems: Write) -> None:
    """Node ids read `file::theorem::subject`; `mutants` and `proof` are the other items."""
    theorems()

    result = pytester.runpytest("--collect-only", "-q")

    result.stdout.fnmatch_lines(
        [
            "test_squares.py::squares.mean.upper-bound::toy",
            "test_squares.py::squares.mean.upper-bound::mutants",
            "test_squares.py::squares.mean.upper-bound::proof",
        ]
    )


def test_a_node_id_can_be_pasted_back(pytester: pytest.Pytester, theorems: Write) -> None:
    """The id that `-v` prints selects the item."""
    theorems()
    shown = pytester.runpytest("-v", "-k", "upper-bound::toy").stdout.str()
    (line,) = [line for line in shown.splitlines() if "PASSED" in line]

    result = pytester.runpytest(line.split()[0])

    result.assert_outcomes(passed=1)


def test_the_claim_id_selects_with_k(pytester: pytest.Pytester, theorems: Write) -> None:
    """`-k theorem::subject` finds the claim."""
    theorems(FALSE)

    result = pytester.runpytest("-k", "squares.mean.upper-bound::toy")

    result.assert_outcomes(passed=1, deselected=5)


def test_a_refutation_prints_its_witness_and_no_frames(pytester: pytest.Pytester, theorems: Write) -> None:
    """A failure is the claim, the statement, the witnesses and a command that gives it again."""
    theorems(FALSE)

    result = pytester.runpytest("-k", "false::toy")

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(
        [
            "refuted: squares.mean.false::toy",
            "*statement  3[*]p <= a + b",
            "*source     cauchy1821, Note II",
            "*reason     *refuted by * effective of * examples",
            "*simplest witness ????????:",
            "*x = 0.125",
            "*y = 0.125",
            "*replay     python -m pytest test_squares.py::squares.mean.false::toy --alignprops-seed=0 *",
        ]
    )
    result.stdout.no_fnmatch_line("*engine.py*")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_printed_command_gives_the_verdict_again(pytester: pytest.Pytester, theorems: Write) -> None:
    """Inputs depend on seed and claim alone, so the same witness comes out."""
    theorems(FALSE)
    first = pytester.runpytest("-k", "false", "--alignprops-seed=7").stdout
    command = next(line.split("pytest ")[1].split() for line in first.lines if line.strip().startswith("replay"))
    witness = next(line for line in first.lines if "simplest witness" in line)

    again = pytester.runpytest(*command)

    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([witness])


def test_vacuous_fails(pytester: pytest.Pytester, theorems: Write) -> None:
    """A premise that is never met fails the claim, and its count is told."""
    theorems(VACUOUS)

    result = pytester.runpytest("-k", "vacuous::toy")

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["vacuous: squares.mean.vacuous::toy", "*premise    negative square: met by 0 of *"])


def test_not_applicable_skips_with_its_reason(pytester: pytest.Pytester, theorems: Write) -> None:
    """A theorem without a proof skips `::proof` and says why, where the theorem stands."""
    lines = theorems(FALSE).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "squares.mean.false" in text)

    result = pytester.runpytest("-rs", "-k", "false::proof")

    result.assert_outcomes(skipped=1, deselected=5)
    result.stdout.fnmatch_lines([f"SKIPPED * test_squares.py:{line}: no proof: it is false"])


def test_inconclusive_skips_and_fails_under_strict(
    pytester: pytest.Pytester, theorems: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that ran out of time skips with its reason; strict makes it fail; `--no-…` undoes the profile."""
    theorems()
    timed_out = Result("squares.mean.upper-bound", "toy", Verdict.INCONCLUSIVE, "the time cap ended the search")
    monkeypatch.setattr(engine, "evaluate", lambda *_: timed_out)
    select = ("-rs", "-k", "upper-bound::toy")

    lax = pytester.runpytest(*select)
    strict = pytester.runpytest(*select, "--alignprops-strict")
    undone = pytester.runpytest(*select, "--alignprops-profile=ci", "--no-alignprops-strict")

    lax.assert_outcomes(skipped=1, deselected=2)
    lax.stdout.fnmatch_lines(["SKIPPED *the time cap ended the search"])
    strict.assert_outcomes(failed=1, deselected=2)
    undone.assert_outcomes(skipped=1, deselected=2)


def test_a_measure_that_raises_is_an_error(pytester: pytest.Pytester, theorems: Write) -> None:
    """A host subject that raises makes the claim an error, told in one line."""
    theorems()

    result = pytester.runpytest("-k", "not mutants and not proof", "--alignprops-subject=test_squares:broken_square")

    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        ["error: squares.mean.upper-bound::test_squares:broken_square", "*OSError: no such square*"]
    )


def test_a_subject_that_does_not_exist_is_told(pytester: pytest.Pytester, theorems: Write) -> None:
    """A wrong `--alignprops-subject` is a collection error with the nearest names."""
    theorems()

    result = pytester.runpytest("--alignprops-subject=test_squares:sqare")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*unknown attribute of test_squares 'sqare'; did you mean 'square'*"])


def test_an_imported_theorem_is_collected_where_it_is_declared_only(pytester: pytest.Pytester, theorems: Write) -> None:
    """Neither an import nor an alias makes a second collector."""
    theorems("\nalias = mean\n")
    pytester.makepyfile(test_other="from test_squares import mean\n")

    result = pytester.runpytest("-q", "--collect-only")

    assert sum("::toy" in line for line in result.outlines) == 1


def test_two_theorems_of_one_id_are_refused(pytester: pytest.Pytester, theorems: Write) -> None:
    """Across files, the second is a collection error that names both."""
    theorems()
    theorems(name="test_more.py")

    result = pytester.runpytest("--collect-only")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*two theorems have the id 'squares.mean.upper-bound'*"])


def test_the_symbolic_tier_runs_proofs_only(pytester: pytest.Pytester, theorems: Write) -> None:
    """Under `symbolic` nothing but `::proof` is collected."""
    theorems()

    result = pytester.runpytest("--alignprops-tier=symbolic", "-v")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*::squares.mean.upper-bound::proof PASSED*"])


def test_theorems_are_selected_by_glob(pytester: pytest.Pytester, theorems: Write) -> None:
    """What `--alignprops-theorems` does not match is deselected; other tests stay."""
    theorems(FALSE, "\ndef test_other():\n    pass\n")

    result = pytester.runpytest("--alignprops-theorems=*.upper-*")

    result.assert_outcomes(passed=4, deselected=3)


def test_items_bear_the_marker(pytester: pytest.Pytester, theorems: Write) -> None:
    """`-m alignprops` selects the items of theorems, strictly registered."""
    theorems("\ndef test_other():\n    pass\n")

    result = pytester.runpytest("-m", "not alignprops", "--strict-markers", "--strict-config")

    result.assert_outcomes(passed=1, deselected=3)


def test_junit_has_the_facts(pytester: pytest.Pytester, theorems: Write) -> None:
    """Theorem, subject and verdict are properties of each test case."""
    theorems()

    pytester.runpytest("--junitxml=out.xml")

    text = (pytester.path / "out.xml").read_text()
    assert '<property name="alignprops_theorem" value="squares.mean.upper-bound" />' in text
    assert '<property name="alignprops_subject" value="toy" />' in text
    assert '<property name="alignprops_verdict" value="proved" />' in text


@pytest.mark.parametrize("workers", [0, 2])
def test_summary_and_report_agree_with_and_without_xdist(
    pytester: pytest.Pytester, theorems: Write, workers: int
) -> None:
    """Denominators on the terminal and in report.json are the same under -n 2."""
    theorems(FALSE)

    result = pytester.runpytest_subprocess("-n", str(workers), "--alignprops-report-dir=out", "--strict-markers")

    result.assert_outcomes(passed=4, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "2 theorems, 2 claims: 1 refuted, 1 proved",
            "mutants 4/4 killed, proofs 1/1 decided",
            "profile dev: 100 examples a claim, seed 0",
        ]
    )
    report = json.loads((pytester.path / "out" / "report.json").read_text())
    assert {claim["id"]: claim["verdict"] for claim in report["claims"]} == {
        "squares.mean.false::toy": "refuted",
        "squares.mean.upper-bound::toy": "proved",
    }
    assert report["run"]["status"] == "tests_failed"
    (false,) = [claim for claim in report["claims"] if claim["verdict"] == "refuted"]
    assert Path(false["witness"]["simplest"]["file"]).is_file()
