"""`alignprops expect update|list|prune`, on the reports of an installed third-party suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from theorem_files import FALSE, VACUOUS

from alignprops.cli import main
from alignprops.expected import read_expectations

FILE = Path("alignprops-expected.toml")
CLAIM = "squares.mean.false::toy"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def suite(acme: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Only Acme's suite is registered, with a false and a vacuous theorem; the current folder is empty."""

    def only_acme(*, group: str, **chosen: str) -> metadata.EntryPoints:
        points = metadata.entry_points(group=group, **chosen)
        return metadata.EntryPoints(p for p in points if group == "pytest11" or p.name == "acme")

    monkeypatch.setattr("alignprops.installed.entry_points", only_acme)
    monkeypatch.chdir(tmp_path)
    with (acme / "squares.py").open("a") as file:
        file.write(FALSE + VACUOUS)
    return acme


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line; return its exit code and what it printed on either stream."""

    def told(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capfd.readouterr()

    return told


#: The report folder of the first run: a name and the content of every file in it.
_made: dict[str, bytes] = {}


@pytest.fixture
def report(suite: Path, run: Run) -> Path:
    """The report of a run in which one claim is refuted, one vacuous and one proved; the run is made once."""
    folder = Path.cwd() / "alignprops-report"
    if not _made:
        assert run("run", "--", "-k", "toy")[0] == 1
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        _made.update({name: content.replace(str(folder).encode(), b"@FOLDER@") for name, content in found.items()})
    for name, content in _made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.replace(b"@FOLDER@", str(folder).encode()))
    return Path("alignprops-report") / "report.json"


def change(report: Path, **changes: Any) -> None:
    """Change the row of the refuted claim in a report."""
    told = json.loads(report.read_text())
    (row,) = [row for row in told["claims"] if row["id"] == CLAIM]
    row.update(changes)
    report.write_text(json.dumps(told))


def test_update_makes_the_run_pass_and_keeps_the_witness(report: Path, run: Run) -> None:
    """The way of a host: run, look, expect, run again."""
    code, told, _ = run("expect", "update", "--theorem", "*.false", "--reason", " three is too many ", "--issue", "#7")

    assert code == 0
    assert told == f"added    {CLAIM}\n{FILE}: 1 expected refutation\n"
    (entry,) = read_expectations(FILE).entries
    assert (entry.claim, entry.reason, entry.issue, entry.added) == (CLAIM, "three is too many", "#7", date.today())
    witness = json.loads(report.read_text())["claims"][0]["witness"]["simplest"]
    assert entry.witness == f"alignprops-witnesses/{witness['hash']}.safetensors"
    assert Path(entry.witness).read_bytes() == Path(witness["file"]).read_bytes()
    code, told, _ = run("run", "squares.mean.false", "--", "-k", "toy")
    assert code == 0
    assert "1 claim: 1 refuted (1 as expected)" in told


def test_update_keeps_reasons_and_renews_witnesses(report: Path, run: Run) -> None:
    """A second update needs no reason; a witness that is named no more is removed, and any other file is left."""
    run("expect", "update", "--theorem", "*.false", "--reason", "first")
    first = read_expectations(FILE).entries[0]
    assert first.witness is not None
    assert run("expect", "update", "--theorem", "*.false")[1].startswith(f"kept     {CLAIM}\n")
    worst = json.loads(report.read_text())["claims"][0]["witness"]["worst"]
    change(report, witness={"simplest": worst, "worst": worst})
    Path("alignprops-witnesses/other.safetensors").write_bytes(b"kept")

    code, told, _ = run("expect", "update", "--theorem", "*.false", "--reason", "second", "--expires", "2999-01-01")

    assert (code, told.splitlines()[0]) == (0, f"renewed  {CLAIM}")
    (entry,) = read_expectations(FILE).entries
    assert (entry.reason, entry.expires, entry.added) == ("first", date(2999, 1, 1), first.added)
    assert entry.witness == f"alignprops-witnesses/{worst['hash']}.safetensors"
    assert {path.name for path in Path("alignprops-witnesses").iterdir()} == {
        "other.safetensors",
        f"{worst['hash']}.safetensors",
    }


def test_update_finds_the_witness_of_a_report_that_was_moved(report: Path, run: Run) -> None:
    """As a report that CI uploaded; the option names the file of entries, which may lie elsewhere."""
    Path("alignprops-report").rename("downloaded")

    code, _, _ = run(
        "expect", "update", "--from", "downloaded", "--reason", "r", "--subject", "t*", "--theorem", "*.false",
        "--expected", "host/known.toml",
    )  # fmt: skip

    assert code == 0
    (entry,) = read_expectations(Path("host/known.toml")).entries
    assert (Path("host") / str(entry.witness)).is_file()


def test_update_reads_what_check_wrote(report: Path, run: Run) -> None:
    """Its rows are those of a report; the witnesses lie in the report folder."""
    row = json.loads(report.read_text())["claims"][0]
    for witness in row["witness"].values():
        del witness["file"]
    Path("found.json").write_text(json.dumps({"schema": "alignprops-check/1", "claims": [row]}))

    assert run("expect", "update", "--from", "found.json", "--reason", "r")[0] == 0
    assert Path(str(read_expectations(FILE).entries[0].witness)).is_file()


def test_update_without_a_stored_witness_says_so(report: Path, run: Run) -> None:
    """The entry has none, and the claim is attacked in full."""
    _ = [path.unlink() for path in report.parent.glob("witnesses/*")]
    change(report, witness=None)

    code, told, _ = run("expect", "update", "--theorem", "*.false", "--reason", "r")

    assert code == 0
    assert f"added    {CLAIM}: its witness was not stored; the claim will be attacked in full each time\n" in told
    assert read_expectations(FILE).entries[0].witness is None


def test_update_keeps_no_witness_of_a_model(report: Path, run: Run) -> None:
    """It is observed anew."""
    change(report, evidence={"observed": {}})

    assert (
        "a real model is observed anew each time" in run("expect", "update", "--theorem", "*.fa*", "--reason", "r")[1]
    )
    assert read_expectations(FILE).entries[0].witness is None


def test_update_refuses_what_is_not_refuted(report: Path, run: Run) -> None:
    """Beside a refutation it is told and the exit code is 1; alone it is bad input, and nothing is written."""
    code, told, _ = run("expect", "update", "--reason", "r")

    assert code == 1
    assert "refused  squares.mean.vacuous::toy: it is vacuous, and only a refutation can be expected\n" in told
    assert [entry.claim for entry in read_expectations(FILE).entries] == [CLAIM]
    code, told, error = run("expect", "update", "--reason", "r", "--theorem", "*bound", "--expected", "new.toml")
    assert (code, told) == (2, "")
    assert "the claims that are meant are proved (1); only a refuted claim can be expected to be" in error
    assert not Path("new.toml").exists()


BAD = {
    "no reason": ([], f"{CLAIM} has no entry yet; say why the refutation is lived with: --reason TEXT"),
    "an empty reason": (["--reason", " "], "--reason is empty; give it a text"),
    "a bad day": (["--reason", "r", "--expires", "June"], "--expires is 'June'; expected a day such as 2027-06-30"),
    "nothing meant": (["--reason", "r", "--subject", "none"], "none of its 3 claims is meant; only a refuted claim"),
    "no report": (["--from", "none.json"], "no report at none.json; write one with `alignprops run`, or `pytest"),
    "a foreign file": (
        ["--from", "pack.json"],
        "pack.json names the schema None; expected alignprops-report/1 or alignprops-check/1",
    ),
    "no JSON": (["--from", "torn/report.txt"], "torn/report.txt cannot be read as JSON: "),
    "a torn witness": (["--reason", "r", "--from", "torn"], "cannot be read as safetensors"),
    "another claim's witness": (["--reason", "r", "--from", "swapped"], "is a witness of squares.mean.false::toy, not"),
    "a damaged report": (["--reason", "r", "--from", "damaged"], "is damaged: its claims lack what report.json must"),
    "broken entries": (["--reason", "r", "--expected", "pack.json"], "pack.json is not TOML"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_of_update_exits_with_two(report: Path, run: Run, case: str) -> None:
    """One line, and nothing is written."""
    Path("pack.json").write_text("{}")
    row = json.loads(report.read_text())["claims"][0]
    others = {
        "torn": row,
        "swapped": {**row, "theorem": "squares.mean.other", "id": "squares.mean.other::toy"},
        "damaged": {**row, "theorem": "squares.*", "id": "squares.*::toy"},
    }
    stored = Path(row["witness"]["simplest"]["file"])
    for name, claim in others.items():
        witnesses = Path(name) / "witnesses"
        witnesses.mkdir(parents=True)
        (witnesses / stored.name).write_bytes(b"torn" if name == "torn" else stored.read_bytes())
        told = {**json.loads(report.read_text()), "claims": [claim]}
        told["claims"][0]["witness"]["simplest"]["file"] = None
        (Path(name) / "report.json").write_text(json.dumps(told))
    Path("torn/report.txt").write_text("{")
    _ = [path.unlink() for path in report.parent.glob("witnesses/*")]
    arguments, message = BAD[case]

    code, told, error = run("expect", "update", *([] if case == "nothing meant" else ["--theorem", "*"]), *arguments)

    assert (code, told) == (2, "")
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not FILE.exists()
    assert not Path("alignprops-witnesses").exists()


ENTRIES = """
[[expected]]
theorem = "squares.mean.false"
subject = "toy"
reason = "known"
issue = "#7"
added = {added}
expires = {expires}
witness = "alignprops-witnesses/0123456789abcdef.safetensors"

[[expected]]
theorem = "squares.mean.upper-bound"
subject = "toy"
reason = "mended long ago"
"""


def test_list_tells_age_and_witness(suite: Path, run: Run) -> None:
    """And what is wrong with them; as JSON too."""
    today = date.today()
    FILE.write_text(ENTRIES.format(added=today - timedelta(40), expires=today - timedelta(1)))

    code, told, _ = run("expect", "list")

    assert code == 0
    assert told.splitlines() == [
        CLAIM,
        "  reason   known (#7)",
        f"  age      40 days, since {today - timedelta(40)}",
        f"  expires  {today - timedelta(1)}, EXPIRED 1 day ago",
        "  witness  MISSING: alignprops-witnesses/0123456789abcdef.safetensors",
        "squares.mean.upper-bound::toy",
        "  reason   mended long ago",
        "  age      unknown",
        "  expires  never",
        "  witness  none: attacked in full each time",
        f"{Path.cwd() / FILE}: 2 expected refutations",
    ]
    assert run("expect", "list", "--json", "told.json")[0] == 0
    row = json.loads(Path("told.json").read_text())["expected"][0]
    assert (row["age_days"], row["days_left"], row["witness_is_there"]) == (40, -1, False)


def test_list_of_nothing(suite: Path, run: Run) -> None:
    """Said, not passed over."""
    code, told, _ = run("expect", "list")

    assert (code, told) == (0, f"no {FILE} here, and none is named: nothing is expected to be refuted\n")


def test_prune_evaluates_and_takes_out_what_has_had_its_day(report: Path, run: Run) -> None:
    """A claim that is refuted stays with its witness; held, expired and unknown ones are told apart."""
    run("expect", "update", "--theorem", "*.false", "--reason", "r")
    more = (
        ("squares.mean.upper-bound", "toy", ""),
        ("squares.mean.vacuous", "toy", "expires = 2020-01-01"),
        ("cubes.mean.upper-bound", "toy", ""),
        ("squares.mean.upper-bound", "tiny/likes-the-sea", ""),
    )
    with FILE.open("a") as file:
        for theorem, subject, rest in more:
            file.write(f'[[expected]]\ntheorem = "{theorem}"\nsubject = "{subject}"\nreason = "r"\n{rest}\n')

    code, told, _ = run("expect", "prune")

    assert code == 0
    lines = told.splitlines()
    assert lines[0] == f"kept     {CLAIM}"
    assert "removed  squares.mean.upper-bound::toy: the claim is proved" in lines
    assert "removed  squares.mean.vacuous::toy: it expired on 2020-01-01" in lines
    assert any(line.startswith("kept     cubes.mean.upper-bound::toy: not judged: unknown theorem") for line in lines)
    assert any("tiny/likes-the-sea: not judged: it is observed on a model" in line for line in lines)
    assert lines[-1].endswith("3 expected refutations, 2 removed")
    kept = read_expectations(FILE).entries
    assert [entry.claim for entry in kept] == [
        "cubes.mean.upper-bound::toy",
        CLAIM,
        "squares.mean.upper-bound::tiny/likes-the-sea",
    ]
    assert Path(str(kept[1].witness)).is_file()


def test_prune_by_a_report(report: Path, run: Run) -> None:
    """What the tests found decides; the witness goes with its entry."""
    run("expect", "update", "--theorem", "*.false", "--reason", "r")
    assert list(Path("alignprops-witnesses").iterdir())
    assert f"kept     {CLAIM}\n" in run("expect", "prune", "--from", str(report))[1]
    change(report, verdict="inconclusive")
    assert "the claim is inconclusive, which decides nothing" in run("expect", "prune", "--from", str(report))[1]
    change(report, id="squares.mean.other::toy", theorem="squares.mean.other", verdict="held")
    assert f"kept     {CLAIM}: {report} does not tell of it" in run("expect", "prune", "--from", str(report))[1]
    run("run", "squares.mean.false", "--", "-k", "toy")
    change(report, verdict="held")

    code, told, _ = run("expect", "prune", "--from", str(report))

    assert code == 0
    assert f"removed  {CLAIM}: the claim is held\n" in told
    assert read_expectations(FILE).entries == ()
    assert list(Path("alignprops-witnesses").iterdir()) == []


def test_prune_without_a_file_exits_with_two(suite: Path, run: Run) -> None:
    """There is nothing to prune."""
    assert run("expect", "prune")[0] == 2
