"""The suite `policy_losses` is complete, and every theorem says what it is a case of."""

from __future__ import annotations

import pytest

from alignprops.registry import load_suites
from alignprops.theorems import Theorem, mutant_states

#: The theorems, and the properties that they are cases of.
CODES = {
    "batches.length": ("LEN",),
    "batches.partition": ("PART",),
    "batches.purity": ("PURE",),
    "descent": ("SGN",),
    "enumeration.expected-gradient": ("SGN", "LEN", "IS"),
    "enumeration.lower-bound": ("REF", "SGN"),
    "extremes": ("EXT",),
    "metrics.clip-fraction": ("MET",),
    "metrics.policy-kl": ("MET", "KL"),
    "metrics.reference-kl": ("MET", "KL", "PAD"),
    "on-policy": ("IS", "SGN", "MET", "LEN"),
    "options.live": ("LIVE",),
    "options.modes": ("LIVE", "LEN", "REF"),
    "padding.moderate": ("PAD",),
    "padding.non-finite": ("PAD", "EXT"),
    "padding.overflow": ("PAD", "EXT"),
    "reference.gradient": ("REF", "SGN", "KL"),
    "reference.value": ("REF", "LIVE", "LEN", "KL"),
    "surrogate.cut": ("SGN", "MET"),
    "surrogate.dual-bound": ("EXT", "LIVE"),
    "surrogate.pessimism": ("REF", "SGN"),
    "value-clip": ("REF",),
}
THEOREMS = {theorem.id.removeprefix("policy-losses."): theorem for theorem in load_suites()["policy_losses"].theorems}


def test_the_suite_has_exactly_these_theorems() -> None:
    """Ids are a contract: reports, expectations and selections are keyed by them."""
    assert {aspect: theorem.codes for aspect, theorem in THEOREMS.items()} == CODES


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_relation_has_a_mutant_and_every_theorem_a_proof_or_a_reason(theorem: Theorem) -> None:
    """A relation that no mutant stands under could be emptied unnoticed."""
    broken = {name for mutant in theorem.mutants.values() for name in mutant_states(theorem, mutant)}

    assert broken == set(theorem.states)
    assert bool(theorem.proofs) != bool(theorem.no_proof)
