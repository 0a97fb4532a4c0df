"""The model tier: a model's claims as items, read when the first of them is checked; what cannot be is told once."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from persona_files import write_persona
from safetensors.torch import load_file, save_file
from small_models import preference_set, save_model_in

from alignprops import claim_items, measurement
from alignprops.cli import main
from alignprops.registry import find_theorem
from alignprops.report.json_report import json_schema
from alignprops.subjects import observed
from alignprops.subjects.last_layer import single_rate

INITIAL, PRIORITY = "learning-dynamics.initial-rate", "learning-dynamics.priority.horizon"
FIRST_STEP, LINEARISED = "learning-dynamics.first-step", "learning-dynamics.linearised"
REMAINDER = "learning-dynamics.remainder.run"


@pytest.fixture(scope="module", autouse=True)
def _libraries(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All that a measurement imports stays imported: torch does not bear to be imported anew by inner runs."""
    folder = tmp_path_factory.mktemp("warm")
    measurement.measure(save_model_in(folder, "llama"), write_persona(folder / "statements", preference_set()))


@pytest.fixture(autouse=True)
def _forget() -> None:
    """The model of the test before is no longer meant."""
    claim_items._observed.cache_clear()


@pytest.fixture
def given(save_model: Callable[..., Path], tmp_path: Path) -> list[str]:
    """A small Llama and its statements, as options."""
    statements = write_persona(tmp_path / "statements", preference_set())
    return [f"--alignprops-model={save_model('llama')}", f"--alignprops-preferences={statements}"]


def where(*theorems: str) -> list[str]:
    """Theorems as arguments of pytest."""
    return [f"{sys.modules[find_theorem(name).module].__file__}::{name}" for name in theorems]


TIER = "--alignprops-tier=model"


def test_subjects_are_behaviours_of_the_model(
    pytester: pytest.Pytester, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the reference; one for all together where a theorem is about many; a collection reads no model."""
    monkeypatch.setattr(measurement, "extract", lambda *_, **__: pytest.fail("read"))

    result = pytester.runpytest("--collect-only", "-q", TIER, *given, *where(INITIAL, PRIORITY))

    items = [line.partition("::")[2] for line in result.outlines if "::" in line]
    both = ["toy", "tiny-llama/first", "tiny-llama/second"]
    expected = [f"{INITIAL}::{name}" for name in (*both, "mutants", "proof")]
    expected += [f"{PRIORITY}::{name}" for name in (*both, "tiny-llama/all", "mutants", "proof")]
    assert items == expected


def test_first_steps_are_subjects_of_every_method(
    pytester: pytest.Pytester, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of adapters and of all weights, for theorems about any policy; a collection reads no model."""
    monkeypatch.setattr(measurement, "_with_pairs", lambda *_: pytest.fail("read"))

    result = pytester.runpytest("--collect-only", "-q", TIER, *given, *where(FIRST_STEP, REMAINDER))

    items = [line.partition("::")[2] for line in result.outlines if "::" in line]
    subjects = [f"tiny-llama/{method}/{name}" for method in ("lora", "full") for name in ("first", "second")]
    references = ["tabular-softmax", "two-layer-network", "tiny-transformer"]
    assert items[:-3] == [f"{FIRST_STEP}::{name}" for name in (*references, *subjects, "mutants", "proof")]
    assert items[-3:] == [f"{REMAINDER}::{name}" for name in ("toy", "mutants", "proof")]


def test_first_steps_are_observed(pytester: pytest.Pytester, given: list[str]) -> None:
    """The linearised model is not asked of a language model."""
    result = pytester.runpytest(TIER, *given, *where(FIRST_STEP, LINEARISED), "-k", "full/second", "-rs")

    result.assert_outcomes(passed=1, skipped=1, deselected=16)
    result.stdout.fnmatch_lines(["SKIPPED*: it needs the gradients of all pairs at once"])


def test_whole_responses_are_observed_on_the_head(pytester: pytest.Pytester, save_model: Callable[..., Path]) -> None:
    """Their first steps too; there are no statements for the theorems about one-token answers."""
    rows = [
        {"prompt": "I would", "chosen": f" rather swim{end}", "rejected": f" not read{end}"}
        for end in ("", " today", " tomorrow")
    ]
    file = pytester.path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    options = [f"--alignprops-model={save_model('llama')}", f"--alignprops-preferences={file}"]

    result = pytester.runpytest(TIER, *options, *where(INITIAL, FIRST_STEP, REMAINDER), "-v", "-k", "tiny-llama")

    ids = [line.split()[0].split(".py::")[1] for line in result.outlines if "PASSED" in line]
    assert ids == [f"{FIRST_STEP}::tiny-llama/{name}" for name in ("lora/pairs", "full/pairs")] + [
        f"{REMAINDER}::tiny-llama/head/pairs"
    ]
    result.assert_outcomes(passed=3, deselected=11)


def test_a_first_step_that_is_refuted_is_run_again_with_its_model(
    pytester: pytest.Pytester, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its witness holds the pairs and not the weights: the printed command does, and `replay` says so."""
    from alignprops.models.policy import ModelPolicy

    original = ModelPolicy.loss_gradient
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelPolicy, "loss_gradient", lambda self, theta: 2 * original(self, theta))
        result = pytester.runpytest(
            TIER, *given, *where(FIRST_STEP), "-k", "full/second", "--alignprops-report-dir=told"
        )
    result.assert_outcomes(failed=1, deselected=8)
    (command,) = [shlex.split(line)[4:] for line in result.outlines if line.strip().startswith("replay ")]
    witness = json.loads((pytester.path / "told" / "report.json").read_text())["claims"][0]["witness"]["simplest"][
        "file"
    ]

    assert main(["replay", witness]) == 2
    assert "holds the pairs of a language model and not its weights" in capsys.readouterr().err
    claim_items._observed.cache_clear()
    pytester.runpytest(*command).assert_outcomes(passed=1)


def test_claims_are_observed_and_reported(
    pytester: pytest.Pytester, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is read once; report.json has the rows of `measure`."""
    reads: list[int] = []
    original = measurement.extract
    monkeypatch.setattr(measurement, "extract", lambda *a, **k: reads.append(1) or original(*a, **k))

    result = pytester.runpytest(
        TIER, *given, *where(INITIAL, PRIORITY), "-k", "tiny-llama", "--alignprops-report-dir=told"
    )

    result.assert_outcomes(passed=5, deselected=6)
    assert reads == [1]
    report = json.loads((pytester.path / "told" / "report.json").read_text())
    jsonschema.validate(report, json_schema(), cls=jsonschema.Draft202012Validator)
    assert {claim["id"] for claim in report["claims"]} == {
        *(f"{name}::tiny-llama/{behaviour}" for name in (INITIAL, PRIORITY) for behaviour in ("first", "second")),
        f"{PRIORITY}::tiny-llama/all",
    }
    assert all(claim["evidence"]["observed"]["effective"] == 1 for claim in report["claims"])


def test_a_claim_can_be_pasted_back_and_selected(pytester: pytest.Pytester, given: list[str]) -> None:
    """The node id, and the claim id under `-k`."""
    (file,) = where(INITIAL)

    pasted = pytester.runpytest(TIER, *given, f"{file}::tiny-llama/second")
    selected = pytester.runpytest(TIER, *given, file, "-k", f"{INITIAL}::tiny-llama/second")

    pasted.assert_outcomes(passed=1)
    selected.assert_outcomes(passed=1, deselected=4)


def test_the_built_in_model_needs_no_options(pytester: pytest.Pytester, own_cache_of_the_session: Path) -> None:
    """The embedded default: four behaviours of known, different distinguishability."""
    result = pytester.runpytest(TIER, *where(INITIAL), "-v", "-k", "alignprops-tiny")

    result.assert_outcomes(passed=4, deselected=3)
    result.stdout.fnmatch_lines([f"*::{INITIAL}::alignprops-tiny/loves-the-sea PASSED*"])


def test_workers_read_the_same_model(pytester: pytest.Pytester, given: list[str]) -> None:
    """Under pytest-xdist; the options reach the workers, the results come back."""
    report = pytester.path / "told"
    options = ["-k", "tiny-llama", "-n", "2", f"--alignprops-report-dir={report}", "-p", "no:cacheprovider"]

    result = pytester.runpytest_subprocess(TIER, *given, *where(INITIAL, PRIORITY), *options)

    result.assert_outcomes(passed=5)
    assert json.loads((report / "report.json").read_text())["totals"]["claims"] == {"of": 5, "held": 5}


def test_options_can_stand_in_the_ini_file(pytester: pytest.Pytester, given: list[str]) -> None:
    """As any other option."""
    model, preferences = (option.partition("=")[2] for option in given)
    pytester.makeini(
        f"[pytest]\nalignprops_tier = model\nalignprops_model = {model}\nalignprops_preferences = {preferences}\n"
    )

    result = pytester.runpytest("-c", "tox.ini", *where(INITIAL), "-k", "tiny-llama")

    result.assert_outcomes(passed=2, deselected=3)


def test_the_toy_tier_does_not_look_at_the_model(pytester: pytest.Pytester) -> None:
    """Whatever is given for it."""
    given = ["--alignprops-model=./absent", "--alignprops-preferences=./absent"]

    result = pytester.runpytest("--collect-only", "-q", *given, *where(INITIAL))

    assert [line.rpartition("::")[2] for line in result.outlines if "::" in line] == ["toy", "mutants", "proof"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alignprops-model=./absent"], "./absent: no such model folder"),
        (["--alignprops-preferences=./absent"], "absent: no such file or folder"),
        (["--alignprops-model=MODEL"], "a model was given without preferences"),
    ],
)
def test_bad_input_is_told_once_before_the_collection(
    pytester: pytest.Pytester, save_model: Callable[..., Path], options: list[str], message: str
) -> None:
    """One line on standard error, pytest's exit code for usage errors."""
    options = [option.replace("MODEL", str(save_model("llama"))) for option in options]
    if "model" in options[0] and "given" not in message:
        options.append("--alignprops-preferences=" + str(write_persona(pytester.path / "p", preference_set())))

    result = pytester.runpytest(TIER, *options, *where(INITIAL, PRIORITY))

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line.strip()]
    assert line.startswith("ERROR: ")
    assert message in line


@pytest.mark.parametrize("more", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_a_model_that_does_not_load_ends_the_session(
    pytester: pytest.Pytester, given: list[str], more: list[str]
) -> None:
    """Told at its first claim, with exit code 2 and no traceback; no other claim reads it again."""
    file = Path(given[0].partition("=")[2]) / "model.safetensors"
    tensors = load_file(file)
    del tensors["lm_head.weight"]
    save_file(tensors, file, metadata={"format": "pt"})

    run = pytester.runpytest_subprocess if more else pytester.runpytest

    result = run(TIER, *given, *where(INITIAL, PRIORITY), "-k", "tiny-llama", *more)

    assert result.ret == 2
    assert result.parseoutcomes()["failed"] <= max(1, len(more))
    reason = "*the checkpoint does not fit its configuration: it lacks 1 tensor: lm_head.weight*"
    result.stdout.fnmatch_lines([f"  reason     {reason}", f"!*Interrupted: error: {reason} !*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_refutation_is_replayed_without_the_model(
    pytester: pytest.Pytester, given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stored witness is the problem of the run; the reference engine is judged on it."""
    with monkeypatch.context() as patch:
        patch.setattr(observed, "train", single_rate)
        result = pytester.runpytest(TIER, *given, *where(INITIAL), "-k", "first", "--alignprops-report-dir=told")
    result.assert_outcomes(failed=1, deselected=4)
    (command,) = [line.split()[1:] for line in result.outlines if line.strip().startswith("replay ")]
    assert command[:2] == ["alignprops", "replay"]

    assert main([*command[1:], "--json", "replayed"]) == 0

    told = json.loads((pytester.path / "replayed").read_text())
    assert (told["id"], told["verdict"]) == (f"{INITIAL}::tiny-llama/first", "held")


def test_the_printed_command_names_the_model(pytester: pytest.Pytester, given: list[str]) -> None:
    """Where no witness can be replayed, the same item is run again."""
    theorem = find_theorem(INITIAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(theorem), "measure", lambda *_: {})
        result = pytester.runpytest(TIER, *given, *where(INITIAL), "-k", "first", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1, deselected=4)
    (command,) = [shlex.split(line)[4:] for line in result.outlines if line.strip().startswith("replay ")]
    assert {TIER, *given, "--alignprops-dtype=float32"} <= set(command)

    pytester.runpytest(*command).assert_outcomes(passed=1)
