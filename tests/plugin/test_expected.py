"""Expected refutations under pytest: expected failures, until they are stale, out of date or expired."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import pytest
from theorem_files import FALSE, VACUOUS

from alignprops.report.json_report import json_schema

Write = Callable[..., Path]
CLAIM = ("-k", "false::toy")
TODAY = date.today()


def expect(pytester: pytest.Pytester, *, theorem: str = "squares.mean.false", subject: str = "toy", **more: str) -> str:
    """Write a file of one entry; return its text."""
    keys = {"theorem": theorem, "subject": subject, "reason": "three is too many", **more}
    text = "\n".join(["[[expected]]", *(f'{key} = "{value}"' for key, value in keys.items())])
    pytester.path.joinpath("alignprops-expected.toml").write_text(text + "\n", encoding="utf-8")
    return text


def stored_witness(pytester: pytest.Pytester, *arguments: str) -> str:
    """Find a witness of the false claim and put it beside the entries; return how an entry names it."""
    pytester.runpytest(*CLAIM, *arguments, "--alignprops-report-dir=found")
    told = json.loads((pytester.path / "found" / "report.json").read_text())["claims"][0]
    source = Path(told["witness"]["simplest"]["file"])
    folder = pytester.path / "alignprops-witnesses"
    folder.mkdir(exist_ok=True)
    (folder / source.name).write_bytes(source.read_bytes())
    return f"alignprops-witnesses/{source.name}"


def report_of(folder: Path) -> dict[str, object]:
    """The one claim of the report in `folder`, after checking it against the schema."""
    report = json.loads((folder / "report.json").read_text("utf-8"))
    jsonschema.validate(report, json_schema(), cls=jsonschema.Draft202012Validator)
    (claim,) = report["claims"]
    told: dict[str, object] = claim
    return told


def test_an_expected_refutation_is_an_expected_failure(pytester: pytest.Pytester, theorems: Write) -> None:
    """Exit code 0; the verdict stays refuted, and the report, JUnit and the terminal say why it passes."""
    theorems(FALSE)
    witness = stored_witness(pytester)
    expect(pytester, witness=witness, issue="https://example.org/7")

    result = pytester.runpytest(*CLAIM, "-rx", "--alignprops-report-dir=out", "--junitxml=junit.xml")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(xfailed=1, deselected=5)
    result.stdout.fnmatch_lines(
        [
            "*::toy  refuted, expected *",
            "1 theorem, 1 claim: 1 refuted (1 as expected)",
            "XFAIL *squares.mean.false::toy - *expected refutation: three is too many (https://example.org/7)",
        ]
    )
    told = report_of(pytester.path / "out")
    assert told["verdict"] == "refuted"
    assert told["expected"] == {"reason": "three is too many", "issue": "https://example.org/7"}
    assert "expectation_problem" not in told
    assert str(told["reason"]).startswith(f"the stored witness {Path(witness).name} still refutes: ")
    assert told["evidence"]["sampled"]["examples"] == 1  # type: ignore[index]  # nothing else was tried
    junit = (pytester.path / "junit.xml").read_text()
    assert 'name="alignprops_verdict" value="refuted"' in junit
    assert "<skipped" in junit


def test_an_entry_without_a_witness_takes_the_full_attack(pytester: pytest.Pytester, theorems: Write) -> None:
    """As one that is written by hand."""
    theorems(FALSE)
    expect(pytester)

    result = pytester.runpytest(*CLAIM, "--alignprops-report-dir=out")

    result.assert_outcomes(xfailed=1, deselected=5)
    assert report_of(pytester.path / "out")["expected"] == {"reason": "three is too many", "issue": None}


def test_only_the_claim_of_the_entry_is_excused(pytester: pytest.Pytester, theorems: Write) -> None:
    """Another claim that is refuted fails as ever."""
    theorems(FALSE, FALSE.replace("false", "wrong"))
    expect(pytester)

    result = pytester.runpytest("-k", "false::toy or wrong::toy")

    result.assert_outcomes(xfailed=1, failed=1, deselected=7)
    result.stdout.fnmatch_lines(["refuted: squares.mean.wrong::toy", "*2 claims: 2 refuted (1 as expected)"])


def test_runxfail_makes_expected_refutations_fail(pytester: pytest.Pytester, theorems: Write) -> None:
    """pytest's own way to see what is hidden."""
    theorems(FALSE)
    expect(pytester)

    result = pytester.runpytest(*CLAIM, "--runxfail")

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["refuted: squares.mean.false::toy"])


def test_a_stale_entry_fails(pytester: pytest.Pytester, theorems: Write) -> None:
    """The claim holds: whoever mended it is told to take the entry out."""
    theorems(FALSE)
    witness = stored_witness(pytester)
    theorems(FALSE.replace("Le(3 * p", "Le(2 * p"))
    expect(pytester, witness=witness)

    result = pytester.runpytest(*CLAIM, "--alignprops-report-dir=out")

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(
        [
            "held: squares.mean.false::toy",
            (
                f"*expected   the entry in *alignprops-expected.toml is stale: neither its witness {witness} "
                "nor any other input refutes the claim; take it out (alignprops expect prune); "
                "its reason was: three is too many"
            ),
            "*::toy  held, bad entry *",
            "1 theorem, 1 claim: 1 held",
            "expected refutations that fail: 1",
        ]
    )
    told = report_of(pytester.path / "out")
    assert told["verdict"] == "held"
    assert "is stale" in str(told["expectation_problem"])
    assert "expected" not in told


def test_a_stale_entry_without_a_witness_fails(pytester: pytest.Pytester, theorems: Write) -> None:
    """Likewise."""
    theorems()
    expect(pytester, theorem="squares.mean.upper-bound")

    result = pytester.runpytest("-k", "toy")

    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*is stale: no input that was tried refutes the claim; take it out *"])


def test_a_witness_that_is_out_of_date_fails(pytester: pytest.Pytester, theorems: Write) -> None:
    """Another input refutes: it may be another mistake, and somebody has to look."""
    theorems(FALSE)
    witness = stored_witness(pytester)
    theorems(FALSE.replace("Le(3 * p", "Le(3 * p - 1"))
    expect(pytester, witness=witness)

    result = pytester.runpytest(*CLAIM)

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(
        [
            "refuted: squares.mean.false::toy",
            (
                f"*expected   the witness {witness} of the entry in * is out of date: it refutes no longer, another "
                "does; see whether *, and then run `alignprops expect update`"
            ),
            "*simplest witness *",
        ]
    )


@pytest.mark.parametrize(("days", "outcome"), [(-1, "failed"), (0, "xfailed"), (1, "xfailed")])
def test_an_expired_entry_fails(pytester: pytest.Pytester, theorems: Write, days: int, outcome: str) -> None:
    """From the day after its last; the refutation is told in full."""
    theorems(FALSE)
    day = TODAY + timedelta(days)
    expect(pytester, expires=day.isoformat(), witness=stored_witness(pytester))

    result = pytester.runpytest(*CLAIM)

    assert result.parseoutcomes()[outcome] == 1
    if outcome == "failed":
        result.stdout.fnmatch_lines(
            [
                "refuted: squares.mean.false::toy",
                (
                    f"*expected   the entry in * expired on {day} (its reason: three is too many); mend the subject, "
                    "or give the entry a later day: alignprops expect update --expires DAY"
                ),
            ]
        )


def test_a_vacuous_claim_cannot_be_expected(pytester: pytest.Pytester, theorems: Write) -> None:
    """Only a refutation can."""
    theorems(VACUOUS)
    expect(pytester, theorem="squares.mean.vacuous")

    result = pytester.runpytest("-k", "vacuous::toy")

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["*expected   only a refutation can be expected, and this is vacuous"])


def test_an_error_cannot_be_expected(pytester: pytest.Pytester, theorems: Write) -> None:
    """A subject that raises is not what was expected."""
    theorems()
    expect(pytester, theorem="squares.mean.upper-bound", subject="test_squares:broken_square")

    result = pytester.runpytest("-k", "not mutants and not proof", "--alignprops-subject=test_squares:broken_square")

    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(["error: squares.*", "*only a refutation can be expected, and this is error"])


@pytest.mark.parametrize(
    ("witness", "reason"),
    [
        ("alignprops-witnesses/gone.safetensors", "*no witness at *gone.safetensors*"),
        ("alignprops-witnesses/torn.safetensors", "*torn.safetensors cannot be read as safetensors*"),
    ],
)
def test_a_witness_that_cannot_be_read_fails(
    pytester: pytest.Pytester, theorems: Write, witness: str, reason: str
) -> None:
    """Never passed over: a refutation that nobody can see is not expected."""
    theorems(FALSE)
    pytester.mkdir("alignprops-witnesses")
    (pytester.path / "alignprops-witnesses" / "torn.safetensors").write_bytes(b"torn")
    expect(pytester, witness=witness)

    result = pytester.runpytest(*CLAIM)

    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(
        ["error: squares.mean.false::toy", reason, "*the witness of the entry in * cannot be evaluated; store one *"]
    )


def test_the_witness_of_another_claim_is_refused(pytester: pytest.Pytester, theorems: Write) -> None:
    """It would say nothing of this one."""
    theorems(FALSE, FALSE.replace("false", "wrong"))
    witness = stored_witness(pytester)
    expect(pytester, theorem="squares.mean.wrong", witness=witness)

    result = pytester.runpytest("-k", "wrong::toy")

    result.assert_outcomes(failed=1, deselected=8)
    result.stdout.fnmatch_lines(["*is a witness of squares.mean.false::toy, not of squares.mean.wrong::toy*"])


def test_entries_of_claims_that_are_not_run_do_not_matter(pytester: pytest.Pytester, theorems: Write) -> None:
    """A run of some claims says nothing of the others."""
    theorems(FALSE)
    expect(pytester)

    pytester.runpytest("-k", "upper-bound::toy").assert_outcomes(passed=1, deselected=5)


def test_a_file_that_cannot_be_used_is_refused_before_the_work(pytester: pytest.Pytester, theorems: Write) -> None:
    """Told once, by the process that starts the others, with what to do."""
    theorems(FALSE)
    pytester.path.joinpath("alignprops-expected.toml").write_text('[[expected]]\ntheorem = "a"\nsubject = "b"\n')

    result = pytester.runpytest_subprocess("-n", "2", *CLAIM)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ['ERROR: *alignprops-expected.toml, entry 1 has no reason; say why the refutation is lived with: reason = "…"']
    )


def test_the_file_is_named_by_option_or_ini(pytester: pytest.Pytester, theorems: Write) -> None:
    """The option is meant from the current folder, the key from the ini file's; a file that is named must be there."""
    theorems(FALSE)
    expect(pytester)
    kept = pytester.mkdir("kept") / "known.toml"
    (pytester.path / "alignprops-expected.toml").rename(kept)

    pytester.runpytest(*CLAIM).assert_outcomes(failed=1, deselected=5)
    pytester.runpytest(*CLAIM, "--alignprops-expected=kept/known.toml").assert_outcomes(xfailed=1, deselected=5)
    missing = pytester.runpytest(*CLAIM, "--alignprops-expected=none.toml")
    pytester.makeini("[pytest]\nalignprops_expected = kept/known.toml\n")
    pytester.runpytest(*CLAIM).assert_outcomes(xfailed=1, deselected=5)

    assert missing.ret == pytest.ExitCode.USAGE_ERROR
    missing.stderr.fnmatch_lines(["ERROR: the expected refutations *none.toml cannot be read: No such file *"])


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_an_entry_that_no_claim_can_have_is_refused(
    pytester: pytest.Pytester, theorems: Write, workers: list[str]
) -> None:
    """Theorem and subject were both asked for, and are of different kinds."""
    theorems()
    changed = theorems(name="test_cubes.py").read_text()
    changed = changed.replace("squares", "cubes").replace('"toy"', '"cubist"')
    (pytester.path / "test_cubes.py").write_text(changed)
    expect(pytester, theorem="squares.mean.upper-bound", subject="cubist")

    result = pytester.runpytest_subprocess(*workers) if workers else pytester.runpytest()

    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(
        [
            "the entry squares.mean.upper-bound::cubist in * is stale: the theorem is about a 'squares' subject, *",
        ]
    )


HOST = """
import alignprops as ap

from test_squares import square


def cube(x):
    return x * x * x


@ap.parametrize_claims([square, cube], kind="squares", theorems="squares.*")
def test_alignprops(claim):
    claim.check()
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_claims_of_a_hosts_test_may_be_expected(pytester: pytest.Pytester, acme: Path, workers: list[str]) -> None:
    """As those of collected theorems, also when they are distributed; a stale one fails with its text."""
    pytester.makepyfile(test_mine=HOST.replace("test_squares", "acme_theorems.squares"))
    theorem = "squares.mean.upper-bound"
    subjects = ("test_mine:cube", "acme_theorems.squares:square")
    text = [f'[[expected]]\ntheorem = "{theorem}"\nsubject = "{name}"\nreason = "known"\n' for name in subjects]
    pytester.path.joinpath("alignprops-expected.toml").write_text("\n".join(text))

    run = pytester.runpytest_subprocess if workers else pytester.runpytest

    result = run("--alignprops-report-dir=out", "-p", "no:cacheprovider", *workers)

    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["E*expected   the entry in * is stale: no input that was tried refutes the claim; *"])
    claims = json.loads((pytester.path / "out" / "report.json").read_text())["claims"]
    told = {claim["subject"]: claim for claim in claims}
    assert told["test_mine:cube"]["verdict"] == "refuted"
    assert told["test_mine:cube"]["expected"] == {"reason": "known", "issue": None}
    assert told["acme_theorems.squares:square"]["verdict"] == "held"
    assert "is stale" in told["acme_theorems.squares:square"]["expectation_problem"]
