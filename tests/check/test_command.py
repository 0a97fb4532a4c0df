"""`alignprops check`: what is told, what is refused, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from check_sources import EDITS, SOURCE, edited, written

from alignprops.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, importable and current."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


FAST = ["--max-examples", "20", "--theorems", "preference-losses.reference.*"]


def test_zero_configuration(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind comes from the arguments, the formula from the name, and both are told."""
    assert main(["check", written(here, SOURCE), *FAST]) == 0

    told = capsys.readouterr().out
    assert "assumed  a pairwise-loss subject: its arguments fit no other kind" in told
    assert "assumed  judged as dpo" in told
    assert "2 claims: 2 held" in told  # value and gradient
    assert "held     preference-losses.reference.value" in told
    assert "written to" not in told


def test_explain_checks_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The adapter is printed, what would be checked, and what is silent and why."""
    assert main(["check", written(here, SOURCE), "--kind", "pairwise-loss", "--explain"]) == 0

    told = capsys.readouterr().out
    assert "its inputs are log-probabilities of tokens with masks: it takes chosen_mask and rejected_mask" in told
    assert "checked  preference-losses.reference.value" in told
    assert "silent   preference-losses.simpo" in told
    assert "held" not in told


def test_a_refutation_exits_with_1_and_can_be_replayed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stored witness names the subject and how it was called."""
    spec = written(here, edited(*EDITS["beta applied twice"]))
    arguments = ["check", spec, "--kind", "pairwise-loss", "--loss", "dpo", "--max-examples", "20"]

    assert main([*arguments, "--theorems", "preference-losses.reference.value"]) == 1
    told = capsys.readouterr().out
    replay = next(line.split() for line in told.splitlines() if line.startswith("  replay"))
    assert replay[:3] == ["replay", "alignprops", "replay"]
    assert main(replay[2:]) == 1
    again = capsys.readouterr().out
    assert "refuted: preference-losses.reference.value::userlosses:dpo_loss" in again
    assert "refuted on the stored input, beyond the derived tolerance" in again


def test_the_most_telling_failure_is_first_and_the_others_are_short(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is assumed is told once, the common suspicion too, and where witnesses lie; `--full` prints all."""
    spec = written(here, edited(*EDITS["beta applied twice"]))
    theorems = ["--theorems", "preference-losses.dpo.gradient", "--theorems", "preference-losses.reference.*"]
    arguments = ["check", spec, "--kind", "pairwise-loss", "--loss", "dpo", "--max-examples", "20", *theorems]

    assert main(arguments) == 1
    told = capsys.readouterr().out
    refuted = [line.split("::")[0] for line in told.splitlines() if line.startswith("refuted: ")]
    assert refuted == [
        "refuted: preference-losses.reference.value",
        "refuted: preference-losses.reference.gradient",
        "refuted: preference-losses.dpo.gradient",
    ]
    assert told.count("assumed  judged as dpo") == 1
    assert "assumed    " not in told
    assert told.count("  suspicion  it gives the numbers of code that applies beta twice") == 1
    assert told.count("by itself, with torch and the code alone:") == 1
    assert told.count("  replay     alignprops replay ") == 3
    assert told.count("; the formula gives ") >= 3
    last = told.rstrip().splitlines()
    assert last[-4] == "The most telling of 3 failures is printed in full, the other 2 are in short: --full prints all"
    written_count = len(list(Path("alignprops-report/witnesses").iterdir()))
    assert last[-1] == f"{written_count} witnesses written to alignprops-report/witnesses, for alignprops replay"

    assert main([*arguments, "--full"]) == 1
    in_full = capsys.readouterr().out
    assert in_full.count("by itself, with torch and the code alone:") == 3
    assert in_full.count("assumed  judged as dpo") == 1
    assert "--full prints all" not in in_full


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The result is data, with the assumptions."""
    assert main(["check", written(here, SOURCE), "--kind", "pairwise-loss", *FAST, "--json", "-"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "alignprops-check/1"
    assert told["subjects"][0]["id"] == "userlosses:dpo_loss"
    assert {claim["verdict"] for claim in told["claims"]} == {"held"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "pairwise-loss", "--loss", "dpi"], "unknown loss of a preference pair 'dpi'; did you mean"),
        (["--kind", "pairwise-loss", "--map", "beta"], "--map beta: expected NAME=VALUE"),
        (["--kind", "pairwise-loss", "--map", "beta=kl_coef"], "unknown argument of the subject 'kl_coef'"),
        (["--kind", "pairwise-loss", "--map", "betta=beta"], "unknown input or option of this kind 'betta'"),
        (["--kind", "pairwise-loss", "--convention", "mean"], "unknown convention of dpo 'mean'"),
        (
            ["--kind", "pairwise-loss", "--reduction", "mean"],
            "reduction is 'mean', but it returns 'loss' of shape (3,)",
        ),
        (["--theorems", "preference-loss.*"], "unknown theorem or suite 'preference-loss.*'"),
    ],
)
def test_bad_input(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Exit code 2, and what to do."""
    assert main(["check", written(here, SOURCE), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_host(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest is told."""
    assert main(["check", "trll"]) == 2
    assert "unknown host 'trll'; did you mean 'trl'" in capsys.readouterr().err


def test_a_host_takes_no_adapter_parameters(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They would be ignored."""
    assert main(["check", "trl:DPO*", "--loss", "dpo"]) == 2
    assert "trl:DPO* has adapters of its own: --kind, --loss, --map" in capsys.readouterr().err


def test_nothing_to_check_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Theorems of another kind are no error, and no success either."""
    spec = written(here, SOURCE)

    assert main(["check", spec, "--kind", "pairwise-loss", "--theorems", "advantages.reference"]) == 5
    told = capsys.readouterr().err
    assert "nothing was checked: no theorem among advantages.reference speaks of what was asked for" in told


def test_a_subject_that_cannot_be_recognised(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind that its name speaks for, and all that is missing."""
    assert main(["check", written(here, "def dpo_loss(a, b):\n    return a\n")]) == 2
    told = capsys.readouterr().err
    assert "which kind is it?" in told
    assert "which of them is policy_chosen_logps and which is policy_rejected_logps" in told


def test_help_tells_defaults_once(capsys: pytest.CaptureFixture[str]) -> None:
    """And not that there is none."""
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "(default: None)" not in told
    assert "(default: by profile)" in told
    assert "what masks and flags are given as (default: bool)" in told
