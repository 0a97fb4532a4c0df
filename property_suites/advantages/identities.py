"""Identities of advantages: the ends of λ, sums over a group, bounds, shifts and orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Le, Rational, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.advantage import AdvantageProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.advantages import advantage_problems
from alignprops.theorems import Under
from property_suites.advantages.notation import (
    AHMADIAN,
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    SHAO,
    finite,
    in_groups,
    over_time,
)
from property_suites.advantages.reference import _without_singles
from property_suites.advantages.specimens import BASE, DEGENERATE, RAGGED, SPELLED

Values = Mapping[Symbol, Any]

at_zero = real("at_zero", r"\hat A_{\lambda=0}")
one_step = real("one_step", r"\delta")
at_one = real("at_one", r"\hat A_{\lambda=1}")
to_the_end = real("to_the_end", r"G - V")
returned = real("returned", r"\hat G")
total = real("total", r"\hat A + V")
returned_finite = nonnegative("returned_finite", r"\mathrm{finite}_G")
group_sum = real("group_sum", r"\sum_i \hat A_i")
largest = nonnegative("largest", r"\max_i |\hat A_i|")
limit = nonnegative("limit", r"A_{\max}")
first = real("first", r"\hat A(r)")
moved = real("moved", r"\hat A(r')")


def _is_gae(subject: Any) -> str | None:
    known = subject.specification.name == "gae" and "lam" in subject.options
    return over_time(subject) or (None if known else "it has no λ")


@theorem(
    "advantages.lambda",
    states={
        "0": Eq(at_zero, one_step),
        "1": Eq(at_one, to_the_end),
        "returns": Under({"returned": Eq(returned_finite, 1)}, Eq(returned, total)),
    },
    given={"finite": Eq(finite, 1)},
    kind="advantages",
    codes=("ADV",),
    source=SCHULMAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=RAGGED,
    counterfeits=True,
    about=_is_gae,
    mutants={
        "0: 5 % off": {"0": Eq(at_zero, Rational(19, 20) * one_step)},
        "1: the return itself": {"1": Eq(at_one, 2 * to_the_end)},
        "returns: advantages": {"returns": Eq(returned, at_zero)},
    },
    no_proof="the lemmas stand with `advantages.reference`",
)
def ends(subject: Any, problem: AdvantageProblem) -> Values:
    """λ = 0 gives the one-step advantage, λ = 1 the return less the value, and returns are advantages plus values.

    The return includes the bootstrap where a row is cut off, and ends where an episode does; it is summed here anew,
    step by step, without a recursion on advantages.
    """
    import numpy as np

    from alignprops.conformance.advantage import ADVANTAGES, RETURNS, AdvantageCase

    case = AdvantageCase(subject, problem)
    kept, gamma = case.kept, float(case.options["gamma"])
    found, told = {}, {}
    for lam in (0.0, 1.0):
        options = {**case.options, "lam": lam}
        found[lam] = case.run(case.call().with_options(lam=lam)).outputs
        told[lam] = case.expected_with(options)[ADVANTAGES]
    direct = _direct(case, gamma)
    sure = kept & np.isfinite(found[0.0][ADVANTAGES]) & np.isfinite(found[1.0][ADVANTAGES])
    values = case.arrays["values"][:, : kept.shape[1]]
    back = found[1.0].get(RETURNS, np.full(kept.shape, np.nan))
    errors = {lam: np.where(sure, told[lam].error, 0) for lam in told}
    cleared = {lam: np.where(sure, found[lam][ADVANTAGES].reshape(kept.shape), 0) for lam in found}
    returned_too = np.where(sure & np.isfinite(back), back, 0)
    bound = case.expected_with({**case.options, "lam": 1.0})[RETURNS].error
    return {
        at_zero: bounded(cleared[0.0], errors[0.0]),
        at_one: bounded(cleared[1.0], errors[1.0]),
        one_step: np.where(sure, direct[0], 0),
        to_the_end: np.where(sure, direct[1], 0),
        returned: bounded(returned_too, np.where(sure, bound, 0)),
        total: bounded(np.where(sure, cleared[1.0] + values, 0), errors[1.0]),
        returned_finite: (sure & np.isfinite(back)).astype(np.int64),
        finite: sure.astype(np.int64),
    }


def _direct(case: Any, gamma: float) -> Any:
    """(2, B, T): one-step advantages, and returns less values, summed forwards from each step."""
    import numpy as np

    rewards, values = case.arrays["rewards"], case.arrays["values"]
    dones = case.arrays.get("dones", np.zeros(rewards.shape, dtype=bool))
    made = np.zeros((2, *rewards.shape))
    for b, t in np.argwhere(case.kept):
        steps = [s for s in range(t, rewards.shape[1]) if case.kept[b, s]]
        stop = next((i for i, s in enumerate(steps) if dones[b, s]), None)
        steps = steps if stop is None else steps[: stop + 1]
        bootstrap = values[b, -1] if stop is None and values.shape[1] > rewards.shape[1] else 0.0
        following = 0.0 if dones[b, t] else values[b, steps[1]] if len(steps) > 1 else bootstrap
        made[0, b, t] = rewards[b, t] + gamma * following - values[b, t]
        gains = sum(gamma**i * rewards[b, s] for i, s in enumerate(steps))
        made[1, b, t] = gains + gamma ** len(steps) * bootstrap - values[b, t]
    return made


def _centred(subject: Any) -> str | None:
    return in_groups(subject) or (
        None if "centred" in subject.specification.traits else "its mean is not that of the group"
    )


@theorem(
    "advantages.group-sums",
    states={"sum": Eq(group_sum, 0), "bound": Le(largest, limit)},
    given={"finite": Eq(finite, 1)},
    kind="advantages",
    codes=("ADV",),
    source=SHAO,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples={**RAGGED, **SPELLED, **DEGENERATE},
    counterfeits=True,
    about=_centred,
    mutants={
        "sum: not centred": {"sum": Eq(group_sum, 1)},
        "bound: half": {"bound": Le(largest, limit / 2)},
    },
    no_proof="the bound is Samuelson's inequality; its cases n = 2 and one outlier attain it among the examples",
)
def sums(subject: Any, problem: AdvantageProblem) -> Values:
    """Advantages of a group sum to 0, and none exceeds √(n−1), or (n−1)/√n of the sample deviation.

    The bound is stated of GRPO scaled by the group; of RLOO it is the largest
    gap between two rewards of the group, of gaps to the mean (n−1)/n of that.
    """
    import numpy as np

    from alignprops.conformance.advantage import ADVANTAGES, AdvantageCase
    from alignprops.measured import EPS

    case = AdvantageCase(subject, _without_singles(subject, problem))
    made = case.groups(case.found.outputs[ADVANTAGES])
    error = np.nan_to_num(case.groups(case.expected[ADVANTAGES].error), nan=np.inf)
    sure = np.isfinite(made).all(axis=1)
    made = np.where(np.isfinite(made), made, 0)
    at = np.abs(made).argmax(axis=1)
    worst = np.abs(made).max(axis=1)
    limits = _limits(case)
    return {
        group_sum: bounded(made.sum(axis=1), error.sum(axis=1) + made.shape[1] * EPS * np.abs(made).sum(axis=1)),
        largest: bounded(worst, error[np.arange(len(made)), at]),
        limit: worst if limits is None else limits,
        finite: sure.astype(np.int64),
    }


def _limits(case: Any) -> Any:
    """(G,): what no advantage of a group exceeds; None if there is no such number, as with the batch's deviation."""
    import numpy as np

    from alignprops.losses.advantages.table import POPULATION, SPELLINGS

    rewards = case.groups(case.arrays["rewards"])
    n, gap = rewards.shape[1], np.ptp(rewards, axis=1)
    scale = SPELLINGS[case.options["scale_rewards"]] if case.made.name == "grpo" else "none"
    if scale == "batch":
        return None
    if scale == "group":
        return np.full(len(gap), np.sqrt(n - 1.0) if case.subject.variant == POPULATION else (n - 1) / np.sqrt(n))
    return gap if case.made.name == "rloo" else gap * (n - 1) / n


@theorem(
    "advantages.equivariance",
    states=Eq(moved, first),
    given={"finite": Eq(finite, 1)},
    kind="advantages",
    codes=("PART", "ADV"),
    source=AHMADIAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples={**RAGGED, "a group of each kind": BASE},
    counterfeits=True,
    about=in_groups,
    mutants={"5 % off": Eq(moved, Rational(19, 20) * first)},
    no_proof=NO_PROOF,
)
def moves(subject: Any, problem: AdvantageProblem) -> Values:
    """Adding a constant to all rewards changes no advantage; reordering responses, or groups, reorders advantages."""
    from dataclasses import replace

    import numpy as np

    from alignprops.conformance.advantage import ADVANTAGES, AdvantageCase

    problem = _without_singles(subject, problem)
    other = replace(problem, scores=problem.scores[::-1, ::-1] + 8.0)
    one, two = AdvantageCase(subject, problem), AdvantageCase(subject, other)
    numbers, errors = [], []
    for case, back in ((one, slice(None)), (two, slice(None, None, -1))):
        made = case.groups(case.found.outputs[ADVANTAGES])[back, back]
        error = case.groups(case.expected[ADVANTAGES].error)[back, back]
        # What the dtype makes of the shifted rewards is part of the question: its rounding is in both errors.
        numbers.append(made)
        errors.append(np.nan_to_num(error, nan=np.inf))
    exact = np.array_equal(one.groups(one.arrays["rewards"]), two.groups(two.arrays["rewards"])[::-1, ::-1] - 8.0)
    sure = np.isfinite(numbers[0]) & np.isfinite(numbers[1]) & exact
    return {
        first: bounded(np.where(sure, numbers[0], 0), errors[0]),
        moved: bounded(np.where(sure, numbers[1], 0), errors[1]),
        finite: sure.astype(np.int64),
    }
