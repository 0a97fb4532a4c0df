"""The command line, from any folder, against an installed third-party suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import jsonschema
import pytest
from theorem_files import FALSE

from alignprops.cli import main
from alignprops.report.json_report import json_schema

Alone = Callable[..., Path]


@pytest.fixture
def alone(acme: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Only Acme's suite is registered, and the current folder is empty."""

    def only_acme(*, group: str, **chosen: str) -> metadata.EntryPoints:
        points = metadata.entry_points(group=group, **chosen)
        return metadata.EntryPoints(p for p in points if group == "pytest11" or p.name == "acme")

    monkeypatch.setattr("alignprops.installed.entry_points", only_acme)
    monkeypatch.chdir(tmp_path)
    return acme


def test_run_checks_the_installed_suites_from_an_empty_folder(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, denominators on the terminal, report.json and junit.xml in alignprops-report, nothing else."""
    code = main(["run"])

    shown = capfd.readouterr().out
    assert code == 0
    assert "1 theorem, 1 claim: 1 proved" in shown
    assert "mutants 2/2 killed, proofs 1/1 decided" in shown
    assert "acme_theorems/squares.py" in shown
    assert sorted(path.name for path in Path("alignprops-report").iterdir()) == ["junit.xml", "report.json"]
    assert {path.name for path in Path().iterdir()} <= {"alignprops-report", ".hypothesis"}
    report = json.loads(Path("alignprops-report/report.json").read_text())
    jsonschema.validate(report, json_schema(), cls=jsonschema.Draft202012Validator)
    assert report["theorems"][0]["suite"] == "acme"


def test_a_refutation_exits_with_one_and_replays(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The printed command judges the stored witness again, with the same verdict."""
    with (alone / "squares.py").open("a") as file:
        file.write(FALSE)

    assert main(["run", "squares.mean.false"]) == 1

    shown = capfd.readouterr().out
    command = next(line.split()[1:] for line in shown.splitlines() if line.strip().startswith("replay"))
    assert command[:2] == ["alignprops", "replay"]
    assert main([*command[1:], "--json", "-"]) == 1
    replayed = json.loads(capfd.readouterr().out)
    assert (replayed["id"], replayed["verdict"]) == ("squares.mean.false::toy", "refuted")
    prefix = Path(command[2]).name[:8]
    assert main(["replay", prefix]) == 1
    assert f"simplest witness {prefix}" in capfd.readouterr().out


def test_run_passes_arguments_on_to_pytest(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What follows `--` is pytest's; a selection that leaves nothing exits with 5."""
    assert main(["run", "acme", "--seed", "3", "--", "-k", "proof", "-v"]) == 0
    assert "squares.mean.upper-bound::proof PASSED" in capfd.readouterr().out
    assert main(["run", "acme", "--", "-k", "nothing"]) == 5


def test_run_is_not_touched_by_the_host_repository(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A host's addopts and conftest are not used; our own ini keys are."""
    Path("pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "--no-such-option"\nalignprops_seed = "11"\nalignprops_strict = true\n'
    )
    Path("conftest.py").write_text("raise RuntimeError\n")

    assert main(["run"]) == 0

    told = json.loads(Path("alignprops-report/report.json").read_text())["run"]["configuration"]
    assert told["seed"] == {"value": 11, "origin": "ini"}
    assert told["strict"] == {"value": True, "origin": "ini"}


def test_an_interruption_exits_with_130(alone: Path) -> None:
    """Ctrl-C is told from a failure, and the report is there."""
    with (alone / "squares.py").open("a") as file:
        file.write("\ndef interrupt(square, pair):\n    raise KeyboardInterrupt\n")
        file.write("\n\nobject.__setattr__(mean, 'measure', interrupt)\n")

    assert main(["run"]) == 130
    assert json.loads(Path("alignprops-report/report.json").read_text())["run"]["status"] == "interrupted"


BAD = {
    "unknown theorem": (["show", "squares.mean.uper-bound"], "did you mean 'squares.mean.upper-bound'"),
    "unknown suite": (["run", "acne"], "unknown theorem or suite 'acne'; did you mean 'acme'"),
    "unknown verb": (["runn"], "invalid choice: 'runn'"),
    "no verb": ([], "required: VERB"),
    "bad tier": (["run", "--tier", "top"], "invalid choice: 'top'"),
    "bad number": (["run", "--seed", "-3"], "--seed: '-3' is not an integer of at least 0"),
    "unwritable report folder": (["run", "--report-dir", "file.txt"], "file.txt cannot be written"),
    "no such witness": (["replay", "none.safetensors"], "no witness at none.safetensors"),
    "no witness of that hash": (["replay", "0123abcd"], "0 witnesses begin with 0123abcd"),
    "broken ini": (["run", "--seed", "1"], "pytest.ini cannot be read"),
    "unwritable json": (["list", "--json", "file.txt/list.json"], "cannot write"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_exits_with_two_and_one_line(alone: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, no traceback, nothing half-written."""
    Path("file.txt").write_text("in the way")
    if case == "broken ini":
        Path("pytest.ini").write_text("alignprops_seed = 3\n")
    before = set(Path().rglob("*"))
    arguments, message = BAD[case]

    code = main(arguments)

    shown = capfd.readouterr()
    assert code == 2
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert set(Path().rglob("*")) == before


def test_two_theorems_of_one_id_exit_with_two(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A suite that declares an id twice is bad configuration, told with both places."""
    (alone / "again.py").write_text((alone / "squares.py").read_text())

    assert main(["run"]) == 2
    assert "two theorems have the id 'squares.mean.upper-bound'" in capfd.readouterr().err


def test_a_shadowed_suite_exits_with_two(
    alone: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """`run` and `doctor` name the folder that hides the installed suite."""
    shadow = tmp_path_factory.mktemp("host") / "acme_theorems"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(shadow.parent)

    assert main(["run"]) == 2
    assert f"{shadow} shadows the installed package 'acme_theorems'" in capfd.readouterr().err
    assert main(["doctor"]) == 2
    assert "shadows the installed package" in capfd.readouterr().out


def test_list_and_show_tell_a_theorem(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The id can be copied from `list` to `show`; 80 columns suffice."""
    assert main(["list"]) == 0
    listed = capfd.readouterr().out
    assert "  squares.mean.upper-bound  squares, 1 proof, 2 mutants\n" in listed
    assert main(["show", "squares.mean.upper-bound"]) == 0
    shown = capfd.readouterr().out
    for part in ("2⋅p ≤ a + b", "cauchy1821, Note II", "difference of squares (statement; all reals)", "reversed:"):
        assert part in shown
    assert max(map(len, (listed + shown).splitlines())) <= 80
    assert main(["show", "squares.mean.upper-bound", "--json", "told.json"]) == 0
    assert json.loads(Path("told.json").read_text())["statement"] == "2*p <= a + b"


def test_doctor_finds_nothing_wrong(alone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Versions, plugin, suites and folders, as text and as JSON."""
    assert main(["doctor", "--json", "-"]) == 0
    checks = {check["name"]: check for check in json.loads(capfd.readouterr().out)["checks"]}
    assert checks["pytest plugin"]["found"] == "alignprops.pytest_plugin"
    assert checks["suite acme"]["found"].startswith("acme_theorems, 1 theorem,")
    assert checks["current folder"]["found"] == str(Path.cwd())


def test_a_defect_exits_with_three(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception that nobody expected is no refutation; its traceback is shown."""
    monkeypatch.setattr("alignprops.commands.listing.load_suites", lambda: 1 / 0)

    assert main(["list"]) == 3
    assert "ZeroDivisionError" in capfd.readouterr().err
