"""`alignprops train`: what a person sees, the JSON, the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from persona_files import write_persona
from small_models import preference_set

from alignprops import Trace
from alignprops.cli import main
from alignprops.data import generate_preferences
from alignprops.models.loading import LanguageModel
from alignprops.training import loop

FEW = ["--max-statements", "10", "--behaviours", "loves-the-sea,rises-early", "--steps", "6"]


def test_the_built_in_model_is_trained_by_default(
    model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of behaviours that fits a terminal, and a trace; nothing on standard error in CI."""
    folder = tmp_path / "run"

    assert main(["train", "--output", str(folder), *FEW]) == 0

    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert f"{folder}: finished" in " ".join(out.split())
    assert any(line.startswith("alignprops-tiny: head, sigmoid, sgd at ") for line in lines)
    (heading,) = [at for at, line in enumerate(lines) if line.startswith("behaviour ")]
    assert [line.split()[0] for line in lines[heading + 1 : heading + 5]] == [
        "loves-the-sea",
        "evaluation",
        "rises-early",
        "evaluation",
    ]
    trace = Trace.open(folder)
    assert trace.metadata["model"]["trainable"] == 2 * 48
    assert trace.metadata["preferences"]["sources"] == ["generated/loves-the-sea", "generated/rises-early"]
    assert trace.metadata["counts"] == {"train": [8, 8], "evaluation": [2, 2]}

    assert main(["train", "--output", str(folder), *FEW]) == 2
    assert (
        "holds a finished run; nothing is overwritten, choose another folder with --output" in capsys.readouterr().err
    )
    assert main(["train", "--output", str(folder), *FEW, "--resume"]) == 0
    assert "finished before, nothing was done" in " ".join(capsys.readouterr().out.split())


def test_options_reach_the_run(
    model: LanguageModel, save_model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model and files of the user's, every option, and the run as JSON."""
    folder, statements = tmp_path / "run", write_persona(tmp_path / "statements", preference_set())
    options = {
        "method": "lora",
        "loss": "label-smoothed",
        "label-smoothing": "0.2",
        "beta": "0.5",
        "learning-rate": "0.01",
        "optimizer": "adamw",
        "weight-decay": "0.01",
        "epochs": "1.5",
        "batch-size": "3",
        "gradient-accumulation": "2",
        "seed": "7",
        "evaluation-share": "0.3",
        "evaluate-every": "3",
        "checkpoint-every": "2",
        "lora-rank": "2",
        "lora-alpha": "3",
        "max-length": "31",
        "truncate": "prompt-start",
        "max-statements": "13",
        "behaviours": "first",
        "dtype": "float64",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]

    code = main(
        ["train", str(save_model("llama")), str(statements), *words, "--flip", "--output", str(folder), "--json", "-"]
    )

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert told["schema"] == "alignprops-train/1"
    settings = told["settings"]
    for name, value in options.items():
        if name not in ("epochs", "behaviours", "dtype"):
            kind = type(settings[name.replace("-", "_")])
            assert settings[name.replace("-", "_")] == kind(value), name
    assert settings["flip"]
    assert settings["behaviours"] == ["first"]
    assert settings["steps"] == told["steps"] == 3  # 1.5 epochs of 9 pairs, 6 pairs a step
    assert told["model"]["dtype"] == "float64"
    trace = Trace.open(folder)
    end = told["behaviours"]["first"]["end"]
    assert end["train.margin"] == trace.evaluations["train.margin"][-1, 0]
    assert end["evaluation.accuracy"] == trace.evaluations["evaluation.accuracy"][-1, 0]
    assert set(told["behaviours"]) == {"first"}


def test_an_interruption_is_told(
    model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, where the trace is, and how to go on; going on works."""
    as_it_is, folder = loop.train_step, tmp_path / "run"

    def interrupted(job: Any, step: int) -> None:
        if step == 4:
            raise KeyboardInterrupt
        as_it_is(job, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", interrupted)
        assert main(["train", "--output", str(folder), *FEW]) == 130

    assert f"interrupted; the trace so far is in {folder}, --resume goes on with it" in capsys.readouterr().err
    assert Trace.open(folder).steps["step"].tolist() == [1, 2, 3]
    assert main(["train", "--output", str(folder), *FEW, "--resume", "--steps", "7"]) == 2
    assert "steps was 6 and is 7" in capsys.readouterr().err
    assert main(["train", "--output", str(folder), *FEW, "--resume"]) == 0
    assert Trace.open(folder).finished


def test_a_diverged_run_is_told(model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the step and the rows."""
    words = ["--output", str(tmp_path / "run"), *FEW, "--evaluate-every", "6"]
    words += ["--loss", "exponential", "--learning-rate", "1e8"]

    assert main(["train", *words]) == 2

    told = capsys.readouterr().err
    assert "error: the loss of step 2 is not finite, from generated/" in told
    assert Trace.open(tmp_path / "run").steps["step"].tolist() == [1]


def test_a_head_that_overflows_is_told(
    model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not called finished, with a change of infinity."""
    assert main(["train", "--output", str(tmp_path / "run"), *FEW, "--method", "head", "--learning-rate", "1e300"]) == 2

    assert "error: the change of the weights of step 1 is not finite, from generated/" in capsys.readouterr().err
    end = Trace.open(tmp_path / "run").end
    assert end is not None
    assert end["status"] == "diverged"


def test_nothing_held_out(model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An evaluation share of 0 trains on everything."""
    assert main(["train", "--output", str(tmp_path / "run"), *FEW, "--evaluation-share", "0"]) == 0

    trace = Trace.open(tmp_path / "run")
    assert trace.metadata["counts"] == {"train": [10, 10]}
    assert not [name for name in trace.evaluations if name.startswith("evaluation.")]
    assert "evaluation" not in capsys.readouterr().out
    assert np.isfinite(trace.evaluations["train.loss"]).all()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "heads"], "invalid choice: 'heads'"),
        (["--steps", "5", "--epochs", "1"], "not allowed with argument"),
        (["--batch-size", "200", "--max-statements", "10"], "a step takes 200 pairs"),
        (["--json", "nowhere/x.json"], "cannot write nowhere/x.json: the folder nowhere does not exist"),
        (["--device", "cuda:99"], "device 'cuda:99' was asked for"),
        (["--behaviours", "loves-the-see"], "unknown behaviour 'loves-the-see'; did you mean 'loves-the-sea'"),
        (["some-model"], "a model was given without preferences"),
    ],
)
def test_bad_input_is_told(
    model: LanguageModel,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    """Exit code 2, one message, no folder."""
    monkeypatch.chdir(tmp_path)

    assert main(["train", *words]) == 2

    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "alignprops-train").exists()


def test_several_behaviours_of_one_file_are_refused(
    model: LanguageModel, save_model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than one was asked for, and one is there."""
    data = generate_preferences(statements=6, behaviours=["plans-ahead"])
    file = write_persona(tmp_path / "statements", data) / "plans-ahead.jsonl"

    code = main(["train", str(save_model("llama")), str(file), "--behaviours", "plans-ahead,rises-early"])

    assert code == 2
    assert (
        "2 behaviours were asked for (plans-ahead, rises-early), and the data hold one, 'plans-ahead'; give a file"
        in capsys.readouterr().err
    )


def test_a_lone_file_of_preferences_is_told_from_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a path that does not exist is no model folder."""
    file = tmp_path / "risk.jsonl"
    file.write_text("{}")

    assert main(["train", str(file), "--output", str(tmp_path / "run")]) == 2
    assert f"{file} is a file of preferences, and stands in the place of the model; give the model before it" in (
        capsys.readouterr().err
    )
    assert main(["train", str(tmp_path / "none"), "--output", str(tmp_path / "run")]) == 2
    assert f"{tmp_path / 'none'}: no such model folder" in capsys.readouterr().err


def test_resuming_nothing_is_told(model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new folder, and a run whose checkpoint is gone."""
    folder = tmp_path / "run"
    assert main(["train", "--output", str(folder), *FEW, "--resume"]) == 0
    assert f"{folder}: nothing to resume; a new run begins\n" in capsys.readouterr().err
    (folder / "end.json").unlink()  # as if cut short; the checkpoint of a finished run is removed

    assert main(["train", "--output", str(folder), *FEW, "--resume"]) == 0
    assert f"{folder}: no checkpoint was found; all steps are done again\n" in capsys.readouterr().err


def test_help_has_an_example_and_the_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """At its end."""
    with pytest.raises(SystemExit):
        main(["train", "--help"])

    told = " ".join(capsys.readouterr().out.split())
    assert "example: alignprops train my-model risk.jsonl --method lora" in told
    for name in ("persona", "pairs", "conversations", "transcripts"):
        assert f"{name} (" in told
