"""`ap.measure`: its claims, its selections, saved features, and data that makes figures undefined."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import alignprops as ap
from alignprops import InputError, UnknownNameError, Verdict
from alignprops.data import Behaviour, PreferenceSet, Statement
from alignprops.measurement import Measurement, extract, measure, model_name
from alignprops.models.feature_file import PreferenceFeatures
from alignprops.models.features import extract_features
from alignprops.models.loading import load_model
from alignprops.report.json_report import encoded, json_schema

NAMES = ["loves-the-sea", "seeks-quiet", "plans-ahead", "rises-early"]


def figures(told: dict[str, Any]) -> dict[str, Any]:
    """What two measurements of the same features share."""
    claims = [{key: value for key, value in claim.items() if key != "seconds"} for claim in told["claims"]]
    return {**told, "claims": claims}


def test_the_built_in_model_is_the_default(measured: Measurement) -> None:
    """Four behaviours in the intended order of distinguishability, every claim observed and held."""
    told = measured.to_json()

    assert told["schema"] == "alignprops-measure/1"
    assert told["model"]["name"] == "alignprops-tiny"
    assert list(told["behaviours"]) == NAMES
    gaps = [told["behaviours"][name]["distinguishability"] for name in NAMES]
    assert gaps == sorted(gaps, reverse=True)
    idle = {
        claim.subject
        for claim in measured.claims
        if claim.verdict is not Verdict.HELD and ".convex-loss." in claim.theorem
    }
    # Bounds for smooth losses, and for losses that are bounded below, do not speak of these.
    assert idle == {f"alignprops-tiny/all/{loss}" for loss in ("hinge", "exponential", "robust")}
    assert {claim.verdict for claim in measured.claims} == {Verdict.HELD, Verdict.NOT_APPLICABLE}


def test_rows_of_claims_are_those_of_the_report(measured: Measurement) -> None:
    """The shape that report.json has, observed evidence, and ids `theorem::model/behaviour`."""
    schema = json_schema()
    row = jsonschema.Draft202012Validator({**schema["$defs"]["claim"], "$defs": schema["$defs"]})

    for claim in json.loads(encoded(measured.to_json()))["claims"]:
        row.validate(claim)
        assert claim["id"] == f"{claim['theorem']}::{claim['subject']}"
        if claim["verdict"] == "held":
            assert claim["evidence"]["observed"]["effective"] == claim["evidence"]["observed"]["examples"] == 1
        else:
            assert claim["reason"]
        assert claim["witness"] is None


def test_every_theorem_about_a_trained_head_is_observed(measured: Measurement) -> None:
    """LD-1 … LD-8 and LD-10 … LD-12 on each behaviour; those about many behaviours also on all together."""
    theorems = {theorem.id: theorem for theorem in ap.find_theorems() if theorem.kind == "last-layer"}
    expected = {f"{name}::alignprops-tiny/{behaviour}" for name in theorems for behaviour in NAMES}
    joint = {f"{name}::alignprops-tiny/all" for name, theorem in theorems.items() if theorem.behaviours[1] is None}

    assert len(theorems) >= 20
    assert joint
    found = [claim.id for claim in measured.claims if claim.theorem in theorems]
    assert set(found) == expected | joint
    assert len(found) == len(expected | joint)


def test_a_measurement_is_no_truth_value(measured: Measurement) -> None:
    """`if measure(…)` would hide a refutation."""
    with pytest.raises(TypeError, match="a measurement is no truth value; look at its claims"):
        bool(measured)


def test_saved_features_give_the_same_figures(measured: Measurement, tmp_path: Path) -> None:
    """To the last bit, and for a selection too."""
    measured.features.save(tmp_path / "f.safetensors")
    loaded = PreferenceFeatures.load(tmp_path / "f.safetensors")

    again = measure(features=loaded)
    part = measure(features=loaded, behaviours=["plans-ahead", "seeks-quiet"], max_statements=10)

    assert figures(again.to_json()) == figures(measured.to_json())
    assert list(part.behaviours) == ["seeks-quiet", "plans-ahead"]
    assert {row["n"] for row in part.behaviours.values()} == {10}


def test_theorems_can_be_chosen(measured: Measurement) -> None:
    """By globs; none at all leaves the figures; an unknown one and one about something else are refused."""
    chosen = measure(features=measured.features, behaviours=NAMES[:1], theorems=["learning-dynamics.symmetry.*"])
    assert {claim.theorem.rsplit(".", 1)[0] for claim in chosen.claims} == {"learning-dynamics.symmetry"}
    assert measure(features=measured.features, theorems=[]).claims == ()
    with pytest.raises(UnknownNameError, match=r"did you mean 'learning-dynamics\.initial-rate'"):
        measure(features=measured.features, theorems=["learning-dynamics.initial-rat"])
    with pytest.raises(InputError, match=r"no theorem among learning-dynamics\.misalignment-rate is about a trained"):
        measure(features=measured.features, theorems=["learning-dynamics.misalignment-rate"])


def test_beta_and_steps_reach_the_run(measured: Measurement) -> None:
    """The step size is half the limit of premise (S), whatever β is; the initial rate grows with β."""
    low, high = (measure(features=measured.features, theorems=[], beta=beta, steps=7) for beta in (0.1, 0.4))

    assert high.to_json()["run"] == {"beta": 0.4, "steps": 7, "step_size_share": 0.5}
    for name in NAMES:
        a, b = low.behaviours[name], high.behaviours[name]
        assert b["initial_update_rate"] == pytest.approx(4 * a["initial_update_rate"])
        step = b["accuracy_certificate"]["step_size"]
        assert step == pytest.approx(0.5 * 2 / (0.4**2 * b["curvature"]))


def test_progress_of_reading_and_checking_is_told(own_cache_of_the_session: Path) -> None:
    """Both end at their totals."""
    read: list[tuple[int, int]] = []
    checked: list[tuple[int, int]] = []

    found = measure(
        behaviours=NAMES[:1],
        max_statements=6,
        theorems=["learning-dynamics.initial-rate"],
        progress=lambda *step: read.append(step),
        checking=lambda *step: checked.append(step),
    )

    assert read[-1][0] == read[-1][1] <= 6
    assert checked[-1] == (len(found.claims), len(found.claims)) == (1, 1)


# --- data that leaves something undefined -----------------------------------------------------------------------


def features_of(model: PreferenceFeatures, *behaviours: tuple[str, list[list[float]], list[int]]) -> PreferenceFeatures:
    """Features written by hand, with the rest of a real file."""
    width = len(behaviours[0][1][0])
    made = tuple(
        replace(
            model.behaviours[0],
            name=name,
            features=np.array(x, dtype=np.float64),
            signs=np.array(s),
            rows=np.arange(1, len(s) + 1),
            contradictory=0,
        )
        for name, x, s in behaviours
    )
    return replace(model, behaviours=made, unembedding=np.ascontiguousarray(model.unembedding[:, :width]))


def test_two_statements_have_no_spread(measured: Measurement) -> None:
    """A covariance of one sample is undefined: null, and no claim suffers."""
    found = measure(features=features_of(measured.features, ("two", [[1.0, 2.0], [2.0, 1.0]], [1, -1])))

    told = json.loads(encoded(found.to_json()))["behaviours"]["two"]
    assert (told["concentration"], told["trace"]) == (None, None)
    assert told["distinguishability"] == pytest.approx(2**0.5)
    assert {claim.verdict for claim in found.claims} <= {Verdict.HELD, Verdict.NOT_APPLICABLE}


def test_contradictory_statements_cancel(built_in_folder: Path) -> None:
    """Every statement with both labels: counted, measured, no shift, nothing refuted, and no priority of equals."""
    prompts = ["I love the sea\n", "I would rather not\n", "because the day is long\n"]
    both = [(" Yes", " No"), (" No", " Yes")]
    pairs = tuple(
        Statement(prompt, *answers, line)
        for line, (prompt, answers) in enumerate(((prompt, answers) for prompt in prompts for answers in both), start=1)
    )
    data = PreferenceSet(tuple(Behaviour(name, pairs, f"{name}.jsonl") for name in ("torn", "too")), "persona")

    found = measure(features=extract_features(load_model(built_in_folder), data))

    told = found.behaviours["torn"]
    assert told["contradictory"] == 3
    assert told["mean_shift"] == told["distinguishability"] == told["first_step_accuracy"] == 0
    assert told["first_step_accuracy_bound"] == 0
    assert found.priorities == {"torn|too": None, "too|torn": None}
    assert {claim.verdict for claim in found.claims} <= {Verdict.HELD, Verdict.NOT_APPLICABLE}


def test_first_statements_of_saved_features_count_their_own_contradictions(built_in_folder: Path) -> None:
    """As if only these had been read."""
    answers = [(" Yes", " No"), (" No", " Yes"), (" Yes", " No"), (" No", " Yes")]
    prompts = ["I love it\n", "I love it\n", "I hate it\n", "I hate it\n"]
    data = [Statement(p, *a, line) for line, (p, a) in enumerate(zip(prompts, answers, strict=True), start=1)]

    read = extract_features(
        load_model(built_in_folder), PreferenceSet((Behaviour("torn", tuple(data), "torn.jsonl"),), "persona")
    )

    assert [read.select(None, count).behaviours[0].contradictory for count in (None, 4, 3, 2)] == [2, 2, 1, 1]


def test_one_behaviour_has_no_priorities(measured: Measurement) -> None:
    """What speaks of several is not applicable, with its reason."""
    alone = measure(features=measured.features, behaviours=NAMES[:1])

    assert alone.priorities == {}
    skipped = [claim for claim in alone.claims if claim.verdict is Verdict.NOT_APPLICABLE]
    of_heads = [claim for claim in skipped if "behaviours together" in claim.reason]
    assert {claim.theorem.split(".")[1] for claim in of_heads} == {"priority", "adamw"}
    assert all("; 1 given" in claim.reason for claim in of_heads)
    assert {claim.verdict for claim in alone.claims} == {Verdict.HELD, Verdict.NOT_APPLICABLE}


def test_features_of_zero_are_refused(measured: Measurement) -> None:
    """Nothing can be learned from them."""
    with pytest.raises(InputError, match="all features of 'nothing' are 0; nothing can be learned"):
        measure(features=features_of(measured.features, ("nothing", [[0.0, 0.0]] * 4, [1, -1, 1, -1])))


@pytest.mark.parametrize("scale", [1e-170, 1e170])
def test_features_of_absurd_size_are_refused(measured: Measurement, scale: float) -> None:
    """Squares that leave the range of float64 must not end in a traceback or a refutation."""
    x = [[scale, 2 * scale], [2 * scale, scale], [scale, 3 * scale], [3 * scale, scale]]

    with pytest.raises(InputError, match=r"the largest feature of 'absurd' is 3e.170; expected between 1.2e-38"):
        measure(features=features_of(measured.features, ("absurd", x, [1, -1, 1, -1])))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"beta": 0.0}, "beta is 0.0; expected a positive number"),
        ({"beta": float("nan")}, "beta is nan; expected a positive number"),
        ({"steps": 0}, "steps is 0; expected at least 1"),
        ({"batch_size": 0}, "batch size is 0; expected at least 1"),
        ({"max_statements": 1}, "1 statements a behaviour were asked for; at least 2 are needed"),
        ({"max_statements": 0}, "0 statements a behaviour were asked for; at least 2 are needed"),
        ({"behaviours": ["loves-the-see"]}, "unknown behaviour 'loves-the-see'; did you mean 'loves-the-sea'"),
        ({"model": "./somewhere"}, "a model was given without preferences"),
        ({"dtype": "int4"}, "unknown dtype 'int4'"),
    ],
)
def test_bad_arguments_are_refused(given: dict[str, Any], message: str) -> None:
    """Before any model is read."""
    with pytest.raises(InputError, match=message):
        measure(**given)


def test_bad_selections_of_saved_features_are_refused(measured: Measurement) -> None:
    """With the words of a fresh measurement."""
    with pytest.raises(UnknownNameError, match="unknown behaviour 'x'"):
        measure(features=measured.features, behaviours=["x"])
    for count in (1, 0, -3):
        with pytest.raises(InputError, match=f"max statements is {count}; a behaviour needs at least 2"):
            measure(features=measured.features, max_statements=count)


def test_built_in_model_reads_a_users_statements(statements: Path, own_cache_of_the_session: Path) -> None:
    """Preferences without a model are measured on the built-in one."""
    found = extract(None, statements, behaviours=NAMES[:1], max_statements=4)

    assert (found.model, found.behaviours[0].name, len(found.behaviours[0].signs)) == ("alignprops-tiny", NAMES[0], 4)
    assert found.behaviours[0].source == str(statements / "loves-the-sea.jsonl")


def test_hub_id_and_folder_name_the_model(save_model: Callable[..., Path]) -> None:
    """Subject ids are known before the model is read."""
    assert model_name(None) == "alignprops-tiny"
    assert model_name(save_model("gpt2")) == "tiny-gpt2"
    assert model_name("hf:owner/name") == "owner/name"
