"""Honest references hold at every seed; for many more of them see `python -m benchmarks.seeds`."""

from __future__ import annotations

import pytest

from alignprops.engine import evaluate
from alignprops.registry import find_theorems
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject, references_for
from alignprops.theorems import Theorem

CLAIMS = {
    f"{theorem.id}::{subject.id}": (theorem, subject)
    for theorem in find_theorems()
    for subject in references_for(theorem)
}


@pytest.mark.parametrize("seed", [101, 102])
@pytest.mark.parametrize(("theorem", "subject"), CLAIMS.values(), ids=CLAIMS)
def test_an_honest_claim_holds(theorem: Theorem, subject: Subject, seed: int) -> None:
    """Neither refuted, nor vacuous, nor an error; proved where a proof concludes the statement."""
    result = evaluate(theorem, subject, Settings(max_examples=20, seed=seed))

    concluded = any(proof.concludes == "statement" for proof in theorem.proofs)
    assert result.verdict is (Verdict.PROVED if concluded else Verdict.HELD), result.reason
