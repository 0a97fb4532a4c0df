"""`alignprops measure`: the table that a person reads, the JSON, saved features, the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from persona_files import write_persona
from small_models import preference_set

from alignprops import find_theorem
from alignprops.cli import main
from alignprops.commands import measure as command
from alignprops.measurement import Measurement
from alignprops.models.feature_file import PreferenceFeatures
from alignprops.subjects import observed
from alignprops.subjects.last_layer import single_rate


@pytest.fixture
def saved(measured: Measurement, tmp_path: Path) -> str:
    """A file of features, so that no model is read."""
    measured.features.save(tmp_path / "features.safetensors")
    return str(tmp_path / "features.safetensors")


@pytest.fixture
def small(save_model: Callable[..., Path], tmp_path: Path) -> list[str]:
    """A small Llama and statements for it, as arguments."""
    return [str(save_model("llama")), str(write_persona(tmp_path / "statements", preference_set()))]


def test_table_is_sorted_and_explained(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Largest distinguishability first, a legend for every column, counts of the claims; 80 columns suffice."""
    assert main(["measure", "--features", saved]) == 0

    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0] == "alignprops-tiny: width 48, 704 tokens, read in float32"
    assert lines[1] == "answers ' Yes' / ' No'; no special token before the prompt"
    (heading,) = [at for at, line in enumerate(lines) if line.startswith("behaviour ")]
    rows = [line.split()[0] for line in lines[heading + 1 : heading + 5]]
    assert rows == ["loves-the-sea", "seeks-quiet", "plans-ahead", "rises-early"]
    for column in ("δ ", "‖z̄‖ ", "λ, ρ ", "offset ", "acc₁ ≥ ", "cert. "):
        assert any(line.startswith(column) for line in lines)
    assert "claims observed on head-only DPO runs:" in shown
    assert max(map(len, lines)) <= 80


def test_long_names_stay_apart_in_a_narrow_table() -> None:
    """They are cut where they do not differ; short ones are left alone, and whole ones where no cut helps."""
    long = ["desire-to-persuade-people-to-be-less-harmful", "desire-to-persuade-people-to-be-more-honest"]
    long += ["interest-in-literature", "openness"]
    alike = ["a" * 30 + "x" + "a" * 30, "a" * 30 + "y" + "a" * 30]

    told = command._shortened(long, 16)

    assert told == {
        long[0]: "desire-to-pers…l",
        long[1]: "desire-to-pers…t",
        long[2]: "interest-in-lit…",
        "openness": "openness",
    }
    assert command._shortened(alike, 16) == {name: name for name in alike}


def test_what_is_special_of_a_model_is_noted(
    save_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tied head, a scale that was folded in, prompts with both answers."""
    data = preference_set()
    first = data.behaviours[0]
    torn = replace(first.statements[0], chosen=first.statements[0].rejected, rejected=first.statements[0].chosen)
    data = replace(data, behaviours=(replace(first, statements=(*first.statements, torn)),))
    folder = save_model("cohere")

    assert main(["measure", str(folder), str(write_persona(tmp_path / "statements", data))]) == 0

    shown = capsys.readouterr().out
    assert "logits = c·W x with c = 0.25, folded into x" in shown
    assert "the head is tied to the input embedding: the observed run trains a copy" in shown
    assert "prompts that are answered both ways, and kept: 1" in shown


def test_json_goes_alone_to_standard_output(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json -` can be piped."""
    assert main(["measure", "--features", saved, "--behaviours", "seeks-quiet", "--json", "-"]) == 0

    assert list(json.loads(capsys.readouterr().out)["behaviours"]) == ["seeks-quiet"]


def figures(path: Path) -> dict[str, Any]:
    """A JSON file but for what depends on the clock."""
    told: dict[str, Any] = json.loads(path.read_text())
    told["model"].pop("tokens_per_second")
    for claim in told["claims"]:
        claim.pop("seconds")
    return told


def test_saved_features_give_the_same_json(small: list[str], tmp_path: Path) -> None:
    """All of it but the clock; nothing but the two files is written."""
    before = set(tmp_path.iterdir())
    file = str(tmp_path / "kept")

    assert main(["measure", *small, "--save-features", file, "--json", str(tmp_path / "first")]) == 0
    assert main(["measure", "--features", file, "--json", str(tmp_path / "second")]) == 0

    assert figures(tmp_path / "first") == figures(tmp_path / "second")
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {"kept", "first", "second"}


def test_several_files_and_a_batch_size(small: list[str], tmp_path: Path) -> None:
    """Files given one by one are behaviours too; the batch size changes no figure beyond rounding."""
    model, folder = small
    files = [str(Path(folder) / "second.jsonl"), str(Path(folder) / "first.jsonl")]
    shared = [model, *files, "--dtype", "float64"]

    assert main(["measure", *shared, "--batch-size", "3", "--json", str(tmp_path / "a")]) == 0
    assert main(["measure", *shared, "--json", str(tmp_path / "b")]) == 0

    a, b = figures(tmp_path / "a"), figures(tmp_path / "b")
    assert list(a["behaviours"]) == ["second", "first"]
    for name, row in a["behaviours"].items():
        assert row["distinguishability"] == pytest.approx(b["behaviours"][name]["distinguishability"], rel=1e-12)


def test_a_refuted_claim_exits_with_one_and_is_shown(
    saved: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The run of a wrong engine on the model; the JSON holds the witness, and the figures are written all the same."""
    monkeypatch.setattr(observed, "train", single_rate)

    code = main(["measure", "--features", saved, "--behaviours", "seeks-quiet", "--json", str(tmp_path / "told")])

    assert code == 1
    claim = "learning-dynamics.initial-rate::alignprops-tiny/seeks-quiet"
    assert f"refuted  {claim}: " in capsys.readouterr().out
    told = figures(tmp_path / "told")
    (row,) = [row for row in told["claims"] if row["id"] == claim]
    assert (row["verdict"], set(row["witness"])) == ("refuted", {"simplest", "worst"})
    assert told["behaviours"]["seeks-quiet"]["distinguishability"] > 0


def test_a_broken_measure_exits_with_one(
    saved: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That claim is in error, the others are judged."""

    def broken(*_: object) -> None:
        raise ArithmeticError("a slip of the pen")

    theorem = find_theorem("learning-dynamics.initial-rate")
    monkeypatch.setitem(vars(theorem), "measure", broken)

    assert main(["measure", "--features", saved, "--behaviours", "seeks-quiet"]) == 1

    shown = " ".join(capsys.readouterr().out.split())
    assert "error learning-dynamics.initial-rate::alignprops-tiny/seeks-quiet: ArithmeticError: a slip of" in shown
    assert "1 error" in shown


def test_features_are_kept_if_the_claims_are_interrupted(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is what takes long."""

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "measure", interrupted)

    assert main(["measure", *small, "--save-features", str(tmp_path / "kept"), "--json", str(tmp_path / "no")]) == 130
    assert len(PreferenceFeatures.load(tmp_path / "kept").behaviours) == 2
    assert not (tmp_path / "no").exists()
