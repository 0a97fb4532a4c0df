"""A constant that is 5 % off is found out, in every relation of every theorem; what is not that sharp is listed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import sympy as sp
from sharpened import constants, whole
from sympy.core.relational import Relational

from alignprops.dynamics.bounds import kappa
from alignprops.dynamics.convex_bounds import kappa as convex_kappa
from alignprops.dynamics.notation import beta, curvature_along_shift, eta, mean_shift, t
from alignprops.engine import attack_mutants
from alignprops.registry import find_theorems
from alignprops.settings import Settings
from alignprops.subjects.kinds import HOST_KINDS
from alignprops.theorems import Mutant, Theorem
from property_suites.learning_dynamics.batch_noise import excess, noise, strength
from property_suites.learning_dynamics.first_step import drop_wobble, margin_wobble
from property_suites.learning_dynamics.generalisation import delta, epsilon, gap, stability
from property_suites.learning_dynamics.reduction import margin
from property_suites.learning_dynamics.remainder import bend as turning
from property_suites.learning_dynamics.remainder import c as cubic
from property_suites.learning_dynamics.remainder import curvature as feature_curvature
from property_suites.learning_dynamics.remainder import mean_feature, mean_smoothness
from property_suites.learning_dynamics.specimens import slight_turn

#: What only compares host code with a formula has no constant of its own: its mutants are 5 % off already.
COMPARISONS = {t.id for t in find_theorems() if t.kind in HOST_KINDS and t.no_proof is not None}
THEOREMS = {theorem.id: theorem for theorem in find_theorems() if theorem.id not in COMPARISONS}
#: Constants inside a relation are searched where they are ours; those about host code are the papers'.
ABOUT_ENGINES = {name: theorem for name, theorem in THEOREMS.items() if theorem.kind not in HOST_KINDS}
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
    product: sp.Expr  # for a whole relation, its smaller side
    found_out_at: sp.Expr | None
    reason: str


FIRST_STEP = "learning-dynamics.first-step"
RUN_REMAINDER = "learning-dynamics.remainder.run"
MEAN_SHIFT = "learning-dynamics.generalisation.mean-shift"
STABILITY = "learning-dynamics.generalisation.stability"
PARABOLA = "a slope that bends like a parabola leaves 4/9 of its wobble"
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
    Blunt(
        "learning-dynamics.convex-loss.direction",
        "deviation",
        sp.sqrt(2 * convex_kappa(curvature_along_shift) / 3),
        sp.Rational(4, 5),
        "three steps of a quadratic loss reach √(2/3) of it",
    ),
    Blunt(FIRST_STEP, "mean margin", margin_wobble / 2, sp.Rational(2, 5), PARABOLA),
    Blunt(FIRST_STEP, "what the margin's first order leaves over", -margin_wobble / 2, sp.Rational(2, 5), PARABOLA),
    Blunt(FIRST_STEP, "loss", drop_wobble / 2, sp.Rational(2, 5), PARABOLA),
    Blunt(FIRST_STEP, "what the loss's first order leaves over", -drop_wobble / 2, sp.Rational(2, 5), PARABOLA),
    *(
        Blunt(FIRST_STEP, name, sign * wobble, None, "the halves of a step do not wobble to opposite sides at once")
        for name, wobble in (
            ("its remainder shrinks quadratically", margin_wobble),
            ("the loss's remainder shrinks quadratically", drop_wobble),
        )
        for sign in (1, -1)
    ),
    Blunt(
        RUN_REMAINDER,
        "statement",
        beta * mean_smoothness,
        sp.Rational(9, 20),
        "it weighs gradients that turn with 1; they weigh σ(−βh) each, which is ½ as long as margins are small",
    ),
    Blunt(
        RUN_REMAINDER,
        "statement",
        beta**2 * feature_curvature / 4,
        sp.Rational(19, 20),
        "sharp in the numerator; for the denominator see x",
    ),
    Blunt(
        RUN_REMAINDER,
        "statement",
        -eta * t * turning,
        None,
        "x in 2 − x: the induction takes every step to be as far from the line as the last may be",
    ),
    Blunt(
        RUN_REMAINDER,
        "statement",
        cubic * eta * beta * t * mean_feature,
        None,
        "of third order in the step; not seen while x ≤ 1 keeps the step small",
    ),
    Blunt(MEAN_SHIFT, "McDiarmid", 1 - delta, sp.Rational(7, 5), "a worst-case inequality: ten signs of twelve agree"),
    Blunt(MEAN_SHIFT, "McDiarmid", -delta, sp.Rational(1, 2), "a worst-case inequality: one draw a class, δ = 0.92"),
    *(
        Blunt(
            f"learning-dynamics.generalisation.{name}",
            relation,
            epsilon,
            None,
            "z̄ cannot drift against μ_s, which costs the numerator ε‖μ_s‖, and along z*, which costs ‖z*‖ + ε, at once",
        )
        for name, relation in (("margin", "normalised margin"), ("fresh-sample", "statement"))
    ),
    Blunt(STABILITY, "gap", gap, sp.Integer(9), "the largest ratio known is 1/8"),
    Blunt(STABILITY, "against a comparator", stability, sp.Rational(1, 20), "the gap, at half the step size"),
)


def smaller_side(relation: Relational) -> sp.Expr | None:
    """What a whole relation is sharpened by; an identity has none."""
    return None if isinstance(relation, sp.Eq) else relation.lts


def survivors(theorem: Theorem, edits: dict[str, Mutant]) -> list[str]:
    """The edited relations that the honest subject does not refute."""
    result = attack_mutants(replace(theorem, mutants=edits), FEW)
    assert len(result.mutants) == len(edits)
    return [mutant["name"] for mutant in result.mutants if not mutant["killed"]]


@pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)
def test_every_relation_is_refuted_once_it_is_five_percent_sharper(theorem: Theorem) -> None:
    """The whole bound, and an identity both ways; the relations without a constant are those that state a sign."""
    listed = {(entry.relation, entry.product) for entry in BLUNT if entry.theorem == theorem.id}
    edits = {
        f"{name}: {edit}": Mutant(states={name: edit})
        for name, relation in theorem.states.items()
        if (name, smaller_side(relation)) not in listed
        for edit in whole(relation)
    }
    untouched = {(theorem.id, name) for name, relation in theorem.states.items() if not whole(relation)}

    if theorem.kind not in HOST_KINDS:  # of host code it is often counts that vanish
        assert untouched == {sign for sign in SIGNS if sign[0] == theorem.id}
    assert not edits or survivors(theorem, edits) == []


@pytest.mark.parametrize("theorem", ABOUT_ENGINES.values(), ids=ABOUT_ENGINES)
def test_every_constant_inside_a_relation_is_sharp_to_five_percent(theorem: Theorem) -> None:
    """Every term of a sum and every argument of a function, in the direction that sharpens; both in an identity."""
    listed = {(entry.relation, entry.product) for entry in BLUNT if entry.theorem == theorem.id}
    edits: dict[str, Mutant] = {}
    unrefuted: dict[str, list[str]] = {}  # per constant, the names of its edits
    seen = {(name, smaller_side(relation)) for name, relation in theorem.states.items()}
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
    if blunt.theorem == DIRECTION:
        theorem = replace(theorem, examples={"two steps": slight_turn(), "three steps": slight_turn().with_steps(3)})
    edit = theorem.states[blunt.relation].xreplace({blunt.product: blunt.found_out_at * blunt.product})

    assert survivors(theorem, {blunt.reason: Mutant(states={blunt.relation: edit})}) == []
