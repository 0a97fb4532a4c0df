"""Why an aligned model is more easily misaligned: training a layer raises distinguishability (LD-13, LD-14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, Le, Lt, Rational, Symbol, sqrt

from alignprops import Mutant, Under, theorem
from alignprops.dynamics.notation import beta, eta
from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.two_layers import two_layer_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li
from property_suites.learning_dynamics.specimens import learned_wrongly, lopsided_classes, unlearning

Step = Any
Values = Mapping[Symbol, Any]

head_norm = nonnegative("head_norm", r"\lVert w\rVert")
input_distinguishability = nonnegative("input_distinguishability", r"\lVert\Delta\rVert")
shift_along_difference = real("shift_along_difference", r"\langle\bar z, \Delta\rangle")
projection = real("projection", r"\langle w, B_0\Delta\rangle")
projection_rise = real("projection_rise", r"\langle w, B_1\Delta\rangle - \langle w, B_0\Delta\rangle")
squared_rise = real("squared_rise", r"\lVert B_1\Delta\rVert^2 - \lVert B_0\Delta\rVert^2")
class_imbalance = nonnegative("class_imbalance", r"|n_+ - n_-|")
before = nonnegative("distinguishability_before", r"\lVert B_0\Delta\rVert")
after = nonnegative("distinguishability_after", r"\lVert B_1\Delta\rVert")
rate_before = nonnegative("flipped_rate_before", r"\lVert\nabla_W L_{\mathrm{flipped}}(B_0)\rVert_F")
rate_after = nonnegative("flipped_rate_after", r"\lVert\nabla_W L_{\mathrm{flipped}}(B_1)\rVert_F")

BALANCED = {"exactly balanced": Eq(class_imbalance, 0)}
#: ⟨w, B_0Δ⟩ above which the features' classes move apart.
turning_point = -eta * beta * head_norm**2 * input_distinguishability**2 / 8


@theorem(
    "learning-dynamics.distinguishability-rises",
    states={
        "any classes": Eq(projection_rise, eta * beta * head_norm**2 * shift_along_difference / 2),
        "projection": Under(BALANCED, Eq(projection_rise, eta * beta * head_norm**2 * input_distinguishability**2 / 4)),
        "distinguishability": Under(
            BALANCED,
            Eq(
                squared_rise,
                eta * beta * input_distinguishability**2 * projection / 2
                + (eta * beta / 4) ** 2 * head_norm**2 * input_distinguishability**4,
            ),
        ),
        "rises": Under(
            {**BALANCED, "the head is not far on the wrong side": Gt(projection, turning_point)}, Ge(squared_rise, 0)
        ),
        "falls": Under(
            {**BALANCED, "the head is far on the wrong side": Lt(projection, turning_point)}, Le(squared_rise, 0)
        ),
    },
    kind="two-layer",
    source=im_li("Section 5"),
    on=st.one_of(
        two_layer_problems(balanced=True),
        two_layer_problems(balanced=False),
        two_layer_problems(balanced=True).map(unlearning),
    ),
    rounding=ROUNDING,
    mutants={
        "balance dropped": {
            "any classes": Eq(projection_rise, eta * beta * head_norm**2 * input_distinguishability**2 / 4)
        },
        "always rises": {"any classes": Ge(projection_rise, 0)},
        "5 % off": {
            "any classes": Eq(
                projection_rise, Rational(19, 20) * eta * beta * head_norm**2 * shift_along_difference / 2
            )
        },
        "Δ for z̄": {"projection": Eq(projection_rise, eta * beta * head_norm**2 * input_distinguishability**2 / 2)},
        "rises and falls exchanged": {"rises": Le(squared_rise, 0), "falls": Ge(squared_rise, 0)},
        "the quadratic term forgotten": {
            "distinguishability": Eq(squared_rise, eta * beta * input_distinguishability**2 * projection / 2)
        },
    },
    examples={"four fifths of one class": lopsided_classes()},
)
def distinguishability_rises(step: Step, problem: TwoLayerProblem) -> Values:
    """Training a layer below a frozen head moves the balanced classes apart along the head (LD-13).

    h = Bx, w the frozen difference of the head's rows, Δ = μ_+ − μ_- of the inputs, one DPO step on B: the signed
    projection ⟨w, BΔ⟩ always rises; the distinguishability ‖BΔ‖ rises unless the head is far on the wrong side.
    """
    stepped = step(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        head_norm: problem.head_norm,
        input_distinguishability: problem.input_distinguishability,
        shift_along_difference: problem.shift_along_difference,
        projection: problem.projection(problem.layer),
        projection_rise: problem.projection_rise(stepped),
        squared_rise: problem.squared_distinguishability_rise(stepped),
        class_imbalance: abs(int((problem.signs * problem.counts).sum())),
    }


@distinguishability_rises.proof("B_1 = B_0 + (ηβ/2) w z̄ᵀ", domain="all w, Δ, B_0, z̄; balanced where z̄ = Δ/2")
def _() -> Any:
    # With a = ‖w‖, D = ‖Δ‖, c = ⟨z̄, Δ⟩, p = ⟨w, B_0Δ⟩: B_1Δ = B_0Δ + (ηβ/2)c·w, to be multiplied out.
    a, size, p = head_norm, input_distinguishability, projection
    moved = eta * beta / 2 * shift_along_difference  # B_1Δ − B_0Δ = moved · w
    balanced = eta * beta / 2 * size**2 / 2
    squared = 2 * balanced * p + balanced**2 * a**2
    excess = nonnegative("excess", "x")
    return {
        "any classes": {projection_rise: moved * a**2},
        "projection": {projection_rise: balanced * a**2},
        "distinguishability": {squared_rise: squared},
        "rises": {squared_rise: squared.subs(p, turning_point + excess)},
        "falls": {squared_rise: squared.subs(p, turning_point - excess)},
    }


@theorem(
    "learning-dynamics.misalignment-rate",
    states={
        "ratio": Eq(rate_after * before, rate_before * after),
        "faster": Under(
            {"the base head is not far on the wrong side": Gt(projection, turning_point)},
            Ge(rate_after**2, rate_before**2),
        ),
        "slower": Under(
            {"the base head is far on the wrong side": Lt(projection, turning_point)},
            Le(rate_after**2, rate_before**2),
        ),
        "rate": Eq(rate_after, beta * after / (2 * sqrt(2))),
    },
    given=BALANCED,
    kind="two-layer",
    source=im_li("Section 5"),
    on=st.one_of(
        two_layer_problems(balanced=True),
        two_layer_problems(balanced=True),
        two_layer_problems(balanced=True).map(unlearning),
    ),
    rounding=ROUNDING,
    mutants={
        "faster, whatever the head": {"ratio": Ge(rate_after, rate_before)},
        "faster and slower exchanged": {
            "faster": Le(rate_after**2, rate_before**2),
            "slower": Ge(rate_after**2, rate_before**2),
        },
        "the rate of an unflipped unbalanced set": {"rate": Eq(rate_after, beta * after / sqrt(2))},
        "5 % off": {"rate": Eq(rate_after, Rational(19, 20) * beta * after / (2 * sqrt(2)))},
        "without balance": Mutant(given={}, on=two_layer_problems(balanced=False)),
    },
    examples={"the head opposes what the layer has": learned_wrongly()},
)
def misalignment_rate(step: Step, problem: TwoLayerProblem) -> Values:
    """Flipped labels are learned faster after alignment: the initial rate grows like the distinguishability (LD-14).

    The aligned model is both start and reference; same β and η, labels flipped, balanced data.
    """
    stepped = step(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        head_norm: problem.head_norm,
        input_distinguishability: problem.input_distinguishability,
        projection: problem.projection(problem.layer),
        before: problem.distinguishability(problem.layer),
        after: problem.distinguishability(stepped),
        rate_before: problem.initial_rate(problem.layer, flipped=True),
        rate_after: problem.initial_rate(stepped, flipped=True),
        class_imbalance: abs(int((problem.signs * problem.counts).sum())),
    }


@misalignment_rate.proof("both rates are β/(2√2) times a distinguishability", domain="all B_0, Δ, w; balanced")
def _() -> Any:
    # LD-3 with the labels flipped: z̄ → −z̄, the norm stays; balanced: ‖z̄‖ = ‖BΔ‖/2. By LD-13
    # ‖B_1Δ‖² = ‖B_0Δ‖² + 2cp + c²‖w‖² with c = ηβ‖Δ‖²/4 and p = ⟨w, B_0Δ⟩, which is above or below the turning point.
    scale = beta / (2 * sqrt(2))
    c = eta * beta * input_distinguishability**2 / 4
    excess = nonnegative("excess", "x")

    def squared(p: Any) -> Any:
        return before**2 + 2 * c * p + c**2 * head_norm**2

    return {
        "ratio": {rate_before: scale * before, rate_after: scale * after},
        "faster": {rate_before: scale * before, rate_after: scale * sqrt(squared(turning_point + excess))},
        "slower": {rate_before: scale * before, rate_after: scale * sqrt(squared(turning_point - excess))},
        "rate": {rate_after: sqrt(2) * beta / 2 * after / 2},
    }
