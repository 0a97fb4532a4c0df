"""The suite `kl_estimators` is complete, and every theorem says what it is a case of."""

from __future__ import annotations

import pytest

from alignprops.registry import load_suites
from alignprops.theorems import Theorem, mutant_states

#: The theorems, and the properties that they are cases of.
CODES = {
    "reference.value": ("REF", "KL", "LIVE"),
    "reference.gradient": ("REF", "KL", "SGN"),
    "expectation.value": ("KL",),
    "expectation.gradient": ("KL",),
    "nonnegative": ("KL", "EXT"),
    "finite": ("EXT",),
    "padding": ("PAD",),
    "purity": ("PURE",),
    "reported": ("MET",),
    "names": ("LIVE",),
    "options": ("LIVE",),
    "exchange": ("SYM",),
}
THEOREMS = {theorem.id.removeprefix("kl-estimators."): theorem for theorem in load_suites()["kl_estimators"].theorems}


def test_the_suite_has_exactly_these_theorems() -> None:
    """Ids are a contract: reports, expectations and selections are keyed by them."""
    assert {aspect: theorem.codes for aspect, theorem in THEOREMS.items()} == CODES


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_relation_has_a_mutant_or_shares_one(theorem: Theorem) -> None:
    """A relation that no mutant stands under could be emptied unnoticed."""
    broken = {name for mutant in theorem.mutants.values() for name in mutant_states(theorem, mutant)}

    assert broken == set(theorem.states)
    assert bool(theorem.proofs) != bool(theorem.no_proof)
