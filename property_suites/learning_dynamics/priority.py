"""Which behaviour is learned first: the one whose mean shift agrees most with the common one (LD-10, LD-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from sympy import Abs, Eq, Ge, Le, Lt, Rational, Symbol

from alignprops import Tight, Under, theorem
from alignprops.dynamics.notation import beta, curvature, eta, run_curvature, shift_length, t
from alignprops.dynamics.priorities import Pairs
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.pull import pull_curvature
from alignprops.quantity import Quantity, nonnegative, real
from alignprops.strategies.heads import head_problems
from property_suites.learning_dynamics.premises import ROUNDING, SMALL_STEP_ON_RUN, im_li
from property_suites.learning_dynamics.specimens import (
    crowded_out,
    in_orthogonal_blocks,
    opposite_behaviours,
    two_small_steps,
    unbalanced_pair,
)

Train = Any
Values = Mapping[Symbol, Any]

#: For a pair (j, k) of behaviours, z̄ the mean shift of all: the lead of j over k, and ⟨z̄, z̄_j − z̄_k⟩.
lead = real("lead", r"\overline{m}_j - \overline{m}_k")
alignment_gap = real("alignment_gap", r"\langle\bar z, \bar z_j - \bar z_k\rangle")
gap_length = nonnegative("gap_length", r"|\bar z_j - \bar z_k|_M")
gap_norm = nonnegative("gap_norm", r"\lVert\bar z_j - \bar z_k\rVert")
shift_j = nonnegative("shift_j", r"\lVert\bar z_j\rVert")
shift_k = nonnegative("shift_k", r"\lVert\bar z_k\rVert")
cross = real("cross", r"\langle\bar z_j, \bar z_k\rangle")
largest_cross = nonnegative("largest_cross", r"\max_{j\ne k}|\langle\bar z_j, \bar z_k\rangle|")
share_j = nonnegative("share_j", "q_j")
share_k = nonnegative("share_k", "q_k")
distinguishability_j = nonnegative("distinguishability_j", r"\delta_j")
distinguishability_k = nonnegative("distinguishability_k", r"\delta_k")
imbalance = nonnegative("imbalance", r"\max_{j,k}|n_+ - n_-|")
normalised_gap = real("normalised_gap", r"d_{jk}")
gap_defined = Quantity("gap_defined", r"[\bar d \ne 0]", integer=True)

EQUAL_SHARES = {"equal shares": Eq(share_j, share_k)}
first_lead = eta * beta**2 * alignment_gap


@theorem(
    "learning-dynamics.priority.first-step",
    states={
        "any shares": Eq(
            lead, eta * beta**2 * (share_j * shift_j**2 - share_k * shift_k**2 + (share_k - share_j) * cross)
        ),
        "equal shares": Under(EQUAL_SHARES, Eq(lead, eta * beta**2 * (shift_j**2 - shift_k**2) / 2)),
        "equal shares, both balanced": Under(
            {**EQUAL_SHARES, "both balanced": Eq(imbalance, 0)},
            Eq(lead, eta * beta**2 * (distinguishability_j**2 - distinguishability_k**2) / 8),
        ),
        "normalised gap": Under({"the gap is defined": Eq(gap_defined, 1)}, Le(Abs(normalised_gap), 2)),
    },
    source=im_li("Section 4"),
    on=st.one_of(
        head_problems(step_size="any", behaviours=2, max_steps=1, equal_shares=True, balanced=True),
        head_problems(step_size="any", behaviours=2, max_steps=1, equal_shares=True),
        head_problems(step_size="any", behaviours=2, max_steps=1),
    ),
    rounding=ROUNDING,
    behaviours=(2, 2),
    mutants={
        "the cross term forgotten": {
            "any shares": Eq(lead, eta * beta**2 * (share_j * shift_j**2 - share_k * shift_k**2))
        },
        "the shares forgotten": {"any shares": Eq(lead, eta * beta**2 * (shift_j**2 - shift_k**2) / 2)},
        "the larger δ leads, balanced or not": {
            "equal shares": Ge(lead * (distinguishability_j - distinguishability_k), 0)
        },
        "δ for ‖z̄‖ without the half": {
            "equal shares, both balanced": Eq(
                lead, eta * beta**2 * (distinguishability_j**2 - distinguishability_k**2) / 2
            )
        },
        "|normalised gap| ≤ 1": {"normalised gap": Le(Abs(normalised_gap), 1)},
        "5 % off": {"equal shares": Eq(lead, Rational(19, 20) * eta * beta**2 * (shift_j**2 - shift_k**2) / 2)},
    },
    examples={"a large offset, a small imbalance": unbalanced_pair(), "two that nearly cancel": opposite_behaviours()},
)
def first_step(train: Train, problem: HeadProblem) -> Values:
    """Of two behaviours with equal shares the one with the larger mean shift leads after the first step.

    The lead of its mean margin is (ηβ²/2)(‖z̄_1‖² − ‖z̄_2‖²); if both are balanced, the larger preference
    distinguishability δ leads; for any shares see the first relation (LD-10).
    """
    pairs = Pairs(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        lead: pairs.leads(train(problem.with_steps(1)))[0],
        share_j: pairs.of_first(problem.shares),
        share_k: pairs.of_second(problem.shares),
        shift_j: pairs.of_first(problem.behaviour_mean_shifts),
        shift_k: pairs.of_second(problem.behaviour_mean_shifts),
        cross: pairs.cross,
        distinguishability_j: pairs.of_first(pairs.distinguishability),
        distinguishability_k: pairs.of_second(pairs.distinguishability),
        imbalance: pairs.imbalance,
        normalised_gap: pairs.normalised_gap,
        gap_defined: pairs.defined,
    }


@first_step.proof("bilinearity", domain="two behaviours, q_1 + q_2 = 1, any Gram matrix of z̄_1, z̄_2", lemma=True)
def _() -> Any:
    # ⟨q_1z̄_1 + q_2z̄_2, z̄_1 − z̄_2⟩ written with the Gram entries.
    q, a, b, c = real("q", "q"), real("a", "a"), real("b", "b"), real("c", "c")
    inner = q * a + (1 - q) * c - q * c - (1 - q) * b  # ⟨z̄, z̄_1⟩ − ⟨z̄, z̄_2⟩
    return (
        Eq(inner, q * a - (1 - q) * b + ((1 - q) - q) * c, evaluate=False),
        Eq(inner.subs(q, Rational(1, 2)), (a - b) / 2, evaluate=False),
    )


@first_step.proof(
    "the normalised gap lies within ±2", domain="two class differences in the plane, ‖d_2‖ ≤ ‖d_1‖", lemma=True
)
def _() -> Any:
    # ⟨d̄, d_1 − d_2⟩ = (‖d_1‖² − ‖d_2‖²)/2, and ‖d̄‖ ≥ (‖d_1‖ − ‖d_2‖)/2: the ratio is at most (‖d_1‖+‖d_2‖)/‖d_1‖ ≤ 2.
    long, short = nonnegative("D", "D"), nonnegative("e", "e")
    return (
        Eq((long + short) ** 2 - short**2, long * (long + 2 * short), evaluate=False),
        Ge(2 * (long + short) - (long + 2 * short), 0, evaluate=False),
    )


@theorem(
    "learning-dynamics.priority.many-behaviours",
    states={
        "first step": Eq(lead, first_lead),
        "orthogonal behaviours": Under(
            {"orthogonal": Eq(largest_cross, 0)},
            Eq(lead, eta * beta**2 * (share_j * shift_j**2 - share_k * shift_k**2)),
        ),
    },
    source=im_li("Section 4"),
    on=st.one_of(
        head_problems(step_size="any", behaviours=(3, 5), max_steps=1),
        head_problems(step_size="any", behaviours=(3, 4), max_steps=1, max_d=3).map(in_orthogonal_blocks),
    ),
    rounding=ROUNDING,
    behaviours=(3, None),
    mutants={
        "the larger mean shift leads": {"first step": Ge(lead * (shift_j - shift_k), 0)},
        "the shares forgotten": {"orthogonal behaviours": Eq(lead, eta * beta**2 * (shift_j**2 - shift_k**2))},
        "5 % off": {"first step": Eq(lead, Rational(19, 20) * first_lead)},
    },
    examples={"two small ones that agree crowd out the largest": crowded_out()},
)
def many_behaviours(train: Train, problem: HeadProblem) -> Values:
    """Of three or more behaviours those lead whose mean shift agrees most with the common one: the order of ⟨z̄, z̄_k⟩.

    Not the order of ‖z̄_k‖, popular as that reading is; with orthogonal mean shifts it is that of q_k‖z̄_k‖² (LD-10).
    """
    pairs = Pairs(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        lead: pairs.leads(train(problem.with_steps(1)))[0],
        alignment_gap: pairs.alignment_gap,
        largest_cross: pairs.largest_cross,
        share_j: pairs.of_first(problem.shares),
        share_k: pairs.of_second(problem.shares),
        shift_j: pairs.of_first(problem.behaviour_mean_shifts),
        shift_k: pairs.of_second(problem.behaviour_mean_shifts),
    }


@many_behaviours.proof("one step moves every mean margin along z̄", domain="any Gram entries", lemma=True)
def _() -> Any:
    # u_1 = ηβz̄, so the mean margin of k is β⟨u_1, z̄_k⟩.
    g_j, g_k = real("g_j", "g_j"), real("g_k", "g_k")
    step = eta * beta
    return Eq(beta * (step * g_j) - beta * (step * g_k), eta * beta**2 * (g_j - g_k), evaluate=False)


bend = eta * beta**2 * (t - 1) / 4 * shift_length


@theorem(
    "learning-dynamics.priority.horizon",
    states={
        "the lead grows straight": Le(Abs(lead - t * first_lead), t * eta * beta**2 * bend * gap_length),
        "the order persists": Under({"before the horizon": Lt(bend * gap_length, alignment_gap)}, Ge(lead, 0)),
    },
    given=SMALL_STEP_ON_RUN,
    source=im_li("Section 4"),
    on=head_problems(step_size="S4", behaviours=(2, 4)),
    rounding=ROUNDING,
    behaviours=(2, None),
    mutants={
        "half the constant": {
            "the lead grows straight": Le(Abs(lead - t * first_lead), t * eta * beta**2 * bend * gap_length / 2)
        },
        "‖v‖ for |v|_M": {
            "the lead grows straight": Le(Abs(lead - t * first_lead), t * eta * beta**2 * bend * gap_norm)
        },
        "the order is reversed": {"the order persists": Le(lead, 0)},
        "5 % off": {
            "the lead grows straight": Le(
                Abs(lead - t * first_lead), Rational(19, 20) * t * eta * beta**2 * bend * gap_length
            )
        },
    },
    tight={"two small steps": Tight(two_small_steps(), at_least=0.999, of="the lead grows straight")},
)
def horizon(train: Train, problem: HeadProblem) -> Values:
    """The first step's order of behaviours persists for an explicit number of steps, whatever the offset (LD-11)."""
    pairs, run = Pairs(problem), train(problem)
    return {
        eta: problem.eta,
        beta: problem.beta,
        t: problem.t[:, None],
        curvature: problem.curvature,
        run_curvature: pull_curvature(run)[:, None],
        shift_length: problem.mean_shift_curvature_norm,
        gap_length: pairs.gap_curvature_norm,
        gap_norm: pairs.gap_norm,
        alignment_gap: pairs.alignment_gap,
        lead: pairs.leads(run),
    }


@horizon.proof("a straight lead less its bend is positive before the horizon", domain="bend < ⟨z̄, v⟩", lemma=True)
def _() -> Any:
    lack, excess = nonnegative("b", "b"), nonnegative("x", "x")  # ⟨z̄, v⟩ = b + x
    bound = t * eta * beta**2 * (lack + excess) - t * eta * beta**2 * lack
    return Ge(bound, 0, evaluate=False)
