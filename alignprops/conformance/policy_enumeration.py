"""Every response of a small choice, as often as the sampling policy draws it: expectations without sampling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.policy import PolicyProblem
from alignprops.conformance.policy_case import PolicyCase
from alignprops.conformance.precision import EPS, SLACK
from alignprops.expressions import FUNCTION_ULPS, Rounded
from alignprops.losses.policy.aggregation import CONSTANT, GLOBAL, SEQUENCE_MEAN, TOKEN_MEAN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EnumerationProblem:
    """K responses to one prompt, chosen at the first token; what follows has probability 1.

    Attributes:
        counts: (K,) int64 > 0, how often the batch has each response; the sampling policy is counts/Σ counts.
        weights: (K,) int64 > 0, the current policy is weights/Σ weights.
        rewards: (K,) float64.
        lengths: (K,) int64, tokens of the responses.
        shift: what a baseline takes from every reward.
        choices: (8,) int64, options as in `PolicyProblem`.
        dtype: what the code is called in.
    """

    counts: Ints
    weights: Ints
    rewards: Floats
    lengths: Ints
    shift: float
    choices: Ints
    dtype: str

    @cached_property
    def old(self) -> Floats:
        """(K,) the sampling policy."""
        return np.asarray(self.counts / self.counts.sum())

    @cached_property
    def policy(self) -> Floats:
        """(K,) the current policy."""
        return np.asarray(self.weights / self.weights.sum())

    @cached_property
    def drawn(self) -> Ints:
        """(B,) which response each row of the batch is."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def batch(self, advantages: Floats, *, on_policy: bool, one_token: bool) -> PolicyProblem:
        """The batch, with an advantage a response of the choice."""
        lengths = np.ones_like(self.lengths) if one_token else self.lengths
        shape = (len(self.drawn), int(lengths.max()))
        first = np.arange(shape[1]) == 0
        mask = (np.arange(shape[1]) < lengths[self.drawn][:, None]).astype(np.int64)
        old = np.where(first, np.log(self.old)[self.drawn][:, None], 0.0)
        now = old if on_policy else np.where(first, np.log(self.policy)[self.drawn][:, None], 0.0)
        nothing = np.zeros(shape)
        return PolicyProblem(
            logps=now,
            old_logps=old,
            ref_logps=now,
            rollout_logps=old,
            advantages=np.broadcast_to(advantages[self.drawn][:, None], shape).copy(),
            values=nothing,
            old_values=nothing,
            returns=nothing,
            mask=mask,
            choices=self.choices,
            upstream=np.ones(shape),
            dtype=self.dtype,
        )


def surrogate_and_gain(subject: Conformer, problem: EnumerationProblem) -> tuple[Any, Rounded]:
    """−L of one-token responses under the sampling policy, in units of an expectation, and J(π) − J(π_old)."""
    centred = problem.rewards - problem.old @ problem.rewards
    case = PolicyCase(subject, problem.batch(centred, on_policy=False, one_token=True)).without_kl()
    share = _weight(case, np.ones(1, dtype=np.int64))[0] * len(problem.drawn)
    gain = float((problem.policy - problem.old) @ problem.rewards)
    # What the dtype makes of the log-probabilities and of the centred rewards moves ρA.
    eps = SLACK * EPS[case.dtype]
    spread = np.expm1(eps * (np.abs(np.log(problem.policy)) + np.abs(np.log(problem.old)) + FUNCTION_ULPS))
    error = float((problem.policy * np.abs(centred)) @ (spread + eps)) + eps * float(np.abs(problem.rewards).max())
    return -case.value_read().found.value / share, Rounded(gain, error + _error(case) / share)


def expected_gradients(subject: Conformer, problem: EnumerationProblem, shift: float) -> tuple[Floats, Rounded]:
    """(K,) B times the gradient of the loss in the logits of the choice, on policy, and −B·∇E_π[ω(ℓ)(r − shift)].

    ω is the weight of a token by the textbook, for a response of length ℓ (LEN-1); K numbers each.
    """
    advantages = problem.rewards - shift
    case = PolicyCase(subject, problem.batch(advantages, on_policy=True, one_token=False)).without_kl()
    rows = case.slope(case.found)[:, 0]
    chosen = np.eye(len(problem.old))[problem.drawn]
    found = rows @ (chosen - problem.old)
    omega = _weight(case, problem.lengths)
    utility = omega * advantages
    expected = -len(problem.drawn) * problem.old * (utility - problem.old @ utility)
    size = len(problem.drawn) * np.abs(utility).max(initial=0.0)
    eps = SLACK * EPS[case.dtype]
    return found, Rounded(expected, np.full(len(expected), eps * size * (8 + problem.lengths.max())))


def _error(case: PolicyCase) -> float:
    return float(case.expected_loss.error)


def _weight(case: PolicyCase, lengths: Ints) -> Floats:
    """(K,) the weight of a token in a response of each length, by the mode; from its name, not from its expression."""
    rows = len(case.mask)
    if case.subject.reduction == "sum":
        return np.ones(len(lengths))
    mode = case.loss.mode(case.variant)
    made: Any = 1 / rows
    if mode == TOKEN_MEAN:
        made = 1 / case.mask.sum()
    elif mode == SEQUENCE_MEAN:
        made = 1 / (rows * lengths)
    elif mode == CONSTANT:
        made = 1 / (rows * case.options["max_length"])
    elif mode == GLOBAL:
        made = 1 / case.options["global_tokens"]
    return np.broadcast_to(np.asarray(made, dtype=np.float64), lengths.shape)
