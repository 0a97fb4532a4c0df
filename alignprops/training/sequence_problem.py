"""Sequences to be scored, and their log-probabilities and gradients by the formulas, with bounds on the rounding.

B padded sequences of T tokens; x_{b,t} is the input of the output embedding at position t of sequence b, from which the
token at t + 1 is predicted: l = c·W x_{b,t−1} + b, p = softmax(l). S_b are the scored positions of sequence b, those of
its response. Every number of an instance is exact in half precision, so that all dtypes are given the same problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Dtype = Literal["float64", "float32", "bfloat16", "float16"]
#: Distance from 1 to the next number, of the dtype that results are rounded to.
EPS: dict[Dtype, float] = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
#: The smallest positive normal number; what is smaller may be lost.
TINY: dict[Dtype, float] = {"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126, "float16": 2.0**-24}


@dataclass(frozen=True, eq=False)
class SequenceProblem:
    """States, a head, tokens, and which of them are scored.

    Attributes:
        states: (B, T, d) x; behind the end of a sequence anything.
        weight: (V, d) W.
        bias: (V,) b; all 0 stands for none.
        scale: c.
        tokens: (B, T) int64; behind the end of a sequence anything.
        starts: (B,) int64, the first scored position, ≥ 1.
        ends: (B,) int64, one past the last scored position, > start.
        upstream: (B,) the derivative of what is differentiated by each sequence's log-probability.
        dtype: what the subject is given.
        chunk: how many positions may be turned into logits at a time.
    """

    states: Floats
    weight: Floats
    bias: Floats
    scale: float
    tokens: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    upstream: Floats
    dtype: Dtype
    chunk: int

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """(B, T): whether the token at a position is scored."""
        at = np.arange(self.tokens.shape[1])
        return (at >= self.starts[:, None]) & (at < self.ends[:, None])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(B,) scored tokens of each sequence."""
        return self.ends - self.starts

    @cached_property
    def sums(self) -> SequenceSums:
        """The formulas, evaluated."""
        return SequenceSums(self)


class SequenceSums:
    """Log-probabilities and gradients of a `SequenceProblem` by the formulas, in float64.

    The errors bound how far a correct computation may be from them that accumulates in float32 (float64 for float64
    inputs) and rounds gradients to the dtype of what they belong to. With e the accumulating eps, a position's logits
    are sums of d + 2 rounded terms of total size A = max_v (|c| Σ|W_v x| + |b_v|), so wrong by at most δ = (d + 3)eA;
    l_v − m by 2δ + e|l_v − m|; p by the factor 1 ± r, r = 4δ + e(2·spread + V + 8); and log p by
    2δ + e(|l_y − m| + V + 8) + r.
    """

    def __init__(self, problem: SequenceProblem) -> None:
        self.problem = problem
        self._rows, self._at = np.nonzero(problem.scored)  # (N,) sequence and position of every scored token
        self._x = problem.states[self._rows, self._at - 1]  # (N, d)
        self._y = problem.tokens[self._rows, self._at]  # (N,)
        self._g = problem.upstream[self._rows]  # (N,)
        linear = problem.scale * self._x @ problem.weight.T
        logits = linear + problem.bias  # (N, V)
        largest = logits.max(axis=1, keepdims=True)
        raised = np.exp(logits - largest)
        total = raised.sum(axis=1, keepdims=True)
        self._p = raised / total  # (N, V)
        self._target = logits[np.arange(len(self._y)), self._y]  # (N,)
        self._normaliser = (largest + np.log(total))[:, 0]  # (N,)
        # float64 results are held against formulas in float64, whose own rounding is as large
        self._eps = 2 * EPS["float64"] if problem.dtype == "float64" else EPS["float32"]
        self._bound(largest, logits)

    def _bound(self, largest: Floats, logits: Floats) -> None:
        problem, eps = self.problem, self._eps
        vocabulary, width = problem.weight.shape
        sizes = abs(problem.scale) * np.abs(self._x) @ np.abs(problem.weight).T + np.abs(problem.bias)
        wrong_logits = (width + 3) * eps * sizes.max(axis=1)  # δ
        spread = (largest - logits).max(axis=1)
        self._relative = 4 * wrong_logits + eps * (2 * spread + vocabulary + 8)  # r
        self._wrong_logp = (
            2 * wrong_logits + eps * (largest[:, 0] - self._target + vocabulary + 8) + self._relative
        )  # (N,)

    def _per_sequence(self, values: Floats) -> Floats:
        sums = np.zeros(len(self.problem.starts))
        np.add.at(sums, self._rows, values)
        return sums

    # --- the log-probabilities ------------------------------------------------------------------------------------

    @cached_property
    def target_logits(self) -> Floats:
        """(B,) Σ_{t ∈ S_b} l_{t, y_t}."""
        return self._per_sequence(self._target)

    @cached_property
    def normalisers(self) -> Floats:
        """(B,) Σ_{t ∈ S_b} log Σ_v exp l_{t, v}."""
        return self._per_sequence(self._normaliser)

    @cached_property
    def logp_error(self) -> Floats:
        """(B,): of the sum of the log-probabilities."""
        size = self._per_sequence(np.abs(self._target - self._normaliser))
        sums = EPS["float64"] * (np.abs(self.target_logits) + np.abs(self.normalisers)) * (self.problem.lengths + 4)
        return self._per_sequence(self._wrong_logp) + self._eps * self.problem.lengths * size + sums

    # --- the gradients --------------------------------------------------------------------------------------------

    @cached_property
    def target_rows(self) -> Floats:
        """(B, T, d) W_{y_{t+1}} at the positions t that predict a scored token, elsewhere 0."""
        return self._at_states(self.problem.weight[self._y])

    @cached_property
    def mean_rows(self) -> Floats:
        """(B, T, d) Σ_v p_v W_v at the positions that predict a scored token, elsewhere 0."""
        return self._at_states(self._p @ self.problem.weight)

    @cached_property
    def states_error(self) -> Floats:
        """(B, T, d): of the gradient in the states; 0 where nothing is scored."""
        weight, vocabulary = np.abs(self.problem.weight), len(self.problem.weight)
        mean = self._p @ weight
        wrong = mean * (self._relative + (vocabulary + 8) * self._eps)[:, None] + 8 * self._eps * weight[self._y]
        lost = TINY[self._accumulator] * weight.sum(axis=0)
        rounded = EPS[self.problem.dtype] * np.abs(weight[self._y] + mean)
        factor = np.abs(self._g * self.problem.scale)[:, None]
        smallest = TINY[self.problem.dtype]
        return self._at_states(factor * (wrong + lost + rounded) + smallest)

    @cached_property
    def counted_states(self) -> Floats:
        """(V, d) Σ_b g_b Σ_{t ∈ S_b} 1{y_t = v} x_{t−1}."""
        return np.asarray(self._counted().T @ self._x)

    @cached_property
    def expected_states(self) -> Floats:
        """(V, d) Σ_b g_b Σ_{t ∈ S_b} p_{t,v} x_{t−1}."""
        return np.asarray((self._g[:, None] * self._p).T @ self._x)

    @cached_property
    def weight_error(self) -> Floats:
        """(V, d): of the gradient in W."""
        return np.asarray(abs(self.problem.scale) * (self._error_sums() @ np.abs(self._x)) + TINY[self.problem.dtype])

    @cached_property
    def counted(self) -> Floats:
        """(V,) Σ_b g_b #{t ∈ S_b: y_t = v}."""
        return np.asarray(self._counted().sum(axis=0))

    @cached_property
    def expected(self) -> Floats:
        """(V,) Σ_b g_b Σ_{t ∈ S_b} p_{t,v}."""
        return np.asarray(self._g @ self._p)

    @cached_property
    def bias_error(self) -> Floats:
        """(V,): of the gradient in the bias."""
        return np.asarray(self._error_sums().sum(axis=1) + TINY[self.problem.dtype])

    def _counted(self) -> Floats:
        counted: Floats = np.zeros(self._p.shape)
        counted[np.arange(len(self._y)), self._y] = self._g
        return counted

    def _error_sums(self) -> Floats:
        """(V, N): how far g(1{y = v} − p_v) may be off, with its share of the errors of a sum over N positions."""
        terms = len(self._y) + 8
        size = np.abs(self._g)[:, None] * self._p + np.abs(self._counted())
        lost = np.abs(self._g)[:, None] * TINY[self._accumulator]
        rounding = terms * self._eps + EPS[self.problem.dtype]
        return np.transpose(size * (self._relative[:, None] + rounding) + lost)

    def _at_states(self, values: Any) -> Floats:
        placed = np.zeros(self.problem.states.shape)
        placed[self._rows, self._at - 1] = values
        return placed

    @property
    def _accumulator(self) -> Dtype:
        return "float64" if self.problem.dtype == "float64" else "float32"
