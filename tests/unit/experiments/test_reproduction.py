"""The experiments on the built-in model: what they claim, what they measure, what they leave behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_plan import SMALL

from alignprops._errors import InputError, TheoremError, UnknownNameError
from alignprops.commands import reproduce as verb
from alignprops.experiments.head_runs import AGREEMENT, largest_difference, problem_of
from alignprops.experiments.lab import Lab
from alignprops.experiments.plan import Plan
from alignprops.experiments.reproduce import EXPERIMENTS, Reproduced, open_lab, reproduce
from alignprops.results import Verdict
from alignprops.trace import Trace

Made = dict[str, Reproduced]


def silent(*_: object) -> None:
    """Say nothing."""


def test_every_theorem_holds(reproduced: Made) -> None:
    """On head runs, jointly, under aligned models and at the first step of whole models."""
    claims = [claim for one in reproduced.values() for claim in one.experiment.claims]
    verdicts = {claim.verdict for claim in claims}

    assert verdicts == {Verdict.HELD, Verdict.NOT_APPLICABLE}
    held = {claim.theorem for claim in claims if claim.verdict is Verdict.HELD}
    assert {
        "learning-dynamics.update-rate.upper-bound",
        "learning-dynamics.loss.any-step",
        "learning-dynamics.accuracy.certificate",
        "learning-dynamics.priority.first-step",
        "learning-dynamics.priority.horizon",
        "learning-dynamics.first-order",
        "learning-dynamics.first-step",
        "learning-dynamics.remainder.smoothness",
        "learning-dynamics.remainder.first-step",
        "learning-dynamics.remainder.run",
    } <= held


def test_subjects_are_named_by_model_method_and_behaviour(reproduced: Made) -> None:
    """So that a report can be read without the command that made it."""
    subjects = {claim.subject for claim in reproduced["learning-speed"].experiment.claims}

    assert {"alignprops-tiny/loves-the-sea", "alignprops-tiny/full/plans-ahead"} <= subjects
    joint = {claim.subject for claim in reproduced["prioritisation"].experiment.claims}
    assert joint == {"alignprops-tiny/loves-the-sea/plans-ahead"}
    aligned = {claim.subject.split("/")[0] for claim in reproduced["misalignment"].experiment.claims}
    assert aligned == {"alignprops-tiny-aligned"}
    responses = {claim.subject for claim in reproduced["responses"].experiment.claims}
    assert responses == {"alignprops-tiny/head/responses", "alignprops-tiny/full/responses"}


def test_tendencies_are_measurements_with_intervals(reproduced: Made) -> None:
    """They have a value, a method and a count, and no verdict."""
    measured = {m.id: m for one in reproduced.values() for m in one.experiment.measurements}

    assert {
        "learning-speed.rank-correlation.full",
        "prioritisation.leader-share.head",
        "prioritisation.leader-share.full",
        "misalignment.rate-ratio.full",
        "geometry.distinguishability-ratio.full",
        "responses.displaced-train.full.plain",
        "responses.accuracy-evaluation.head.flipped",
    } <= set(measured)
    share = measured["prioritisation.leader-share.full"]
    assert share.n == 1
    assert share.interval is not None
    assert share.interval[0] <= share.value <= share.interval[1]
    assert all(m.method and "verdict" not in m.to_json() for m in measured.values())


def test_the_measured_head_runs_lie_within_the_bands(reproduced: Made) -> None:
    """Every point of every curve that has a band; a band that is not that of the run would show."""
    figures = [f for one in reproduced.values() for f in one.experiment.figures if f["kind"] == "curves"]
    banded = [s for figure in figures for panel in figure["panels"] for s in panel["series"] if s["band"]]

    assert len(banded) == 5
    for series in banded:
        values, low, high = (np.asarray(part, dtype=float) for part in (series["y"], *_ends(series["band"])))
        slack = AGREEMENT * np.abs(values).max()
        assert (values >= low - slack).all()
        assert (values <= high + slack).all()
        assert (high - low)[-1] > 0


def _ends(band: dict[str, object]) -> tuple[object, object]:
    return band["low"], band["high"]


def lab_of(folder: Path) -> Lab:
    """The laboratory that made the reproduction."""
    return open_lab(
        None, None, None, plan=SMALL, folder=folder, dtype="float32", device="cpu", say=silent, progress=silent
    )


def test_a_trace_that_is_not_the_engines_run_is_noticed(reproduced: Made, folder: Path) -> None:
    """The claims would not be about what is drawn: another behaviour's run, or one of half the step size."""
    lab = lab_of(folder)
    one, other = lab.names

    with pytest.raises(TheoremError, match="from the last-layer engine, allowed is"):
        largest_difference(lab.head_run(one), lab.problem(other))
    with pytest.raises(TheoremError, match="from the last-layer engine"):
        largest_difference(lab.head_run(one), replace(lab.problem(one), eta=lab.problem(one).eta * (1 + 1e-4)))


@pytest.mark.parametrize("together", [1, 2])
def test_the_head_run_of_the_trace_is_the_engines(reproduced: Made, folder: Path, together: int) -> None:
    """The same states, the same step size: alone and jointly they agree to far less than the limit."""
    lab = lab_of(folder)
    names = lab.names[:together]

    assert largest_difference(lab.head_run(*names), lab.problem(*names)) < 1e-9


def test_a_trace_that_keeps_too_few_states_is_refused(reproduced: Made, folder: Path) -> None:
    """The bands would be those of other statements."""
    trace = lab_of(folder).head_run("loves-the-sea")
    counts = {**trace.metadata["counts"], "train": [600]}

    with pytest.raises(InputError, match="hidden states of 512 training statements a behaviour, and the run had 600"):
        problem_of(replace(trace, metadata={**trace.metadata, "counts": counts}))


def test_the_document_names_traces_that_are_there(reproduced: Made, folder: Path) -> None:
    """Relative to itself, finished, and complete."""
    for one in reproduced.values():
        document = json.loads(one.path.read_text())
        assert document["schema"] == "alignprops-experiment/1"
        assert document["traces"] or document["name"] == "extensions"  # whose runs are the engine's own
        assert all(Trace.open(folder / name).finished for name in document["traces"])
        assert {theorem["id"] for theorem in document["theorems"]} == {claim["theorem"] for claim in document["claims"]}
        assert document["run"]["plan"]["steps"] == SMALL.steps


def test_a_second_reproduction_trains_nothing_again(reproduced: Made, folder: Path) -> None:
    """What is there is used: no file of any trace changes, and the figures are the same."""
    before = {path: path.stat().st_mtime_ns for path in (folder / "traces").rglob("*") if path.is_file()}

    again = reproduce(["prioritisation"], plan=SMALL, folder=folder)

    assert {path: path.stat().st_mtime_ns for path in (folder / "traces").rglob("*") if path.is_file()} == before
    assert again[0].experiment.to_json({})["figures"] == reproduced["prioritisation"].experiment.to_json({})["figures"]


def test_other_settings_in_the_same_folder_are_refused(reproduced: Made, folder: Path) -> None:
    """A run of another length is not taken for this one."""
    with pytest.raises(InputError, match=r"was made with --head-steps 12 \(now 13\); give the same"):
        reproduce(["learning-speed"], plan=replace(SMALL, head_steps=13), folder=folder)


# --- bad input ----------------------------------------------------------------------------------------------------


def test_an_unknown_experiment_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Before a model is loaded."""
    with pytest.raises(UnknownNameError, match=r"unknown experiment 'prioritization'.*'prioritisation'"):
        reproduce(["prioritization"], folder=tmp_path)


def test_one_behaviour_is_too_few(tmp_path: Path) -> None:
    """The experiments compare."""
    with pytest.raises(InputError, match="compare behaviours; 1 was given"):
        reproduce(["learning-speed"], plan=Plan(behaviours=("plans-ahead",)), folder=tmp_path)


def test_responses_in_place_of_statements_are_refused(tmp_path: Path) -> None:
    """And the other way round."""
    persona = tmp_path / "persona.jsonl"
    rows = [
        {"question": f"Q{i}?", "answer_matching_behavior": yes, "answer_not_matching_behavior": no}
        for i, (yes, no) in enumerate([(" Yes", " No"), (" No", " Yes")] * 2)
    ]
    persona.write_text("\n".join(map(json.dumps, rows)))

    with pytest.raises(InputError, match="one-token answers; expected pairs of whole responses"):
        reproduce(["responses"], responses=persona, folder=tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": ("qlora",)}, "unknown method 'qlora'.*'lora'"),
        ({"methods": ()}, "no method was given"),
        ({"steps": 0}, "steps is 0; expected at least 1"),
        ({"beta": float("nan")}, "beta is nan"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(given: dict[str, object], message: str) -> None:
    """At once."""
    with pytest.raises(InputError, match=message):
        Plan(**given)  # type: ignore[arg-type]


def test_the_verb_knows_every_experiment() -> None:
    """The names that `--help` tells are those that there are."""
    assert tuple(EXPERIMENTS) == verb.NAMES


# --- extensions ---------------------------------------------------------------------------------------------------


def test_extensions_are_observed_on_the_same_runs(reproduced: Made) -> None:
    """Mini-batches, flow, AdamW, policy accuracy, other losses; what does not apply says why."""
    found = reproduced["extensions"].experiment

    families = {claim.theorem.split(".")[1] for claim in found.claims if claim.verdict is Verdict.HELD}
    assert families == {"minibatch", "flow", "adamw", "policy-accuracy", "convex-loss"}
    assert all(claim.reason for claim in found.claims)


def test_equal_class_counts_help_the_first_step(reproduced: Made) -> None:
    """The offset of real features is noise otherwise: the measured gain in the cosine is positive, below 2."""
    gain = next(m for m in reproduced["extensions"].experiment.measurements if m.id.endswith("stratified-gain"))

    assert gain.n == 2
    assert 0 < gain.value < 2


# --- the folder ---------------------------------------------------------------------------------------------------


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    """Nothing is written among them."""
    (tmp_path / "data.jsonl").write_text("{}\n")

    with pytest.raises(InputError, match="is not empty and holds no reproduction; choose a new folder with --output"):
        reproduce(["learning-speed"], plan=SMALL, folder=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """At once, not when the first trace is written."""
    (tmp_path / "out").write_text("x")

    with pytest.raises(InputError, match="out is a file; choose a folder with --output"):
        reproduce(["learning-speed"], plan=SMALL, folder=tmp_path / "out")


def test_a_damaged_record_of_the_folder_is_refused(tmp_path: Path) -> None:
    """What it was made with is not known then."""
    (tmp_path / "reproduction.json").write_text("{")

    with pytest.raises(InputError, match=r"reproduction\.json cannot be read"):
        reproduce(["learning-speed"], plan=SMALL, folder=tmp_path)


def test_responses_need_no_statements(tmp_path: Path) -> None:
    """A model of one's own with nothing but pairs of responses; the next complaint is about these."""
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(json.dumps({"prompt": "A", "chosen": " b", "rejected": " b"}))

    with pytest.raises(InputError, match="identical"):
        reproduce(["responses"], model=tmp_path, responses=pairs, folder=tmp_path / "out")
    with pytest.raises(InputError, match="a model was given without preferences"):
        reproduce(["geometry"], model=tmp_path, responses=pairs, folder=tmp_path / "other")
