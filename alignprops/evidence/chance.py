"""Anytime-valid tests of statements about probabilities.

For Bernoulli trials with s successes and f failures, the Beta(1, 1) mixture of likelihoods over the likelihood at p,
`E(p) = B(s+1, f+1) / (p^s (1−p)^f)`, is a non-negative martingale of mean 1 if p is the true probability
(Ville 1939; Howard et al. 2021, section 3). So `inf over the hypothesis of E(p) ≥ 1/α` at any time refutes
the hypothesis with a false-alarm rate of at most α, and `{p: E(p) < 1/α}` is a confidence sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, lgamma, log, log1p

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.evidence.outcomes import Outcomes
from alignprops.evidence.reading import NonFinite
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
    count = len(outcomes.trials)
    steps = np.unique(np.geomspace(1, count, 64).astype(int))  # looks; any set of looks is valid
    running = np.cumsum(outcomes.trials)
    side = max if at_least else min
    log_e = max(_log_e(int(running[n - 1]), int(n), side(bound, float(running[n - 1] / n))) for n in steps)
    successes = int(running[-1])
    return Trial(log_e, successes, count, bound, confidence_interval(successes, count))


def _log_e(successes: int, trials: int, p: float) -> float:
    """log E(p); over a hypothesis its least value is at the p nearest to s/n, where the likelihood is largest."""
    failures = trials - successes
    if (p <= 0 and successes) or (p >= 1 and failures):
        return float("inf")
    log_mixture = lgamma(successes + 1) + lgamma(failures + 1) - lgamma(trials + 2)
    log_likelihood = (successes * log(p) if successes else 0.0) + (failures * log1p(-p) if failures else 0.0)
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
    chances = [s for s in relation.free_symbols if s in outcomes]
    if isinstance(relation, sp.Eq) or len(chances) != 1 or chances[0] not in relation.args:
        raise TheoremError(f"{relation}: one probability must stand alone on one side of an inequality")
    at_least = relation.gts == chances[0]
    bound = rounded(relation.lts if at_least else relation.gts, values)
    if np.size(bound.value) != 1:
        raise TheoremError(f"{relation}: a probability is compared with one number, not with {np.shape(bound.value)}")
    slack, value = np.asarray(bound.error).item(), np.asarray(bound.value).item()
    if not isfinite(value):
        raise NonFinite(f"the bound of the probability in {relation} is not finite where the premises hold")
    level = value + (-slack if at_least else slack)  # rounding never refutes
    return sequential_test(outcomes[chances[0]], min(max(level, 0.0), 1.0), at_least=at_least)
