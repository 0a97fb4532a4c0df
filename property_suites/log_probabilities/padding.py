"""What is not scored does not exist: neither what stands there, nor how much of it there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sympy import Eq, Symbol

from alignprops import Under, theorem
from alignprops.conformance.logprob import LogpProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.logprobs import logp_problems
from property_suites.log_probabilities.notation import (
    NO_PROOF,
    ROUNDING,
    SOURCE,
    finite,
    gradient,
    gradient_finite,
    logp,
    needs_mask,
)
from property_suites.log_probabilities.specimens import PLAIN, RAGGED

if TYPE_CHECKING:
    from alignprops.conformance.logprob_case import LogpCase

Values = Mapping[Symbol, Any]

poisoned = real("poisoned", r"\ell^{\mathrm{poisoned}}")
poisoned_gradient = real("poisoned_gradient", r"\nabla\ell^{\mathrm{poisoned}}")
poisoned_finite = nonnegative("poisoned_finite", r"\mathrm{finite}^{\mathrm{poisoned}}")
padded_gradient = nonnegative("padded_gradient", r"|\nabla_{\mathrm{padding}}\ell|")
largest_gradient = nonnegative("largest_gradient", r"\max|\nabla\ell|")
_GIVEN = {"it is finite": Eq(finite, 1)}


@theorem(
    "log-probabilities.padding.finite",
    states={
        "log-probability": Under(_GIVEN, Eq(poisoned, logp)),
        "gradient": Under({"the gradient is finite": Eq(gradient_finite, 1)}, Eq(poisoned_gradient, gradient)),
        "gradient in the padding": Eq(padded_gradient, 0),
    },
    kind="sequence-logprob",
    codes=("PAD",),
    about=needs_mask,
    source=SOURCE,
    on=logp_problems(sizes=(1.0, 1 / 4)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={
        "log-probability: negated": {"log-probability": Eq(poisoned, -logp)},
        "gradient in the padding: that of all": {"gradient in the padding": Eq(largest_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def finite_padding(subject: Any, problem: LogpProblem) -> Values:
    """Any finite logits, states and ids where nothing is scored, ±10⁴ among them, change neither value nor gradient."""
    return _with_poison(subject, problem, (1e4, -1e4, 3.0))


@theorem(
    "log-probabilities.padding.non-finite",
    states={"finite": Eq(poisoned_finite, 1), "log-probability": Eq(poisoned, logp)},
    given=_GIVEN,
    kind="sequence-logprob",
    codes=("PAD", "EXT"),
    about=needs_mask,
    source=SOURCE,
    on=logp_problems(sizes=(1.0, 1 / 4)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=RAGGED,
    counterfeits=True,
    mutants={"log-probability: negated": {"log-probability": Eq(poisoned, -logp)}},
    no_proof=NO_PROOF,
)
def non_finite_padding(subject: Any, problem: LogpProblem) -> Values:
    """Not even inf or NaN enters the value where nothing is scored: a mask selects, it does not multiply."""
    return _with_poison(subject, problem, (np.inf, -np.inf, np.nan))


@theorem(
    "log-probabilities.padding.non-finite-gradient",
    states={
        "finite": Under({"the gradient is finite": Eq(gradient_finite, 1)}, Eq(poisoned_finite, 1)),
        "gradient in the padding": Eq(padded_gradient, 0),
    },
    kind="sequence-logprob",
    codes=("PAD", "EXT"),
    about=needs_mask,
    source=SOURCE,
    on=logp_problems(sizes=(1.0, 1 / 4)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples=RAGGED,
    counterfeits=True,
    mutants={"gradient in the padding: that of all": {"gradient in the padding": Eq(largest_gradient, 0)}},
    no_proof=NO_PROOF,
)
def non_finite_gradient(subject: Any, problem: LogpProblem) -> Values:
    """Nor does inf or NaN there make the gradient NaN: log-probabilities are masked before the softmax, not behind."""
    made = dict(_with_poison(subject, problem, (np.inf, np.nan, -np.inf)))
    return made | {poisoned_finite: made[_gradient_of_poisoned_finite]}


_gradient_of_poisoned_finite = nonnegative("gradient_of_poisoned_finite", r"\mathrm{finite}_\nabla^{\mathrm{poisoned}}")


def _with_poison(subject: Any, problem: LogpProblem, poison: tuple[float, ...]) -> Values:
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    found = case.run(case.poisoned_call(poison))
    plain, value = compare(case.values(case.found), case.expected), compare(case.values(found), case.expected)
    slopes = compare(case.gradients(case.found), case.expected_gradients)
    others = compare(case.gradients(found), case.expected_gradients)
    idle = found.gradients[case.first][~case.predicting & _settled(case)[:, None]]
    return {
        logp: plain.found,
        finite: plain.finite,
        poisoned: value.found,
        poisoned_finite: value.finite,
        gradient: slopes.found,
        gradient_finite: slopes.finite,
        poisoned_gradient: others.found,
        padded_gradient: np.abs(np.nan_to_num(idle, nan=1.0)).max(initial=0.0),
        largest_gradient: np.abs(np.nan_to_num(case.gradients(found))).max(initial=0.0),
        _gradient_of_poisoned_finite: others.finite,
    }


def _settled(case: LogpCase) -> NDArray[np.bool_]:
    """(B,): the rows with a gradient even without any poison; a mean of nothing is `extremes.empty-rows`' business."""
    slopes = case.found.gradients[case.first]
    return np.asarray(np.isfinite(slopes.reshape(len(slopes), -1)).all(axis=1), dtype=np.bool_)


@theorem(
    "log-probabilities.padding.columns",
    states={"log-probability": Eq(poisoned, logp), "gradient in the columns": Eq(padded_gradient, 0)},
    given=_GIVEN,
    kind="sequence-logprob",
    codes=("PAD", "PART"),
    about=needs_mask,
    source=SOURCE,
    on=logp_problems(sizes=(1.0, 1 / 4)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, "default options": PLAIN},
    counterfeits=True,
    mutants={
        "log-probability: negated": {"log-probability": Eq(poisoned, -logp)},
        "gradient in the columns: that of all": {"gradient in the columns": Eq(largest_gradient, 0)},
    },
    no_proof=NO_PROOF,
)
def columns(subject: Any, problem: LogpProblem) -> Values:
    """Columns of padding behind all sequences change nothing, and get no gradient."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.logprob_case import LogpCase

    case = LogpCase(subject, problem)
    found = case.run(case.widened_call(2))
    plain, value = compare(case.values(case.found), case.expected), compare(case.values(found), case.expected)
    idle = found.gradients[case.first][_settled(case), problem.tokens.shape[1] :]
    return {
        logp: plain.found,
        finite: plain.finite,
        poisoned: value.found,
        padded_gradient: np.abs(np.nan_to_num(idle, nan=1.0)).max(initial=0.0),
        largest_gradient: np.abs(np.nan_to_num(case.gradients(found))).max(initial=0.0),
    }
