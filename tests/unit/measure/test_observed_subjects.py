"""A model as a subject: its ids, what it gives a theorem, and that a wrong engine on it is refuted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alignprops import Verdict, evaluate, find_theorem, find_theorems
from alignprops.losses import PAIRWISE_LOSSES
from alignprops.measurement import Measurement, observed_head
from alignprops.models.feature_file import PreferenceFeatures
from alignprops.subjects import observed as observed_module
from alignprops.subjects.last_layer import COUNTERFEITS
from alignprops.subjects.observed import ObservedHead


def heads(features: PreferenceFeatures, **changes: Any) -> ObservedHead:
    """The runs on features, with the usual β and steps."""
    return ObservedHead.of(features, beta=0.1, steps=20, **changes)


def named(*names: str) -> list[str]:
    """The ids of the subjects of behaviours of these names; nothing is loaded for them."""

    def load() -> PreferenceFeatures:
        raise AssertionError("ids need no features")

    return [subject.id for subject in ObservedHead("m", names, load).subjects() if subject.kind == "last-layer"]


def test_ids_are_model_and_behaviour() -> None:
    """And one more for all together, if there are several."""
    assert named("a") == ["m/a"]
    assert named("a", "b") == ["m/a", "m/b", "m/all"]


@pytest.mark.parametrize("names", [("all", "b"), ("b", "all", "all-2"), ("all-2", "b", "all")])
def test_a_behaviour_may_be_called_all(names: tuple[str, ...]) -> None:
    """The joint subject gives way."""
    ids = named(*names)

    assert len(set(ids)) == len(ids) == len(names) + 1
    assert ids[: len(names)] == [f"m/{name}" for name in names]


def test_names_of_files_cannot_break_a_claim_id(tmp_path: Path) -> None:
    """A claim id splits at its first '::'."""
    from persona_files import write_persona

    from alignprops.data import generate_preferences

    folder = write_persona(tmp_path, generate_preferences(statements=4, behaviours=["seeks-quiet"]))
    (folder / "seeks-quiet.jsonl").rename(folder / "a::b, c.jsonl")

    subject, *others = observed_head(None, [folder], dtype="float32", device="cpu").subjects()

    assert subject.id == "alignprops-tiny/a-b-c"
    convex = [other.id for other in others if other.kind == "convex-head"]
    assert convex == [f"alignprops-tiny/a-b-c/{loss}" for loss in PAIRWISE_LOSSES]


def test_every_loss_is_observed_on_all_behaviours_together(measured: Measurement) -> None:
    """One subject a loss; what speaks of one loss is asked of that one alone, and every claim that applies holds."""
    theorems = [theorem for theorem in find_theorems() if theorem.kind == "convex-head"]
    asked = {
        subject.id.removeprefix("alignprops-tiny/all/"): [t.id.split(".")[-1] for t in theorems if subject.speaks_of(t)]
        for subject in heads(measured.features).subjects()
        if subject.kind == "convex-head"
    }
    claims = [claim for claim in measured.claims if claim.theorem in {theorem.id for theorem in theorems}]

    assert set(asked) == set(PAIRWISE_LOSSES)
    assert [loss for loss, names in asked.items() if "quadratic" in names] == ["ipo"]
    assert not any("hinge-flow" in names or "layer-step" in names for names in asked.values())
    assert sum(map(len, asked.values())) == len(claims)
    told = {claim.subject.rpartition("/")[2] for claim in claims if claim.verdict is Verdict.NOT_APPLICABLE}
    assert told == {"hinge", "exponential", "robust"}
    assert {claim.verdict for claim in claims} == {Verdict.HELD, Verdict.NOT_APPLICABLE}


def test_a_model_is_read_once_and_only_when_asked(measured: Measurement) -> None:
    """A collection names subjects; the first claim reads."""
    loads: list[int] = []

    def load() -> PreferenceFeatures:
        loads.append(1)
        return measured.features

    names = tuple(behaviour.name for behaviour in measured.features.behaviours)
    subjects = ObservedHead("m", names, load).subjects()
    assert loads == []
    for subject in subjects[:3]:
        evaluate(find_theorem("learning-dynamics.initial-rate"), subject)
    assert loads == [1]


#: Every observed statement counts once: only toys have multiplicities.
UNSEEN = {"ignores-multiplicity"}


@pytest.mark.parametrize("name", COUNTERFEITS)
def test_a_counterfeit_engine_is_refuted_on_the_observed_problem(measured: Measurement, name: str) -> None:
    """Each of the wrong engines, on the model's own features; with a witness that holds the run's problem."""
    subject = heads(measured.features).subjects()[0]
    wrong = replace(subject, get=lambda: COUNTERFEITS[name])
    theorems = [theorem for theorem in find_theorems() if theorem.kind == "last-layer" and theorem.counterfeits]

    results = [evaluate(theorem, wrong) for theorem in theorems]

    refuted = [result for result in results if result.verdict is Verdict.REFUTED]
    if name in UNSEEN:
        assert not refuted
        return
    assert refuted, [f"{result.id} {result.verdict} {result.reason}" for result in results]
    assert refuted[0].witness is not None
    assert "refuted on the observed run" in refuted[0].reason


def test_a_head_too_large_for_autograd_is_told(measured: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not applicable with its size, not an hour of work."""
    monkeypatch.setattr(observed_module, "AUTOGRAD_NUMBERS", 1000)

    result = evaluate(find_theorem("learning-dynamics.reduction"), heads(measured.features).subjects()[0])

    assert (result.verdict, result.reason) == (
        Verdict.NOT_APPLICABLE,
        "a head of 704 × 48 is too large for plain autograd training",
    )


def test_a_premise_that_the_run_does_not_meet_is_told(measured: Measurement) -> None:
    """A step size beyond the limit of (S): the bounds say nothing, the identities still hold."""
    head = replace(heads(measured.features), rate=40.0)
    subject = head.subjects()[0]

    bound = evaluate(find_theorem("learning-dynamics.accuracy.certificate"), subject)
    identity = evaluate(find_theorem("learning-dynamics.initial-rate"), subject)

    assert bound.verdict is Verdict.NOT_APPLICABLE
    assert bound.reason.startswith("premise not met on this run: ")
    assert identity.verdict is Verdict.HELD
