"""A `SequenceProblem` as tensors: what a function that scores sequences is called with, and its gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignprops._errors import InputError
from alignprops.training.sequence_problem import SequenceProblem

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SequenceTensors:
    """What a log-probability function may look at; `states`, `weight` and `bias` require gradients.

    Attributes:
        states: (B, T, d) inputs of the output embedding, in the dtype of the problem.
        weight: (V, d), in that dtype.
        bias: (V,) in that dtype, or None.
        scale: logits = scale·W x + b.
        tokens: (B, T) int64.
        scored: (B, T) bool, whether the token at a position counts; it is predicted from the state before it.
        chunk: how many positions may be turned into logits at a time.
    """

    states: Tensor
    weight: Tensor
    bias: Tensor | None
    scale: float
    tokens: Tensor
    scored: Tensor
    chunk: int

    @classmethod
    def of(cls, problem: SequenceProblem) -> SequenceTensors:
        """The tensors of a problem, on the CPU."""
        dtype: torch.dtype = getattr(torch, problem.dtype)

        def leaf(values: Floats) -> Tensor:
            return torch.from_numpy(values.copy()).to(dtype).requires_grad_()

        return cls(
            leaf(problem.states),
            leaf(problem.weight),
            leaf(problem.bias) if problem.bias.any() else None,
            problem.scale,
            torch.from_numpy(problem.tokens.copy()),
            torch.from_numpy(problem.scored.copy()),
            problem.chunk,
        )

    @cached_property
    def logits(self) -> Tensor:
        """(B, T, V): all logits, from widened inputs, as plain code has them; row t predicts the token at t + 1."""
        dtype = torch.promote_types(self.states.dtype, torch.float32)
        logits = self.scale * (self.states.to(dtype) @ self.weight.to(dtype).T)
        return logits if self.bias is None else logits + self.bias.to(dtype)


#: Called with the tensors, returns the summed log-probability of the scored tokens of each sequence, (B,).
Score = Callable[[SequenceTensors], Tensor]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a log-probability function says of a problem, in float64 (widened exactly).

    Attributes:
        logps: (B,).
        for_states: (B, T, d) gradient of Σ_b g_b · logps_b.
        for_weight: (V, d).
        for_bias: (V,), 0 where the head has no bias.
    """

    logps: Floats
    for_states: Floats
    for_weight: Floats
    for_bias: Floats


def score(function: Any, problem: SequenceProblem) -> Scores:
    """Call a log-probability function and differentiate what it returns.

    Raises:
        InputError: it does not return one number for each sequence.
    """
    tensors = SequenceTensors.of(problem)
    with torch.enable_grad():
        logps: Any = function(tensors)
        if not isinstance(logps, Tensor) or logps.shape != (len(problem.starts),):
            shape = tuple(logps.shape) if isinstance(logps, Tensor) else type(logps).__name__
            raise InputError(f"the log-probabilities are {shape}; expected a tensor ({len(problem.starts)},)")
        leaves = [tensors.states, tensors.weight, *([] if tensors.bias is None else [tensors.bias])]
        upstream = torch.from_numpy(problem.upstream).to(logps.dtype)
        found: tuple[Any, ...] = torch.autograd.grad(logps, leaves, upstream, allow_unused=True)
    gradients = [
        np.zeros(leaf.shape) if gradient is None else gradient.double().numpy()
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
    if tensors.bias is None:
        gradients.append(np.zeros(len(problem.weight)))
    return Scores(logps.detach().double().numpy(), *gradients)
