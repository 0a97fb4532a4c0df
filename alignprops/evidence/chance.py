"""Anytime-valid tests of statements about probabilities.

For Bernoulli trials with s successes and f failures, the Beta(1, 1) mixture of likelihoods over the likelihood at p,
`E(p) = B(s+1, f+1) / (p^s (1−p)^f)`, is a non-negative martingale of mean 1 if p is the true probability
(Ville 1939; Howard et al. 2021, section 3). So `inf over the hypothesis of E(p) ≥ 1/α` at any time refutes
the hypothesis with a false-alarm rate of at most α, and `{p: E(p) < 1/α}` is a confidence sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.evidence.outcomes import Outcomes
from alignprops.expressions import Rounded, rounded

#: A confidence sequence is reported at this error rate; a refutation needs far more (Settings.alpha).
INTERVAL_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Trial:
    """The sequential test of one probability statement on one instance.

    `log_e` is the largest logarithm of the e-value over the sequence of trials; `interval` the confidence sequence
    after the last trial at level 1 − INTERVAL_ALPHA.
    """

    log_e: float
    successes: int
    trials: int
    bound: float
    interval: tuple[float, float]

    def refutes(self, alpha: float) -> bool:
        return self.log_e >= log(1 / alpha)


def sequential_test(outcomes: Outcomes, bound: float, *, at_least: bool) -> Trial:
    """Test `P(success) ≥ bound` (or `≤ bound`) on the trials in their order."""
    indicators = np.asarray(outcomes.trials, dtype=bool)
    if not at_least:  # P ≤ bound for successes is P ≥ 1 − bound for failures
        mirrored = sequential_test(Outcomes(~indicators), 1 - bound, at_least=True)
        low, high = mirrored.interval
        successes = mirrored.trials - mirrored.successes
        return Trial(mirrored.log_e, successes, mirrored.trials, bound, (1 - high, 1 - low))
    steps = np.unique(np.geomspace(1, len(indicators), 64).astype(int))  # looks; any set of looks is valid
    running = np.cumsum(indicators)
    log_e = max(_log_e_below(int(running[step - 1]), int(step), bound) for step in steps)
    successes = int(running[-1])
    return Trial(log_e, successes, len(indicators), bound, confidence_interval(successes, len(indicators)))


def _log_e_below(successes: int, trials: int, bound: float) -> float:
    """log of inf over p ≥ bound of E(p): the likelihood's maximum over the hypothesis is at max(bound, s/n)."""
    return _log_e(successes, trials, min(max(bound, successes / trials), 1.0))


def _log_e(successes: int, trials: int, p: float) -> float:
    failures = trials - successes
    if (p <= 0 and successes) or (p >= 1 and failures):
        return float("inf")
    log_mixture = lgamma(successes + 1) + lgamma(failures + 1) - lgamma(trials + 2)
    log_likelihood = (successes * log(p) if successes else 0.0) + (failures * log(1 - p) if failures else 0.0)
    return log_mixture - log_likelihood


def confidence_interval(successes: int, trials: int, alpha: float = INTERVAL_ALPHA) -> tuple[float, float]:
    """`{p: E(p) < 1/alpha}`, which contains the true probability at all times with probability ≥ 1 − alpha."""
    centre, limit = successes / trials, log(1 / alpha)
    low = 0.0 if _log_e(successes, trials, 0.0) < limit else _bisect(successes, trials, limit, 0.0, centre)
    high = 1.0 if _log_e(successes, trials, 1.0) < limit else _bisect(successes, trials, limit, 1.0, centre)
    return low, high


def _bisect(successes: int, trials: int, limit: float, outside: float, inside: float) -> float:
    for _ in range(60):
        middle = (outside + inside) / 2
        if _log_e(successes, trials, middle) >= limit:
            outside = middle
        else:
            inside = middle
    return outside


def probability_trial(
    relation: Relational, outcomes: dict[sp.Symbol, Outcomes], values: dict[sp.Symbol, Rounded]
) -> Trial:
    """Test a relation whose one side is the symbol of a probability; the other side is computed."""
    (symbol,) = [s for s in relation.free_symbols if s in outcomes]
    if relation.gts == symbol:
        bound, at_least = rounded(relation.lts, values), True
    elif relation.lts == symbol:
        bound, at_least = rounded(relation.gts, values), False
    else:
        raise TheoremError(f"{relation}: a probability must stand alone on one side of the relation")
    slack = float(bound.error)
    level = float(bound.value) + (-slack if at_least else slack)  # rounding never refutes
    return sequential_test(outcomes[symbol], min(max(level, 0.0), 1.0), at_least=at_least)
