"""Honest references hold at every seed; for many more of them see `python -m benchmarks.seeds`."""

from __future__ import annotations

import pytest

from alignprops.engine import evaluate
from alignprops.evidence.sampled import sample
from alignprops.registry import find_theorems
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject, references_for
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Theorem

CLAIMS = {
    f"{theorem.id}::{subject.id}": (theorem, subject)
    for theorem in find_theorems()
    for subject in references_for(theorem)
}
#: Of theorems about engines and models, each at seeds of its own.
ENGINES = {name: claim for name, claim in CLAIMS.items() if claim[0].kind not in HOST_KINDS}
#: References of host code are many: each claim a few instances, at a seed of its own.
HOST_CODE = {name: claim for name, claim in CLAIMS.items() if claim[0].kind in HOST_KINDS}


@pytest.mark.parametrize("seed", [101, 102])
@pytest.mark.parametrize(("theorem", "subject"), ENGINES.values(), ids=ENGINES)
def test_an_honest_claim_holds(theorem: Theorem, subject: Subject, seed: int) -> None:
    """Neither refuted, nor vacuous, nor an error; proved where a proof concludes the statement."""
    result = evaluate(theorem, subject, Settings(max_examples=20, seed=seed))

    concluded = any(proof.concludes == "statement" for proof in theorem.proofs)
    assert result.verdict is (Verdict.PROVED if concluded else Verdict.HELD), result.reason


@pytest.mark.parametrize("number", range(len(HOST_CODE)), ids=HOST_CODE)
def test_an_honest_reference_survives(number: int) -> None:
    """Hundreds of seeds in all: a few instances of every theorem on every reference, in whatever dtype they come."""
    theorem, subject = list(HOST_CODE.values())[number]
    settings = Settings(max_examples=round(2 / theorem.effort), seed=1000 + number)
    tally = sample(theorem, subject.get(), exact=False, name=theorem.id, settings=settings, explicit=False)

    assert tally.smallest_failure is None, tally.broken
    assert tally.too_small is None
