"""Code of an advantage equals its formula, and nothing behind an end or under a mask matters to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.advantage import AdvantageProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.advantages import advantage_problems
from alignprops.theorems import Under
from property_suites.advantages.notation import (
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    advantages,
    defined,
    finite,
    formula,
    over_time,
    returns,
    returns_defined,
    returns_finite,
    returns_formula,
)
from property_suites.advantages.specimens import DEGENERATE, EVERYWHERE, POISONED, RAGGED

Values = Mapping[Symbol, Any]
_TOLD = {"finite": Eq(finite, 1), "defined": Eq(defined, 1)}
_RETURNS_TOLD = {"finite": Eq(returns_finite, 1), "defined": Eq(returns_defined, 1)}


def _compared(case: Any, found: Any, expected: Mapping[str, Any]) -> Values:
    """Main output and returns beside their formulas; what the code does not return is not defined."""
    from alignprops.conformance.advantage import RETURNS
    from alignprops.conformance.comparison import compare

    main = case.made.main
    seen = compare(found.outputs[main], expected[main])
    beside = RETURNS if RETURNS in found.outputs and RETURNS in expected else main
    other = compare(found.outputs[beside], expected[beside])
    return {
        advantages: seen.found,
        formula: seen.expected,
        finite: seen.finite,
        defined: seen.defined,
        returns: other.found,
        returns_formula: other.expected,
        returns_finite: other.finite,
        returns_defined: other.defined,
    }


@theorem(
    "advantages.reference",
    states={
        "advantages": Under(_TOLD, Eq(advantages, formula)),
        "returns": Under(_RETURNS_TOLD, Eq(returns, returns_formula)),
    },
    kind="advantages",
    codes=("REF", "ADV", "LIVE"),
    source=SCHULMAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=EVERYWHERE,
    counterfeits=True,
    mutants={
        "advantages: sign": {"advantages": Eq(advantages, -formula)},
        "advantages: 5 % off": {"advantages": Eq(advantages, Rational(19, 20) * formula)},
        "returns: 5 % off": {"returns": Eq(returns, Rational(19, 20) * returns_formula)},
    },
)
def value(subject: Any, problem: AdvantageProblem) -> Values:
    """Advantages and returns are the formula's, in float64, float32 and bfloat16, for every value of the options.

    Over time with steps masked in the middle, or with episodes that end and a bootstrap; in groups that lie side by
    side or are told by ids, with rewards that have an offset of 10⁶.
    """
    from alignprops.conformance.advantage import AdvantageCase

    case = AdvantageCase(subject, _without_singles(subject, problem))
    return _compared(case, case.found, case.expected)


def _without_singles(subject: Any, problem: AdvantageProblem) -> AdvantageProblem:
    """The problem; a group of two in place of one that leaves nobody out."""
    import numpy as np

    if subject.specification.name != "rloo" or problem.scores.shape[1] > 1:
        return problem
    from dataclasses import replace

    count = len(problem.scores)
    scores = np.concatenate([problem.scores, problem.scores + 1], axis=1)
    return replace(problem, scores=scores, order=np.argsort(np.arange(2 * count) % count, kind="stable"))


@value.proof("GAE as a weighted sum of k-step advantages", domain="three steps, no end among them", lemma=True)
def _() -> Any:
    gamma, lam = real("gamma", r"\gamma"), real("lam", r"\lambda")
    deltas = [real(f"delta_{t}", rf"\delta_{t}") for t in range(3)]
    recursive = deltas[0] + gamma * lam * (deltas[1] + gamma * lam * deltas[2])
    steps = [sum(gamma**i * deltas[i] for i in range(k)) for k in (1, 2, 3)]
    weighted = (1 - lam) * (steps[0] + lam * steps[1]) + lam**2 * steps[2]
    return Eq(recursive, weighted, evaluate=False)


@value.proof("λ = 1 telescopes to the return less the value", domain="three steps and a bootstrap", lemma=True)
def _() -> Any:
    gamma = real("gamma", r"\gamma")
    rewards = [real(f"r_{t}", f"r_{t}") for t in range(3)]
    values = [real(f"v_{t}", f"V_{t}") for t in range(4)]
    deltas = [rewards[t] + gamma * values[t + 1] - values[t] for t in range(3)]
    told = sum(gamma**t * rewards[t] for t in range(3)) + gamma**3 * values[3] - values[0]
    return Eq(sum(gamma**t * deltas[t] for t in range(3)), told, evaluate=False)


@value.proof("RLOO is n/(n−1) times the gap to the mean; GRPO of binary rewards", domain="n = 4", lemma=True)
def _() -> Any:
    rewards = [real(f"r_{i}", f"r_{i}") for i in range(4)]
    mean, others = sum(rewards) / 4, sum(rewards[1:]) / 3
    k = nonnegative("k", "k")
    share = k / 4  # k successes of 4: mean k/4, variance k/4·(1 − k/4)
    square = (1 - share) ** 2 / (share * (1 - share))
    return [
        Eq(rewards[0] - others, Rational(4, 3) * (rewards[0] - mean), evaluate=False),
        Eq(square, (4 - k) / k, evaluate=False),
    ]


@theorem(
    "advantages.padding",
    states={
        "finite": Ge(finite, defined),
        "advantages": Under(_TOLD, Eq(advantages, formula)),
        "returns": Under(_RETURNS_TOLD, Eq(returns, returns_formula)),
    },
    kind="advantages",
    codes=("PAD", "ADV"),
    source=SCHULMAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=POISONED,
    counterfeits=True,
    about=lambda subject: over_time(subject) or (None if subject.form != "plain" else "nothing of it is masked"),
    mutants={
        "finite: never": {"finite": Ge(finite, 2 * defined)},
        "advantages: 5 % off": {"advantages": Eq(advantages, Rational(19, 20) * formula)},
        "returns: 5 % off": {"returns": Eq(returns, Rational(19, 20) * returns_formula)},
    },
    no_proof=NO_PROOF,
)
def padding(subject: Any, problem: AdvantageProblem) -> Values:
    """Rewards and values at masked steps change nothing, be they NaN, nor does what lies behind the end of an episode.

    Behind an end stand other rewards, values and a bootstrap of ±100; the steps up to it do not see them.
    """
    import numpy as np

    from alignprops.conformance.advantage import EPISODES, AdvantageCase
    from alignprops.expressions import Rounded

    case = AdvantageCase(subject, problem)
    ended = problem.dones.cumsum(axis=1) - problem.dones > 0  # behind an end
    hidden = ended if subject.form == EPISODES else ~case.kept
    poison = (float("nan"), 1e4, float("inf"), -1e4)[int(problem.choices[3]) % 4]
    if subject.form == EPISODES:
        poison = 100.0 if problem.choices[3] % 2 else -100.0
    changed: dict[str, Any] = {"rewards": np.where(hidden, poison, case.arrays["rewards"])}
    if "values" in case.arrays:
        values = case.arrays["values"].copy()
        values[:, : hidden.shape[1]][hidden] = poison
        if subject.form == EPISODES:
            values[problem.dones.any(axis=1), -1] = poison
        changed["values"] = values
    expected = {name: Rounded(np.where(hidden, np.nan, told.value), told.error) for name, told in case.expected.items()}
    return _compared(case, case.run(case.call(**changed)), expected)


@theorem(
    "advantages.finite",
    states=Ge(finite, defined),
    kind="advantages",
    codes=("EXT", "ADV"),
    source=SCHULMAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples={**DEGENERATE, **RAGGED},
    counterfeits=True,
    mutants={"never": Ge(finite, 2 * defined)},
    no_proof=NO_PROOF,
)
def stays_finite(subject: Any, problem: AdvantageProblem) -> Values:
    """Groups whose rewards are equal, groups of one and rows in which nothing counts give finite numbers.

    A normalised advantage is 0 where there is no deviation; a group of one cannot be left out of itself, and is not
    asked about here (`advantages.single`).
    """
    from alignprops.conformance.advantage import AdvantageCase
    from alignprops.conformance.comparison import compare

    case = AdvantageCase(subject, _without_singles(subject, problem))
    seen = compare(case.found.outputs[case.made.main], case.expected[case.made.main])
    return {finite: seen.finite, defined: seen.defined}
