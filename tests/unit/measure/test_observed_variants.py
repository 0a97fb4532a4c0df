"""A model's head in mini-batches, by gradient flow, by AdamW and with weight decay: what theorems are asked of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alignprops import Verdict, evaluate, find_theorem, find_theorems
from alignprops.dynamics.starting_head import StartingHead
from alignprops.measurement import Measurement
from alignprops.subjects import Subject, kind_named
from alignprops.subjects.adamw import torch_adamw
from alignprops.subjects.observed import ObservedHead
from alignprops.subjects.observed_variants import LARGEST_BATCH

KINDS = ("mini-batch", "gradient-flow", "adamw", "weight-decay")


def subject_of(measured: Measurement, kind: str, *, behaviour: int = 0) -> Subject:
    """The subject of a kind for one behaviour of the built-in model."""
    head = ObservedHead.of(measured.features, beta=0.1, steps=20)
    return [subject for subject in head.subjects() if subject.kind == kind][behaviour]


def instance_of(measured: Measurement, theorem_id: str) -> Any:
    """What the first behaviour's subject gives a theorem."""
    theorem = find_theorem(f"learning-dynamics.{theorem_id}")
    observed = subject_of(measured, theorem.kind).observed
    assert observed is not None
    return observed(theorem)


@pytest.mark.parametrize("kind", KINDS)
def test_every_theorem_of_the_kind_holds_on_every_behaviour(measured: Measurement, kind: str) -> None:
    """One claim for each, and none that does not apply."""
    theorems = {theorem.id for theorem in find_theorems() if theorem.kind == kind}
    claims = [claim for claim in measured.claims if claim.theorem in theorems]

    assert theorems
    assert len(claims) == len(theorems) * len(measured.observed.names)
    assert {claim.verdict for claim in claims} == {Verdict.HELD}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in kind_named(kind).counterfeits], ids=lambda part: part
)
def test_a_wrong_engine_is_refuted_on_the_observed_problem(measured: Measurement, kind: str, name: str) -> None:
    """On the model's own features and unembedding, by some theorem of its kind."""
    counterfeit = kind_named(kind).counterfeits[name].get()
    wrong = replace(subject_of(measured, kind), get=lambda: counterfeit)

    results = [evaluate(theorem, wrong) for theorem in find_theorems() if theorem.kind == kind]

    assert Verdict.REFUTED in {result.verdict for result in results}, [result.reason for result in results]


def test_policy_accuracy_is_that_of_the_models_own_head(measured: Measurement) -> None:
    """w0 is the difference of the two answers' rows of the unembedding."""
    head = instance_of(measured, "policy-accuracy.second-moment")
    features = measured.features
    rows = features.unembedding.astype(np.float64)

    assert isinstance(head, StartingHead)
    assert np.array_equal(head.start, rows[features.positive] - rows[features.negative])


def test_the_order_of_batches_makes_whole_epochs(measured: Measurement) -> None:
    """The batch size divides the number of statements; every epoch visits each once."""
    made = instance_of(measured, "minibatch.epoch")

    assert made.problem.n % made.size == 0
    assert 2 <= made.size <= LARGEST_BATCH
    assert (made.visit_spread == 0).sum() == made.steps * made.size // made.problem.n
    assert float(made.problem.eta * made.problem.beta**2 * made.curvature.value) == pytest.approx(1, rel=1e-9)


def test_adamw_is_torchs_own_on_the_rows_of_the_model(measured: Measurement) -> None:
    """The answers first, without decay and ε where the premises say so."""
    subject, features = subject_of(measured, "adamw"), measured.features
    first, order = (instance_of(measured, f"adamw.{name}") for name in ("first-step", "priority"))

    assert subject.get() is torch_adamw
    assert np.array_equal(first.head[:2], features.unembedding[[features.positive, features.negative]])
    assert (first.decay, first.epsilon) == (0.01, 1e-8)
    assert (order.decay, order.epsilon) == (0.0, 0.0)
    assert order.problem.behaviour_count == 2
