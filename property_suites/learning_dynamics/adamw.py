"""The first step of AdamW: sizes that forget the preferences, and another order of behaviours (LD-18a, b)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Abs, Eq, Ge, Gt, Le, Max, Rational, Symbol, sqrt

from alignprops import Tight, Under, theorem
from alignprops.dynamics.adamw import AdamProblem
from alignprops.dynamics.notation import accuracy, along_shift, beta, eta, head_change, mean_shift
from alignprops.dynamics.priorities import Pairs
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.transformations import on_other_axes, reflected, rescaled_features, rescaled_strength
from alignprops.quantity import Quantity, nonnegative, real
from alignprops.strategies.optimizers import adam_problems
from property_suites.learning_dynamics.premises import ROUNDING, im_li
from property_suites.learning_dynamics.specimens import many_small_preferences, single_sample, two_heights

Step = Any
Values = Mapping[Symbol, Any]

decay = nonnegative("decay", r"\omega")
epsilon = nonnegative("epsilon", r"\varepsilon")
step_entry = real("step_entry", "u_{1,j}")
shift_entry = real("shift_entry", r"\bar z_j")
shift_modulus = nonnegative("shift_modulus", r"|\bar z_j|")
start_entry = real("start_entry", r"w_{0,j}")
other_before = real("other_before", "(W_0)_{vj}")
other_after = real("other_after", "(W_1)_{vj}")
sum_before = real("sum_before", r"(w_{0,y_+} + w_{0,y_-})_j")
sum_after = real("sum_after", r"(w_{1,y_+} + w_{1,y_-})_j")

NO_DECAY = {"no decay": Eq(decay, 0)}
NO_EPSILON = {"ε = 0": Eq(epsilon, 0)}


def on_two_rows(problem: HeadProblem, *, decay: float = 0.0, epsilon: float = 0.0) -> AdamProblem:
    """A head of three rows, all 1, whose first two are the answers."""
    return AdamProblem.of(problem, head=np.ones((3, problem.d)), yes=0, no=1, decay=decay, epsilon=epsilon)


@theorem(
    "learning-dynamics.adamw.first-step",
    states={
        "the difference of the two rows": Under(
            {"a gradient or ε": Gt(shift_modulus + epsilon, 0)},
            Eq(step_entry, 2 * eta * shift_entry / (Abs(shift_entry) + 2 * epsilon / beta) - eta * decay * start_entry),
        ),
        "the sum of the two rows": Eq(sum_after, (1 - eta * decay) * sum_before),
        "the other rows": Eq(other_after, (1 - eta * decay) * other_before),
    },
    source=im_li("Section 4"),
    on=adam_problems(decay=True),
    kind="adamw",
    rounding=ROUNDING,
    effort=0.5,
    mutants={
        "ε outside by half": {
            "the difference of the two rows": Eq(
                step_entry, 2 * eta * shift_entry / (Abs(shift_entry) + epsilon / beta) - eta * decay * start_entry
            )
        },
        "the gradient itself": {
            "the difference of the two rows": Eq(
                step_entry, 2 * eta * beta * shift_entry / 2 - eta * decay * start_entry
            )
        },
        "no decay": {
            "the difference of the two rows": Eq(
                step_entry, 2 * eta * shift_entry / (Abs(shift_entry) + 2 * epsilon / beta)
            )
        },
        "the sum stays": {"the sum of the two rows": Eq(sum_after, sum_before)},
        "the other rows stay": {"the other rows": Eq(other_after, other_before)},
    },
    examples={
        "one sample, all that there is": on_two_rows(single_sample(eta=0.5, steps=1), decay=0.25, epsilon=0.25),
        "a coordinate without a gradient": AdamProblem.of(
            HeadProblem.of([[1.0, 0.0]], [1], eta=0.5, beta=1.0),
            head=np.eye(3, 2),
            yes=0,
            no=1,
            decay=0.25,
            epsilon=0.0,
        ),
    },
    counterfeits=True,
)
def first_step(step: Step, problem: AdamProblem) -> Values:
    """AdamW's first step moves every coordinate with a gradient by η, whatever its size, and decays every weight.

    Bias-corrected, with ε and decoupled decay ω: u_1 = 2ηz̄_j/(|z̄_j| + 2ε/β) − ηωw0_j per coordinate,
    w0 = w0_{y+} − w0_{y−}; all other rows become (1 − ηω)w (LD-18a).
    """
    stepped, inner = step(problem), problem.problem
    return {
        eta: inner.eta,
        beta: inner.beta,
        decay: problem.decay,
        epsilon: problem.epsilon,
        step_entry: problem.entries(stepped),
        shift_entry: problem.shift_entries,
        shift_modulus: problem.shift_moduli,
        start_entry: problem.start_difference,
        sum_before: problem.start_row_sum,
        sum_after: problem.row_sum(stepped),
        other_before: problem.other_rows(problem.head),
        other_after: problem.other_rows(stepped),
    }


@first_step.proof(
    "the bias corrections cancel in the first step", domain="z̄_j ≠ 0, of either sign; any β₁, β₂ < 1", lemma=True
)
def _() -> Any:
    # m̂ = (1−β₁)G/(1−β₁), v̂ = (1−β₂)G²/(1−β₂), G = ∓(β/2)z̄: the two rows move by ∓η·G/(|G| + ε) each.
    x = Symbol("x", positive=True)  # |z̄_j|
    a, b = Symbol("a", positive=True), Symbol("b", positive=True)  # 1 − β₁, 1 − β₂
    g = beta * x / 2
    first, second = a * g / a, b * g**2 / b
    moved = eta * first / (sqrt(second) + epsilon)
    return (
        Eq(2 * moved, 2 * eta * x / (x + 2 * epsilon / beta), evaluate=False),
        Eq(2 * (-moved), 2 * eta * (-x) / (x + 2 * epsilon / beta), evaluate=False),
        Eq(moved - moved, 0, evaluate=False),
    )


dimension = Quantity("d", "d", integer=True, positive=True)
moving = nonnegative("moving", r"\#\{j : \bar z_j \ne 0\}")
update_norm = nonnegative("update_norm", r"\lVert u_1\rVert")


@theorem(
    "learning-dynamics.adamw.step-size",
    states={
        "at most": Le(update_norm, 2 * eta * sqrt(dimension)),
        "whatever the distinguishability": Under(NO_EPSILON, Eq(head_change, eta * sqrt(2 * moving))),
    },
    given=NO_DECAY,
    source=im_li("Section 4"),
    on=adam_problems(),
    kind="adamw",
    rounding=ROUNDING,
    effort=0.5,
    mutants={
        "2η whatever d": {"at most": Le(update_norm, 2 * eta)},
        "the norm follows ‖z̄‖": {"whatever the distinguishability": Eq(head_change, eta * beta * mean_shift / sqrt(2))},
        "all coordinates move": {"whatever the distinguishability": Eq(head_change, eta * sqrt(2 * dimension))},
        "5 % off": {"at most": Le(update_norm, Rational(19, 20) * 2 * eta * sqrt(dimension))},
        "5 % off, the norm": {
            "whatever the distinguishability": Eq(head_change, Rational(19, 20) * eta * sqrt(2 * moving))
        },
    },
    examples={
        "a preference in one of two coordinates": on_two_rows(HeadProblem.of([[1.0, 0.0]], [1], eta=1.0, beta=1.0))
    },
    tight={
        "one coordinate": Tight(on_two_rows(single_sample(eta=1.0, steps=1)), at_least=1 - 2**-40, of="at most"),
    },
)
def step_size(step: Step, problem: AdamProblem) -> Values:
    """AdamW's first step is as large for hardly distinguishable behaviours as for clear ones.

    Without decay ‖u_1‖ ≤ 2η√d, and with ε = 0 the whole head moves by exactly η√(2·#{z̄_j ≠ 0}) (LD-18a).
    """
    stepped, inner = step(problem), problem.problem
    return {
        eta: inner.eta,
        beta: inner.beta,
        decay: problem.decay,
        epsilon: problem.epsilon,
        dimension: inner.d,
        moving: problem.moving,
        mean_shift: inner.mean_shift,
        update_norm: problem.run(stepped).update_norm[0],
        head_change: problem.change(stepped),
    }


@step_size.proof("a quotient by its own size", domain="every z ≠ 0 of modulus x, ε ≥ 0", lemma=True)
def _() -> Any:
    # The coordinate 2ηx/(x + 2ε/β) is at most 2η, and is 2η for ε = 0; d squares of it add up.
    x = Symbol("x", positive=True)
    moved = 2 * eta * x / (x + 2 * epsilon / beta)
    return (
        Eq(2 * eta - moved, 4 * eta * epsilon / (beta * x + 2 * epsilon), evaluate=False),
        Ge(4 * eta * epsilon / (beta * x + 2 * epsilon), 0, evaluate=False),
        Eq(sqrt(2 * moving * (moved.subs(epsilon, 0) / 2) ** 2), eta * sqrt(2 * moving), evaluate=False),
    )


shift_sum = nonnegative("shift_sum", r"\lVert\bar z\rVert_1")
second_moment = nonnegative("second_moment", "u_1^\\top M u_1")
sign_second_moment = nonnegative("sign_second_moment", r"s^\top M s,\ s = \operatorname{sign}\bar z")
mean_margin = beta * along_shift
margin_low = 2 * eta * beta * shift_sum**2


@theorem(
    "learning-dynamics.adamw.margin",
    states={
        "at least": Ge(mean_margin * (shift_sum + 2 * dimension * epsilon / beta), margin_low),
        "at most": Le(mean_margin, 2 * eta * beta * shift_sum),
        "accuracy": Ge(accuracy * second_moment, Max(along_shift, 0) ** 2),
        "accuracy, ε = 0": Under(NO_EPSILON, Ge(accuracy * sign_second_moment, shift_sum**2)),
    },
    given=NO_DECAY,
    source=im_li("Section 4"),
    on=adam_problems(),
    kind="adamw",
    rounding=ROUNDING,
    effort=0.5,
    mutants={
        "ε without d": {"at least": Ge(mean_margin * (shift_sum + 2 * epsilon / beta), margin_low)},
        "‖z̄‖ for ‖z̄‖₁": {"at most": Le(mean_margin, 2 * eta * beta * mean_shift)},
        "ηβ² as for gradient descent": {"at most": Le(mean_margin, eta * beta**2 * mean_shift**2)},
        "accuracy squared": {"accuracy": Ge(accuracy**2 * second_moment, Max(along_shift, 0) ** 2)},
        "‖z̄‖₁ without its square": {"accuracy, ε = 0": Ge(accuracy * sign_second_moment, shift_sum)},
        "5 % off, below": {
            "at least": Ge(mean_margin * (shift_sum + 2 * dimension * epsilon / beta), Rational(21, 20) * margin_low)
        },
        "5 % off, above": {"at most": Le(mean_margin, Rational(19, 20) * 2 * eta * beta * shift_sum)},
        "5 % off, accuracy": {"accuracy, ε = 0": Ge(accuracy * sign_second_moment, Rational(21, 20) * shift_sum**2)},
    },
    examples={
        "heights 0 and 4": on_two_rows(HeadProblem.of([[4.0], [0.0]], [1, 1], eta=1.0, beta=1.0)),
        "two equal coordinates, a large ε": on_two_rows(
            HeadProblem.of([[1.0, 1.0]], [1], eta=1.0, beta=1.0), epsilon=1024.0
        ),
    },
    tight={
        "one sample, from below": Tight(
            on_two_rows(single_sample(eta=1.0, steps=1), epsilon=0.25), at_least=1 - 2**-40, of="at least"
        ),
        "one sample, from above": Tight(
            on_two_rows(single_sample(eta=1.0, steps=1)), at_least=1 - 2**-40, of="at most"
        ),
        "heights 0 and a": Tight(on_two_rows(two_heights()), at_least=1 - 2**-40, of="accuracy"),
        "heights 0 and a, ε = 0": Tight(on_two_rows(two_heights()), at_least=1 - 2**-40, of="accuracy, ε = 0"),
    },
)
def margin(step: Step, problem: AdamProblem) -> Values:
    """After AdamW's first step only the margin knows how clear the preferences are, through ‖z̄‖₁ in place of ‖z̄‖².

    2ηβ‖z̄‖₁²/(‖z̄‖₁ + 2dε/β) ≤ β⟨u_1, z̄⟩ ≤ 2ηβ‖z̄‖₁, and acc ≥ ⟨u_1, z̄⟩²/(u_1ᵀMu_1): for ε = 0 ‖z̄‖₁²/(sᵀMs) with
    s = sign z̄ (LD-18a).
    """
    inner, run = problem.problem, problem.run(step(problem))
    return {
        eta: inner.eta,
        beta: inner.beta,
        decay: problem.decay,
        epsilon: problem.epsilon,
        dimension: inner.d,
        mean_shift: inner.mean_shift,
        shift_sum: problem.shift_sum,
        along_shift: run.along_shift[0],
        accuracy: run.accuracy[0],
        second_moment: run.second_moment[0],
        sign_second_moment: problem.sign_run.second_moment[0],
    }


@margin.proof(
    "Cauchy–Schwarz for quotients", domain="two coordinates of moduli a, b, the same e = 2ε/β > 0", lemma=True
)
def _() -> Any:
    # Σ a²/(a + e) ≥ (Σa)²/(Σa + 2e), and a²/(a + e) ≤ a.
    a, b, e = (Symbol(name, positive=True) for name in "abe")
    gap = a**2 / (a + e) + b**2 / (b + e) - (a + b) ** 2 / (a + b + 2 * e)
    square = e**2 * (a - b) ** 2 / ((a + e) * (b + e) * (a + b + 2 * e))
    return (
        Eq(gap, square, evaluate=False),
        Ge(square, 0, evaluate=False),
        Eq(a - a**2 / (a + e), a * e / (a + e), evaluate=False),
        Ge(a * e / (a + e), 0, evaluate=False),
    )


lead = real("lead", r"\overline{m}_j - \overline{m}_k")
sign_gap = real("sign_gap", r"\langle\operatorname{sign}\bar z, \bar z_j - \bar z_k\rangle")
alignment_gap = real("alignment_gap", r"\langle\bar z, \bar z_j - \bar z_k\rangle")
shift_j = nonnegative("shift_j", r"\lVert\bar z_j\rVert")
shift_k = nonnegative("shift_k", r"\lVert\bar z_k\rVert")


@theorem(
    "learning-dynamics.adamw.priority",
    states=Eq(lead, 2 * eta * beta * sign_gap),
    given={**NO_DECAY, **NO_EPSILON},
    source=im_li("Section 4"),
    on=adam_problems(epsilon=False, behaviours=(2, 4)),
    kind="adamw",
    rounding=ROUNDING,
    effort=0.5,
    behaviours=(2, None),
    mutants={
        "the larger mean shift leads": Ge(lead * (shift_j - shift_k), 0),
        "the order of gradient descent": Ge(lead * alignment_gap, 0),
        "the lead of gradient descent": Eq(lead, eta * beta**2 * alignment_gap),
        "5 % off": Eq(lead, Rational(19, 20) * 2 * eta * beta * sign_gap),
    },
    examples={"many small preferences outweigh a large one": on_two_rows(many_small_preferences())},
)
def priority(step: Step, problem: AdamProblem) -> Values:
    """Under Adam that behaviour leads which agrees with the signs of the common mean shift, not the larger one.

    With ε = 0 the lead after the first step is 2ηβ⟨sign z̄, z̄_j − z̄_k⟩ (LD-18b): many small preferences outweigh a
    large one.
    """
    inner, run = problem.problem, problem.run(step(problem))
    pairs = Pairs(inner)
    return {
        eta: inner.eta,
        beta: inner.beta,
        decay: problem.decay,
        epsilon: problem.epsilon,
        lead: pairs.leads(run)[0],
        sign_gap: problem.sign_gaps(pairs),
        alignment_gap: pairs.alignment_gap,
        shift_j: pairs.of_first(inner.behaviour_mean_shifts),
        shift_k: pairs.of_second(inner.behaviour_mean_shifts),
    }


@priority.proof("many small preferences outweigh a large one", domain="the counter-example of LD-18b", lemma=True)
def _() -> Any:
    # z̄ = (1, .55, .55, .55): ⟨sign z̄, z̄_k⟩ = ‖z̄_k‖₁, 3.3 against 2, where ‖z̄_1‖² = 4 > 3.63 = ‖z̄_2‖². Scaled by a > 0.
    a = Symbol("a", positive=True)
    many = Rational(11, 10) * a
    return Ge(3 * many, 2 * a, evaluate=False), Ge((2 * a) ** 2, 3 * many**2, evaluate=False)


sample_margin = real("sample_margin", "m_i")
margin_of_strength = real("margin_of_strength", r"m_i(4\beta, \eta/4)")
margin_of_descent = real("margin_of_descent", r"m_i(2\beta, \eta/4)")
margin_on_axes = real("margin_on_axes", r"m_i(Px)")
margin_rotated = real("margin_rotated", "m_i(Qx)")
margin_scaled = real("margin_scaled", "m_i(3x)")


@theorem(
    "learning-dynamics.adamw.symmetry",
    states={
        "step strength": Eq(margin_of_strength, sample_margin),
        "exchanged and mirrored axes": Eq(margin_on_axes, sample_margin),
        "feature scale": Eq(margin_scaled, 3 * sample_margin),
    },
    given={**NO_DECAY, **NO_EPSILON},
    source=im_li("Section 4"),
    on=adam_problems(epsilon=False),
    kind="adamw",
    rounding=ROUNDING,
    effort=0.3,
    mutants={
        "rotation invariance": {"exchanged and mirrored axes": Eq(margin_rotated, sample_margin)},
        "ηβ² as for gradient descent": {"step strength": Eq(margin_of_descent, sample_margin)},
        "a² as for gradient descent": {"feature scale": Eq(margin_scaled, 9 * sample_margin)},
        "5 % off": {"feature scale": Eq(margin_scaled, Rational(19, 20) * 3 * sample_margin)},
    },
)
def symmetry(step: Step, problem: AdamProblem) -> Values:
    """Under Adam margins depend on ηβ, scale with the features, and do not survive a rotation of them.

    With ε = 0 of LD-12's symmetries only exchanging and mirroring the axes is left: rotation invariance (c) fails,
    margins go with ηβ, not with ηβ² (a), and with a, not with a² (e) (LD-18b).
    """

    def margins(change: Any) -> Any:
        changed = replace(problem, problem=change(problem.problem))
        return changed.run(step(changed)).margins[0]

    return {
        decay: problem.decay,
        epsilon: problem.epsilon,
        sample_margin: margins(lambda inner: inner),
        margin_of_strength: margins(lambda inner: rescaled_strength(inner, 4, 4)),
        margin_of_descent: margins(lambda inner: rescaled_strength(inner, 2, 4)),
        margin_on_axes: margins(on_other_axes),
        margin_rotated: margins(reflected),
        margin_scaled: margins(lambda inner: rescaled_features(inner, 3)),
    }


@symmetry.proof("what the signs forget", domain="one coordinate with a preference z > 0, margin m = β·2η·x", lemma=True)
def _() -> Any:
    # u = 2η sign z̄ does not see a scale of z̄; the margin is linear in β, η and in the sample.
    x = real("x", "x")
    margin = beta * (2 * eta) * x
    return (
        Eq((4 * beta) * (2 * (eta / 4)) * x, margin, evaluate=False),
        Eq(beta * (2 * eta) * (3 * x), 3 * margin, evaluate=False),
        Eq(beta * (-2 * eta) * (-x), margin, evaluate=False),
    )
