"""Wrong versions of the statements die at every seed, and bounds that are declared sharp are."""

from __future__ import annotations

import pytest

from alignprops.config import resolve
from alignprops.engine import attack_mutants
from alignprops.evidence.sampled import check_instance
from alignprops.registry import find_theorems
from alignprops.results import Verdict
from alignprops.settings import Settings
from alignprops.subjects import references_for
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Theorem

THEOREMS = {theorem.id: theorem for theorem in find_theorems()}
TIGHT = [(theorem.id, name) for theorem in THEOREMS.values() for name in theorem.tight]


#: What only compares host code with a formula dies on its explicit instances, whatever the seed.
SEEDS = [
    (theorem, seed)
    for theorem in THEOREMS.values()
    for seed in ([0] if theorem.kind in HOST_KINDS and theorem.no_proof is not None else [0, 1, 2, 3])
]


@pytest.mark.parametrize(("theorem", "seed"), SEEDS, ids=lambda part: getattr(part, "id", str(part)))
def test_every_mutant_dies_at_every_seed(theorem: Theorem, seed: int) -> None:
    """Within the budget of profile dev."""
    result = attack_mutants(theorem, resolve({"profile": "dev", "seed": seed}, environment={}).settings)

    assert (result.verdict, result.reason) == (
        Verdict.HELD,
        f"{len(theorem.mutants)} of {len(theorem.mutants)} mutants killed",
    )


@pytest.mark.parametrize(("theorem_id", "name"), TIGHT)
def test_tight_instances_reach_their_ratio(theorem_id: str, name: str) -> None:
    """The instance itself, with nothing else tried."""
    theorem = THEOREMS[theorem_id]
    tight = theorem.tight[name]
    reference = references_for(theorem)[0]

    tally = check_instance(theorem, reference.get(), tight.instance, exact=theorem.exact, settings=Settings())

    assert tally.tightness[tight.of] >= tight.at_least
