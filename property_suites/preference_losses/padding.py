"""Masked tokens do not exist: whatever stands there, loss and gradient are those without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from alignprops import Under, theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import (
    NO_PROOF,
    RAFAILOV,
    ROUNDING,
    finite,
    gradient,
    gradient_finite,
    loss,
    needs_tokens,
)
from property_suites.preference_losses.specimens import RAGGED

Values = Mapping[Symbol, Any]

poisoned_loss = real("poisoned_loss", r"L^{\mathrm{poisoned}}")
poisoned_gradient = real("poisoned_gradient", r"\nabla L^{\mathrm{poisoned}}")
masked_gradient = nonnegative("masked_gradient", r"|\nabla_{\mathrm{masked}} L|")
poisoned_finite = nonnegative("poisoned_finite", r"\mathrm{finite}^{\mathrm{poisoned}}")
all_gradient = nonnegative("all_gradient", r"\max|\nabla L|")


@theorem(
    "preference-losses.padding.finite",
    states={
        "finite": Under({"the loss is finite": Eq(finite, 1)}, Eq(poisoned_finite, 1)),
        "loss": Eq(poisoned_loss, loss),
        "gradient": Under({"the gradient is finite": Eq(gradient_finite, 1)}, Eq(poisoned_gradient, gradient)),
        "masked gradient": Eq(masked_gradient, 0),
    },
    kind="pairwise-loss",
    codes=("PAD",),
    about=needs_tokens,
    source=RAFAILOV,
    on=pairwise_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.4,
    examples=RAGGED,
    counterfeits=True,
    mutants={
        "loss: negated": {"loss": Eq(poisoned_loss, -loss)},
        "masked gradient: that of all tokens": {"masked gradient": Eq(all_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def finite_padding(subject: Any, problem: PairwiseProblem) -> Values:
    """Finite numbers under the mask, ±10⁴ among them, and more columns of padding change neither loss nor gradient."""
    return _poisoned(subject, problem, (1e4, -1e4, -3.0))


@theorem(
    "preference-losses.padding.non-finite",
    states={
        "finite": Under({"the loss is finite": Eq(finite, 1)}, Eq(poisoned_finite, 1)),
        "loss": Eq(poisoned_loss, loss),
    },
    kind="pairwise-loss",
    codes=("PAD", "EXT"),
    about=needs_tokens,
    source=RAFAILOV,
    on=pairwise_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"ragged pairs": RAGGED["ragged pairs in float64"]},
    counterfeits=True,
    mutants={"loss: negated": {"loss": Eq(poisoned_loss, -loss)}},
    no_proof=NO_PROOF,
)
def non_finite_padding(subject: Any, problem: PairwiseProblem) -> Values:
    """Not even −inf or NaN under the mask enters: the mask selects, it does not multiply."""
    return _poisoned(subject, problem, (-np.inf, np.nan))


def _poisoned(subject: Any, problem: PairwiseProblem, poison: tuple[float, ...]) -> Values:
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import LOSS, PairwiseCase

    case = PairwiseCase(subject, problem)
    found = case.run(case.poisoned_call(poison))
    plain = compare(case.found.outputs[LOSS], case.expected_loss)
    value = compare(found.outputs[LOSS], case.expected_loss)
    width = problem.chosen_mask.shape[1]
    outside = case.gradients(found)
    slope = compare(outside[..., :width], case.expected_gradients)
    original = compare(case.gradients(case.found), case.expected_gradients)
    masked = ~np.pad(case.masks, [(0, 0), (0, 0), (0, outside.shape[-1] - width)])
    # A pair at which the formula has no finite gradient (ORPO of a certain answer) may have none at its padding either.
    masked = masked & np.all(original.defined == 1, axis=(0, 2), keepdims=True)
    return {
        loss: plain.found,
        poisoned_loss: value.found,
        finite: plain.finite,
        poisoned_finite: value.finite,
        gradient: original.found,
        poisoned_gradient: slope.found,
        gradient_finite: original.finite,
        masked_gradient: np.abs(np.nan_to_num(outside[masked], nan=1.0)).max(initial=0.0),
        all_gradient: np.abs(np.nan_to_num(outside)).max(initial=0.0),
    }
