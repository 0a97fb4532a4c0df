"""The suite `advantages` is complete, and every theorem says what it is a case of."""

from __future__ import annotations

import pytest

from alignprops.registry import load_suites
from alignprops.theorems import Theorem, mutant_states

#: The theorems, and the properties that they are cases of.
CODES = {
    "reference": ("REF", "ADV", "LIVE"),
    "lambda": ("ADV",),
    "group-sums": ("ADV",),
    "equivariance": ("PART", "ADV"),
    "padding": ("PAD", "ADV"),
    "finite": ("EXT", "ADV"),
    "purity": ("PURE",),
    "options": ("LIVE",),
    "spellings": ("LIVE",),
    "single": ("EXT", "ADV"),
}
THEOREMS = {theorem.id.removeprefix("advantages."): theorem for theorem in load_suites()["advantages"].theorems}


def test_the_suite_has_exactly_these_theorems() -> None:
    """Ids are a contract: reports, expectations and selections are keyed by them."""
    assert {aspect: theorem.codes for aspect, theorem in THEOREMS.items()} == CODES


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_relation_has_a_mutant_or_shares_one(theorem: Theorem) -> None:
    """A relation that no mutant stands under could be emptied unnoticed."""
    broken = {name for mutant in theorem.mutants.values() for name in mutant_states(theorem, mutant)}

    assert broken == set(theorem.states)
    assert bool(theorem.proofs) != bool(theorem.no_proof)
