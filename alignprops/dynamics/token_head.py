"""A head trained by DPO on whole responses: several tokens each, log-partitions that do not cancel (LD-20).

log π_W(y|x) = Σ_t [⟨w_{y_t}, x_t⟩ − log Σ_v exp⟨w_v, x_t⟩], with frozen states x_t. With one-hot states this is a
tabular softmax: a free logit for every (context, token). Plain numpy, on floats and on balls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.atoms import sigmoid
from alignprops.dynamics.linear_algebra import as_exact
from alignprops.measured import is_exact


@dataclass(frozen=True, eq=False)
class TokenHeadProblem:
    """Pairs of responses, the states that predict their tokens, and the head W_0 = reference.

    Attributes:
        head: (V, d) W_0.
        states: (n, 2, R, d) x_t of the chosen and the rejected response.
        tokens: (n, 2, R) token ids y_t.
        scored: (n, 2, R) 1 where there is a token, 0 behind the end of a response.
        shared: (n,) how many leading positions have the same context in both responses, at least 1: the common prefix
            and the first token that differs. The states there are equal.
        probe: (V, d) a direction in which statements about every W are tried.
        eta, beta, steps: of the run.
    """

    head: NDArray[Any]
    states: NDArray[Any]
    tokens: NDArray[np.int64]
    scored: NDArray[np.int64]
    shared: NDArray[np.int64]
    probe: NDArray[Any]
    eta: Any
    beta: Any
    steps: int

    @property
    def exact(self) -> bool:
        """Whether the numbers are balls."""
        return is_exact(self.head)

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.tokens)

    @cached_property
    def _targets(self) -> NDArray[Any]:
        """One-hot tokens at scored positions, with the sign of their response, (n, 2, R, V)."""
        hot = (self.tokens[..., None] == np.arange(len(self.head))).astype(np.int64)
        signed = hot * self.scored[..., None] * np.array([1, -1])[:, None, None]
        made: NDArray[Any] = signed.astype(object if self.exact else np.float64)
        return made

    @cached_property
    def _sides(self) -> NDArray[Any]:
        """+1 at scored positions of the chosen response, −1 of the rejected one, (n, 2, R)."""
        signed = self.scored * np.array([1, -1])[:, None]
        made: NDArray[Any] = signed.astype(object if self.exact else np.float64)
        return made

    def log_ratios(self, head: NDArray[Any]) -> NDArray[Any]:
        """log π_W(chosen) − log π_W(rejected), raw, (n,)."""
        logits = self.states @ head.T  # (n, 2, R, V)
        scores = (self._targets * logits).sum(axis=-1) - self._sides * _log_sum_exp(logits)
        return scores.sum(axis=(1, 2))  # type: ignore[no-any-return]

    def differences(self, head: NDArray[Any]) -> NDArray[Any]:
        """h_i(W), raw, (n,)."""
        return self.log_ratios(head) - self._reference  # type: ignore[no-any-return]

    @cached_property
    def _reference(self) -> NDArray[Any]:
        return self.log_ratios(self.head)

    def gradients(self, head: NDArray[Any]) -> NDArray[Any]:
        """∇h_i(W) = Σ_t ±(e_{y_t} − p_t) ⊗ x_t, raw, (n, V, d)."""
        logits = self.states @ head.T
        chances = np.exp(logits - _log_sum_exp(logits)[..., None])  # (n, 2, R, V)
        errors = (self._targets - self._sides[..., None] * chances).reshape(self.n, -1, len(head))
        return errors.swapaxes(1, 2) @ self.states.reshape(self.n, -1, head.shape[1])  # type: ignore[no-any-return]

    def loss_gradient(self, head: NDArray[Any]) -> NDArray[Any]:
        """∇L(W) = −β mean σ(−βh_i)∇h_i(W), raw, (V, d)."""
        pulls = -self.beta * sigmoid.numeric(-self.beta * self.differences(head)) / self.n  # (n,)
        return (pulls[:, None, None] * self.gradients(head)).sum(axis=0)  # type: ignore[no-any-return]

    @cached_property
    def smoothness(self) -> NDArray[Any]:
        """H_i = ½ max(Σ_chosen‖x_t‖², Σ_rejected‖x_t‖²) over contexts of their own, raw, (n,)."""  # LD-20d
        own = self.scored * (np.arange(self.tokens.shape[2]) >= self.shared[:, None, None])
        squares = (self.states * self.states).sum(axis=-1)
        sums = ((as_exact(own) if self.exact else own) * squares).sum(axis=-1)  # (n, 2)
        if self.exact:
            return np.array([(a.max(b)) / 2 for a, b in sums], dtype=object)
        return sums.max(axis=1) / 2  # type: ignore[no-any-return]

    @cached_property
    def reach(self) -> NDArray[np.float64]:
        """√2·Σ‖x_t‖ over both responses, a bound on ‖∇h_i(W)‖ for every W (floats), (n,)."""
        sizes = np.linalg.norm(self.states, axis=-1) * self.scored
        return np.sqrt(2) * sizes.sum(axis=(1, 2))  # type: ignore[no-any-return]


def _log_sum_exp(logits: NDArray[Any]) -> NDArray[Any]:
    """log Σ exp over the last axis; floats without overflow."""
    if is_exact(logits):
        return np.log(np.exp(logits).sum(axis=-1))  # type: ignore[no-any-return]
    top = logits.max(axis=-1)
    return top + np.log(np.exp(logits - top[..., None]).sum(axis=-1))  # type: ignore[no-any-return]


def train_tokens(problem: TokenHeadProblem) -> NDArray[Any]:
    """W_0 … W_T of gradient descent on the DPO loss, (steps+1, V, d)."""
    heads = [problem.head]
    for _ in range(problem.steps):
        heads.append(heads[-1] - problem.eta * problem.loss_gradient(heads[-1]))
    return np.stack(heads)
