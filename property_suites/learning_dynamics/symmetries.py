"""What the margins of a run do not depend on: metamorphic relations that a wrong optimiser breaks (LD-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.atoms import sigmoid
from alignprops.dynamics.notation import beta, eta
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.transformations import (
    duplicated,
    duplicated_first,
    flipped,
    reflected,
    rescaled_features,
    rescaled_strength,
    resigned,
    reversed_rows,
    sheared,
    with_eta,
)
from alignprops.quantity import real
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li

Train = Any
Values = Mapping[Symbol, Any]

margins = real("margins", "m_i(t)")
other_margins = real("other_margins", "m'_i(t)")
wrong_margins = real("wrong_margins", r"\tilde m_i(t)")
resigned_margins = real("resigned_margins", r"m''_i(t)")
reordered = real("reordered_margins", r"m_{\pi(i)}(t)")
update = real("update", "u_t")
flipped_update = real("flipped_update", "u'_t")
#: One step in the coordinates of a single sample: ⟨z, z⟩, the margin before.
gram = real("gram", r"\langle z, z'\rangle")
margin = real("margin", "m")


def next_margin(rate: Any, temperature: Any, product: Any) -> Any:
    """How one sample's pull moves another's margin in a step: 2ηβ²σ(−m)⟨z, z'⟩."""  # LD-1
    return margin + 2 * rate * temperature**2 * sigmoid(-margin) * product


@theorem(
    "learning-dynamics.symmetry.step-strength",
    states=Eq(margins, other_margins),
    source=im_li("Section 3"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={"only ηβ matters": Eq(margins, wrong_margins)},
    counterfeits=True,
)
def step_strength(train: Train, problem: HeadProblem) -> Values:
    """Margins depend on η and β only through ηβ²: three times β and a ninth of η change nothing (LD-12a)."""
    return {
        margins: train(problem).margins,
        other_margins: train(rescaled_strength(problem, 3, 9)).margins,
        wrong_margins: train(rescaled_strength(problem, 3, 3)).margins,
    }


@step_strength.proof(
    "the recursion of the margins", domain="one step, any Gram entry; then by induction on t", lemma=True
)
def _() -> Any:
    return Eq(next_margin(eta, beta, gram), next_margin(eta / 9, 3 * beta, gram), evaluate=False)


@theorem(
    "learning-dynamics.symmetry.label-flip",
    states={"margins stay": Eq(margins, other_margins), "u changes sign": Eq(flipped_update, -update)},
    source=im_li("Section 3"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "margins change sign": {"margins stay": Eq(other_margins, -margins)},
        "u stays": {"u changes sign": Eq(flipped_update, update)},
    },
    counterfeits=True,
)
def label_flip(train: Train, problem: HeadProblem) -> Values:
    """Flipping all labels turns the head around: u changes sign, the margins stay (LD-12b)."""
    run, other = train(problem), train(flipped(problem))
    return {
        margins: run.margins,
        other_margins: other.margins,
        update: run.entries,
        flipped_update: other.entries,
    }


@label_flip.proof("z → −z", domain="one step, any Gram entry: ⟨−z, −z'⟩ = ⟨z, z'⟩; then by induction on t", lemma=True)
def _() -> Any:
    z, other = real("z", "z"), real("w", "z'")
    return Eq(next_margin(eta, beta, (-z) * (-other)), next_margin(eta, beta, z * other), evaluate=False)


@theorem(
    "learning-dynamics.symmetry.rotation",
    states={"rotated": Eq(margins, other_margins), "signs moved into the features": Eq(margins, resigned_margins)},
    source=im_li("Section 3"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "sheared": {"rotated": Eq(margins, wrong_margins)},
        "margins change sign with the features": {"signs moved into the features": Eq(resigned_margins, -margins)},
    },
    counterfeits=True,
)
def rotation(train: Train, problem: HeadProblem) -> Values:
    """Margins see the data only through the signed Gram matrix: rotations and joint sign changes keep them (LD-12c)."""
    return {
        margins: train(problem).margins,
        other_margins: train(reflected(problem)).margins,
        resigned_margins: train(resigned(problem)).margins,
        wrong_margins: train(sheared(problem)).margins,
    }


@rotation.proof("a reflection keeps inner products", domain="two dimensions, any mirror (p, q) ≠ 0", lemma=True)
def _() -> Any:
    a, b, c, d = (real(name, name) for name in "abcd")
    p, q = real("p", "p"), real("q", "q")
    size = p**2 + q**2

    def mirror(x: Any, y: Any) -> tuple[Any, Any]:
        along = 2 * (p * x + q * y) / size
        return x - along * p, y - along * q

    (one, two), (three, four) = mirror(a, b), mirror(c, d)
    return Eq(one * three + two * four, a * c + b * d, evaluate=False)


@theorem(
    "learning-dynamics.symmetry.duplication",
    states={"permuted": Eq(margins, reordered), "duplicated": Eq(margins, other_margins)},
    source=im_li("Section 3"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={
        "one sample duplicated": {"duplicated": Eq(margins, wrong_margins)},
        "permuted, and one sample duplicated": {"permuted": Eq(reordered, wrong_margins)},
    },
    counterfeits=True,
)
def duplication(train: Train, problem: HeadProblem) -> Values:
    """Permuting the samples, or duplicating every sample equally often, changes nothing (LD-12d)."""
    return {
        margins: train(problem).margins,
        reordered: train(reversed_rows(problem)).margins[:, ::-1],
        other_margins: train(duplicated(problem, 3)).margins[:, : problem.n],
        wrong_margins: train(duplicated_first(problem)).margins,
    }


@duplication.proof("a mean over copies", domain="two samples, k copies each", lemma=True)
def _() -> Any:
    a, b = real("a", "a"), real("b", "b")
    copies = Symbol("k", positive=True, integer=True)
    return Eq((copies * a + copies * b) / (2 * copies), (a + b) / 2, evaluate=False)


@theorem(
    "learning-dynamics.symmetry.feature-scale",
    states=Eq(margins, other_margins),
    source=im_li("Section 3"),
    on=head_problems(step_size="S4"),
    rounding=ROUNDING,
    mutants={"η → aη": Eq(margins, wrong_margins)},
    counterfeits=True,
)
def feature_scale(train: Train, problem: HeadProblem) -> Values:
    """Scaling the features by a is scaling the step size by a²: x → 3x, η → η/9 changes no margin (LD-12e)."""
    larger = rescaled_features(problem, 3)
    return {
        margins: train(problem).margins,
        other_margins: train(with_eta(larger, problem.eta / 9)).margins,
        wrong_margins: train(with_eta(larger, problem.eta / 3)).margins,
    }


@feature_scale.proof(
    "the recursion of the margins", domain="one step, any Gram entry; then by induction on t", lemma=True
)
def _() -> Any:
    return Eq(next_margin(eta, beta, gram), next_margin(eta / 9, beta, 9 * gram), evaluate=False)
