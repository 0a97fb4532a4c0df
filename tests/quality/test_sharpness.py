"""A constant that is 5 % off is found out, in every relation of every theorem; what is not that sharp is listed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import sympy as sp
from sharpened import constants, whole

from alignprops.dynamics.bounds import kappa
from alignprops.dynamics.notation import curvature_along_shift, mean_shift
from alignprops.engine import attack_mutants
from alignprops.registry import find_theorems
from alignprops.settings import Settings
from alignprops.theorems import Mutant, Theorem
from property_suites.learning_dynamics.batch_noise import excess, noise, strength
from property_suites.learning_dynamics.reduction import margin
from property_suites.learning_dynamics.specimens import slight_turn

THEOREMS = {theorem.id: theorem for theorem in find_theorems()}
FEW = Settings(mutant_examples=300)

#: Relations that state a sign, or that something vanishes: there is no constant to get wrong.
SIGNS = {
    ("learning-dynamics.reduction", "the sum of the two rows stays"),
    ("learning-dynamics.reduction", "no other row moves"),
    ("learning-dynamics.update-rate.lower-bound", "never overshoots"),
    ("learning-dynamics.priority.horizon", "the order persists"),
    ("learning-dynamics.distinguishability-rises", "rises"),
    ("learning-dynamics.distinguishability-rises", "falls"),
}


@dataclass(frozen=True)
class Blunt:
    """A constant that may be 5 % off unnoticed: the factor at which it is found out (None: never), and the reason."""

    theorem: str
    relation: str
    product: sp.Expr
    found_out_at: sp.Rational | None
    reason: str


DIRECTION = "learning-dynamics.update-rate.direction"
ROOT = sp.sqrt(2 * kappa(curvature_along_shift) / 3)
BLUNT = (
    Blunt(DIRECTION, "deviation", ROOT, sp.Rational(4, 5), "three steps of a quadratic loss reach √(2/3) of it"),
    Blunt(DIRECTION, "angle", ROOT, sp.Rational(4, 5), "the same deviation"),
    Blunt(
        DIRECTION,
        "angle, from the share",
        -kappa(curvature_along_shift),
        sp.Rational(1, 5),
        "1 − cos is κ/4 in two small steps: its order is right, its constant is not the best",
    ),
    Blunt("learning-dynamics.secant-form", "χ at most ¼", margin / 2, None, "χ ≤ ¼ whatever its argument"),
    Blunt(
        "learning-dynamics.minibatch.expected-drift",
        "mean drift",
        noise,
        None,
        "where z̄ = 0 only skewed samples drift, by a share of the bound; without the noise it is refuted",
    ),
    *(
        Blunt("learning-dynamics.minibatch.noise-growth", "statement", product, None, "Young's inequality, worst case")
        for product in (excess, excess * mean_shift**2, -strength, sp.Integer(2))
    ),
)


def survivors(theorem: Theorem, edits: dict[str, Mutant], **changes: Any) -> list[str]:
    """The edited relations that the honest subject does not refute."""
    result = attack_mutants(replace(theorem, mutants=edits, **changes), FEW)
    assert len(result.mutants) == len(edits)
    return [mutant["name"] for mutant in result.mutants if not mutant["killed"]]


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_relation_is_refuted_once_it_is_five_percent_sharper(theorem: Theorem) -> None:
    """The whole bound, and an identity both ways; the relations without a constant are those that state a sign."""
    edits = {
        f"{name}: {edit}": Mutant(states={name: edit})
        for name, relation in theorem.states.items()
        for edit in whole(relation)
    }
    untouched = {(theorem.id, name) for name, relation in theorem.states.items() if not whole(relation)}

    assert untouched == {sign for sign in SIGNS if sign[0] == theorem.id}
    assert survivors(theorem, edits) == []


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_constant_inside_a_relation_is_sharp_to_five_percent(theorem: Theorem) -> None:
    """Every term of a sum and every argument of a function, in the direction that sharpens; both in an identity."""
    listed = {(entry.relation, entry.product) for entry in BLUNT if entry.theorem == theorem.id}
    edits: dict[str, Mutant] = {}
    unrefuted: dict[str, list[str]] = {}  # per constant, the names of its edits
    seen = set()
    for name, relation in theorem.states.items():
        for product, sharper in constants(relation):
            seen.add((name, product))
            if (name, product) not in listed:
                names = [f"{name}: {edit}" for edit in sharper]
                edits |= {key: Mutant(states={name: edit}) for key, edit in zip(names, sharper, strict=True)}
                # Of an inequality one of the two is weaker, where it cannot be told which beforehand.
                constant = [[key] for key in names] if isinstance(relation, sp.Eq) else [names]
                unrefuted |= {f"{product} in {group}": group for group in constant}
    alive = set(survivors(theorem, edits)) if edits else set()

    assert [constant for constant, group in unrefuted.items() if alive.issuperset(group)] == []
    assert listed <= seen


@pytest.mark.parametrize("blunt", [entry for entry in BLUNT if entry.found_out_at], ids=lambda entry: entry.relation)
def test_a_constant_that_is_not_sharp_is_found_out_at_its_listed_factor(blunt: Blunt) -> None:
    """So that the list says how far from the best each constant is."""
    theorem = THEOREMS[blunt.theorem]
    edit = theorem.states[blunt.relation].xreplace({blunt.product: blunt.found_out_at * blunt.product})
    mutant = {blunt.reason: Mutant(states={blunt.relation: edit})}
    examples = {"two steps": slight_turn(), "three steps": slight_turn().with_steps(3)}

    assert survivors(theorem, mutant, examples=examples) == []
