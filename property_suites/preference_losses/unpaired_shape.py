"""The shape of KTO's value function, and what stands still in it.

With u = β(log π/π_ref − z₀) a desirable answer costs λ_D(1 − σ(u)), an undesirable one λ_U(1 − σ(−u)); z₀ carries no
gradient. Both saturate on either side, so that an answer which is wanted with probability q is pushed to the end that
q λ_D − (1 − q)λ_U points to, and has no optimum in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Ge, Le, Min, Rational, Symbol, diff

from alignprops import Tight, bounded, theorem
from alignprops.atoms import sigmoid
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.losses.unpaired import UNPAIRED_LOSSES
from alignprops.losses.unpaired import symbols as s
from alignprops.quantity import real
from alignprops.strategies.unpaired import unpaired_problems
from property_suites.preference_losses.notation import NO_PROOF, ROUNDING, loss
from property_suites.preference_losses.unpaired_notation import (
    ETHAYARAJH,
    KIND,
    all_gradient,
    beta,
    class_weight,
    cost,
    desirable_weight,
    needs_point_of_its_own,
    point_gradient,
    push,
    saturates_unreduced,
    share,
    slope,
    undesirable_weight,
)
from property_suites.preference_losses.unpaired_specimens import ALIKE, EXTREME, MIXED

Values = Mapping[Symbol, Any]


@theorem(
    "preference-losses.unpaired.reference-point",
    states=Eq(point_gradient, 0),
    kind=KIND,
    codes=("SGN", "REF"),
    about=needs_point_of_its_own,
    source=ETHAYARAJH,
    on=unpaired_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"mixed answers": MIXED["mixed answers in float64"]},
    counterfeits=True,
    mutants={"no answer is trained either": Eq(all_gradient, 0)},
    no_proof=NO_PROOF,
)
def reference_point(subject: Any, problem: UnpairedProblem) -> Values:
    """The reference point carries no gradient: the mismatched answers that it is read off are not trained."""
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, problem)
    held = case.found.gradients["policy_KL_logps"]
    trained = case.gradients(case.found)
    return {
        point_gradient: np.abs(np.nan_to_num(held, nan=1.0)).max(),
        all_gradient: np.abs(np.nan_to_num(trained, nan=1.0)).max(),
    }


@theorem(
    "preference-losses.unpaired.saturation",
    states={
        "at least 0": Ge(loss, 0),
        "at most its weight": Le(loss, class_weight),
        "pushed where its label says": Ge(push, 0),
        "pushed by at most a quarter": Le(push, class_weight * beta / 4),
    },
    kind=KIND,
    codes=("SGN", "EXT"),
    about=saturates_unreduced,
    source=ETHAYARAJH,
    on=unpaired_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"mixed answers": MIXED["mixed answers in float64"], **EXTREME},
    tight={
        "at the reference point the push is largest": Tight(
            replace(ALIKE, kl_mask=ALIKE.kl_mask), 1 - 1e-9, of="pushed by at most a quarter"
        )
    },
    counterfeits=True,
    mutants={
        "of an eighth": {"pushed by at most a quarter": Le(push, class_weight * beta / 8)},
        "without the weight": {"at most its weight": Le(loss, Rational(1, 2))},
    },
)
def saturation(subject: Any, problem: UnpairedProblem) -> Values:
    """A loss of KTO lies between 0 and its weight λ, and pushes where the label says, by at most λβ/4."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.unpaired_case import UnpairedCase

    case = UnpairedCase(subject, replace(problem, upstream=np.ones(problem.upstream.shape)))
    seen = compare(case.gradients(case.found), case.expected_gradients)
    direction = np.where(case.problem.labels[case.order], -1.0, 1.0)
    return {
        push: bounded(direction * seen.found.value, seen.found.error),
        loss: case.loss_in(case.found).found,
        class_weight: case.class_weights,
        beta: case.options["beta"],
    }


@saturation.proof("the logistic's slope is at most ¼", domain="every u; λ, β > 0", lemma=True)
def _() -> Any:
    # σ' = σ(1 − σ), and ¼ − y(1 − y) is a square.
    kto = UNPAIRED_LOSSES["kto"]
    u, y = s.beta * (s.log_ratio - s.point), real("y", "y")
    steep = s.beta * sigmoid(u) * sigmoid(-u)
    return (
        Eq(diff(kto.desirable, s.policy), -s.desirable_weight * steep, evaluate=False),
        Eq(diff(kto.undesirable, s.policy), s.undesirable_weight * steep, evaluate=False),
        Eq(Rational(1, 4) - y * (1 - y), (y - Rational(1, 2)) ** 2, evaluate=False),
        Ge((y - Rational(1, 2)) ** 2, 0, evaluate=False),
    )


@theorem(
    "preference-losses.unpaired.threshold",
    states={
        "no cheaper than an end": Ge(cost, Min(share * desirable_weight, (1 - share) * undesirable_weight)),
        "pushed to one end": Le(slope * (share * desirable_weight - (1 - share) * undesirable_weight), 0),
    },
    kind=KIND,
    codes=("SGN", "REF"),
    about=saturates_unreduced,
    source=ETHAYARAJH,
    on=unpaired_problems(sizes=(1.0, 1 / 16, 4.0)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"mixed answers": MIXED["mixed answers in float64"]},
    counterfeits=True,
    mutants={
        "an optimum at a threshold of ½": {"pushed to one end": Le(slope * (2 * share - 1), 0)},
        "twice the cheaper end": {
            "no cheaper than an end": Ge(cost, 2 * Min(share * desirable_weight, (1 - share) * undesirable_weight))
        },
    },
)
def threshold(subject: Any, problem: UnpairedProblem) -> Values:
    """What is wanted with probability q is pushed up without end if q λ_D > (1 − q)λ_U, and down if less.

    There is no finite optimum: KTO does not estimate log-odds.
    """
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.unpaired_case import UnpairedCase, rows_of

    count = problem.desirable.size
    options = UnpairedCase(subject, problem).options
    turn = options["undesirable_weight"] / (options["desirable_weight"] + options["undesirable_weight"])
    anywhere = ((problem.choices[4] + 3 * np.arange(count)) % 7 + 1) / 8
    beside = turn * np.where(np.arange(count) % 4 < 2, 1 - 1 / 64, 1 + 1 / 64)
    shares = np.where(problem.desirable == 1, beside, anywhere)  # some close to where the push turns round
    twice = rows_of(problem, np.repeat(np.arange(count), 2))
    labels = np.tile(np.array([1, 0], dtype=np.int64), count)
    upstream = np.stack([shares, 1 - shares], axis=1).reshape(-1)
    case = UnpairedCase(subject, replace(twice, desirable=labels, upstream=upstream))
    seen, steep = case.loss_in(case.found), compare(case.gradients(case.found), case.expected_gradients)
    back = np.argsort(case.order)  # the rows of the problem again: wanted and unwanted side by side
    weighted = bounded(upstream * seen.found.value[back], upstream * seen.found.error[back])
    return {
        cost: _in_pairs(weighted),
        slope: _in_pairs(steep.found[back]),
        share: shares,
        desirable_weight: case.options["desirable_weight"],
        undesirable_weight: case.options["undesirable_weight"],
    }


def _in_pairs(numbers: Any) -> Any:
    """Sums of two neighbours."""
    return bounded(numbers.value.reshape(-1, 2).sum(axis=1), 2 * numbers.error.reshape(-1, 2).sum(axis=1))


@threshold.proof("the cost is affine in σ(u)", domain="every u; λ_D, λ_U > 0, 0 ≤ q ≤ 1", lemma=True)
def _() -> Any:
    # C = qλ_D + σ((1 − q)λ_U − qλ_D): monotone in σ, hence in u, and between its values at σ = 0 and σ = 1.
    kto, u = UNPAIRED_LOSSES["kto"], s.beta * (s.log_ratio - s.point)
    y, q = real("y", "y"), share
    ends = q * s.desirable_weight, (1 - q) * s.undesirable_weight
    of_both = q * s.desirable_weight * (1 - y) + (1 - q) * s.undesirable_weight * y
    code = q * kto.desirable + (1 - q) * kto.undesirable
    return (
        Eq(of_both - ends[0], y * (ends[1] - ends[0]), evaluate=False),
        Eq(of_both - ends[1], (1 - y) * (ends[0] - ends[1]), evaluate=False),
        Eq(diff(code, s.policy), s.beta * sigmoid(u) * sigmoid(-u) * (ends[1] - ends[0]), evaluate=False),
    )
