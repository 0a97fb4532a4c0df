"""Finitely many responses with preferences between each two: what IPO makes of them as a population (PO-3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.optima import pairs_of
from alignprops.conformance.pair_by_pair import EachPair, each_pair
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.measured import EPS, Bounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PreferencesProblem:
    """Preferences between n responses, how often each is drawn, and a policy.

    Attributes:
        preferences: (n, n) float64, P(y, y') that y is preferred to y'; P + Pᵀ = 1, dyadic.
        weights: (n,) int64, how often responses are drawn, up to the sum; both members of a pair independently.
        policy, reference: (n,) float64, log-probabilities up to a constant.
        choices: (8,) int64, which of its values every option of the loss takes.
        dtype: what the code is called in.
    """

    preferences: Floats
    weights: NDArray[np.int64]
    policy: Floats
    reference: Floats
    choices: NDArray[np.int64]
    dtype: str

    @property
    def drawn(self) -> Floats:
        """(n,) μ."""
        made: Floats = self.weights / self.weights.sum()
        return made

    @property
    def quality(self) -> Floats:
        """(n,) q(y) = Σ μ(y')P(y, y'): how often a response wins."""
        made: Floats = self.preferences @ self.drawn
        return made

    def pairs(self, policy: Floats) -> PairwiseProblem:
        """All n² ordered pairs under a policy (n,), row by row."""
        chosen, rejected = np.indices(self.preferences.shape).reshape(2, -1)
        return pairs_of(policy, self.reference, chosen, rejected, self.choices, self.dtype)


@dataclass(frozen=True, eq=False)
class Labelled:
    """A subject on labelled pairs of a problem: the mean of its losses over pairs and labels.

    Attributes:
        loss: () Σ μμ'P(y, y')·f(h(y, y')) + μμ'P(y', y)·f(h(y', y)).
        differences: (n²,) the log-ratio differences that it was given.
        known: 1 where all numbers are.
    """

    loss: Bounded
    differences: Bounded
    known: int


@dataclass(frozen=True, eq=False)
class PreferencesCase:
    """One subject on a problem of preferences between responses."""

    subject: Conformer
    problem: PreferencesProblem

    @cached_property
    def weights(self) -> Floats:
        """(n²,) how often a pair (y_w, y_l) is met, in this order: 2μμ'P(y, y')."""
        drawn = self.problem.drawn
        made: Floats = (2 * drawn[:, None] * drawn[None, :] * self.problem.preferences).reshape(-1)
        return made

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem."""
        specification = self.subject.specification
        return specification.chosen(self.problem.choices, self.subject.options, self.subject.constants)

    def labelled(self, policy: Floats) -> Labelled:
        """The mean loss of a policy (n,)."""
        seen: EachPair = each_pair(self.subject, self.problem.pairs(policy))
        parts = self.weights * seen.losses.value
        rounding = (2 * parts.size + 8) * EPS * np.abs(parts).sum()
        error = (self.weights * seen.losses.error).sum() * (1 + 1e-12) + rounding
        return Labelled(Bounded(np.asarray(parts.sum()), np.asarray(error)), seen.differences, int(seen.known.min()))

    def toward(self, log_ratios: Floats) -> Floats:
        """(n,) the policy with these log-ratios to the reference, up to a constant, below 1."""
        made: Floats = self.problem.reference + log_ratios
        return made - max(float(made.max()) + 1 / 8, 0.0)
