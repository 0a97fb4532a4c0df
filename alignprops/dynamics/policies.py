"""Small differentiable policies for statements about any model (LD-15): a table, a network, a transformer.

Each gives the log-probability of a multi-token response (summed over its tokens) as a function of one flat
parameter vector, so that torch's forward and reverse modes can be played against each other. float64, no dropout,
initialised from a seed. torch is imported here; this module is imported on use.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, jvp
from torch.nn.functional import logsigmoid

from alignprops.dynamics.first_step import FirstStep
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.linearised import NETWORK_ROUNDINGS, LinearisedRun
from alignprops.dynamics.policy_problem import Kind, PolicyProblem
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded


class Table(nn.Module):
    """Tabular softmax: a free logit for every (previous token, token)."""

    def __init__(self, vocabulary: int, length: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.randn(vocabulary, vocabulary, dtype=torch.float64))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (n, length, V) of the token after each."""
        return self.logits[tokens]


class Network(nn.Module):
    """Two layers, tanh between them, on the embeddings of the last two tokens."""

    width, hidden = 6, 10

    def __init__(self, vocabulary: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(vocabulary, self.width, dtype=torch.float64))
        self.first = nn.Linear(2 * self.width, self.hidden, dtype=torch.float64)
        self.second = nn.Linear(self.hidden, vocabulary, dtype=torch.float64)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (n, length, V) of the token after each."""
        here = self.embedding[tokens]  # (n, length, width)
        before = torch.cat([torch.zeros_like(here[:, :1]), here[:, :-1]], dim=1)
        logits: Tensor = self.second(torch.tanh(self.first(torch.cat([before, here], dim=-1))))
        return logits


class Transformer(nn.Module):
    """One pre-norm decoder block with two heads, a GELU network and learned positions: a few thousand parameters."""

    width, heads = 16, 2

    def __init__(self, vocabulary: int, length: int) -> None:
        super().__init__()
        width = self.width
        self.embedding = nn.Parameter(torch.randn(vocabulary, width, dtype=torch.float64) / 2)
        self.positions = nn.Parameter(torch.randn(length, width, dtype=torch.float64) / 2)
        self.norms = nn.ModuleList(nn.LayerNorm(width, dtype=torch.float64) for _ in range(3))
        self.queries, self.keys, self.values, self.mixing = (
            nn.Linear(width, width, dtype=torch.float64) for _ in range(4)
        )
        self.network = nn.Sequential(
            nn.Linear(width, 2 * width, dtype=torch.float64),
            nn.GELU(),
            nn.Linear(2 * width, width, dtype=torch.float64),
        )
        self.unembedding = nn.Linear(width, vocabulary, bias=False, dtype=torch.float64)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (n, length, V) of the token after each."""
        x = self.embedding[tokens] + self.positions[: tokens.shape[1]]
        x = x + self._attend(self.norms[0](x))
        x = x + self.network(self.norms[1](x))
        logits: Tensor = self.unembedding(self.norms[2](x))
        return logits

    def _attend(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        size = width // self.heads
        q, k, v = (
            layer(x).view(n, length, self.heads, size).transpose(1, 2)
            for layer in (self.queries, self.keys, self.values)
        )
        scores = q @ k.transpose(-1, -2) / size**0.5  # (n, heads, length, length)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        attention = scores.masked_fill(future, float("-inf")).softmax(dim=-1)
        mixed: Tensor = self.mixing((attention @ v).transpose(1, 2).reshape(n, length, width))
        return mixed


_POLICIES: dict[Kind, Callable[[int, int], nn.Module]] = {
    "table": Table,
    "network": Network,
    "transformer": Transformer,
}


class Policy:
    """A policy at its reference parameters, and everything that LD-15 says about the first order there."""

    #: Roundings on the longest path through the network and back.
    roundings: int = NETWORK_ROUNDINGS

    def __init__(self, problem: PolicyProblem) -> None:
        self.problem = problem
        length = problem.prompts.shape[1] + problem.chosen.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(problem.seed)
            self._module = _POLICIES[problem.kind](problem.vocabulary, length)
        self._shapes = [(name, p.shape) for name, p in self._module.named_parameters()]
        #: θ_ref, flat, (p,).
        self.reference = torch.cat([p.detach().reshape(-1) for p in self._module.parameters()])
        responses = (problem.chosen, problem.rejected)
        self._sequences = [torch.as_tensor(np.concatenate([problem.prompts, part], axis=1)) for part in responses]

    # --- the policy ---------------------------------------------------------------------------------------------------

    def log_probabilities(self, theta: Tensor, sequences: Tensor) -> Tensor:
        """log π_θ(response | prompt) of full sequences (n, P + R), summed over the response's tokens: (n,)."""
        logits: Tensor = functional_call(self._module, self._unflatten(theta), (sequences[:, :-1],))
        start = self.problem.prompts.shape[1]
        targets = sequences[:, start:]
        chosen = logits[:, start - 1 :].log_softmax(dim=-1).gather(-1, targets[..., None])[..., 0]
        return chosen.sum(dim=-1)

    def log_ratio_differences(self, theta: Tensor) -> Tensor:
        """h_i(θ) = [log π_θ(chosen) − log π_θ(rejected)] − [the same under θ_ref], (n,)."""
        return self._preference(theta) - self._reference_preference

    def loss(self, theta: Tensor) -> Tensor:
        """The DPO loss mean −log σ(βh_i)."""
        return -logsigmoid(self.problem.beta * self.log_ratio_differences(theta)).mean()  # Rafailov et al. 2023, Eq. 7

    def loss_gradient(self, theta: Tensor) -> Tensor:
        """∇L(θ) by reverse mode, (p,)."""
        gradient: Tensor = grad(self.loss)(theta)
        return gradient

    def _preference(self, theta: Tensor) -> Tensor:
        of_chosen, of_rejected = (self.log_probabilities(theta, part) for part in self._sequences)
        return of_chosen - of_rejected

    def log_probability_sizes(self, theta: Tensor) -> Tensor:
        """The mean of |log π_θ(chosen)| + |log π_θ(rejected)|: the sizes whose rounding a margin inherits."""
        return sum((self.log_probabilities(theta, part).abs().mean() for part in self._sequences), torch.zeros(()))

    @cached_property
    def _reference_preference(self) -> Tensor:
        return self._preference(self.reference).detach()

    def _unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        parts = torch.split(theta, [shape.numel() for _, shape in self._shapes])
        return {name: part.view(shape) for (name, shape), part in zip(self._shapes, parts, strict=True)}

    # --- first order at θ_ref -----------------------------------------------------------------------------------------

    @cached_property
    def gradient(self) -> Tensor:
        """G = ∇L(θ_ref), (p,)."""
        return self.loss_gradient(self.reference)

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """φ_i = ∇h_i(θ_ref), (n, p), by reverse mode."""
        jacobian: Tensor = jacrev(self.log_ratio_differences)(self.reference)
        return jacobian.detach().cpu().numpy()

    @cached_property
    def first_order(self) -> tuple[NDArray[np.float64], float]:
        """dh_j/dη (n,) and dL/dη of an SGD step θ_ref − ηG at η = 0, by forward mode."""
        with warnings.catch_warnings():
            # torch 2.13 compiles its forward-mode rules with torch.jit.script, which it deprecates itself.
            warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
            heights = jvp(self.log_ratio_differences, (self.reference,), (-self.gradient,))[1]
            loss = jvp(self.loss, (self.reference,), (-self.gradient,))[1]
        return heights.detach().cpu().numpy(), float(loss)

    # --- measured: the same quantities with bounds on their rounding --------------------------------------------------

    @cached_property
    def gradient_size(self) -> Any:
        """‖G‖."""
        size = float(self.gradient.norm())
        return bounded(size, self.roundings * EPS * self._spread)

    @cached_property
    def ratio_slopes(self) -> Any:
        """dh_j/dη at η = 0, (n,), by forward mode."""
        return bounded(self.first_order[0], self.roundings * EPS * self._feature_sizes * self._spread)

    @cached_property
    def ratios_along_gradient(self) -> Any:
        """⟨∇h_j, G⟩, (n,), by reverse mode."""
        return bounded(self._along, self.roundings * EPS * self._feature_sizes * self._spread)

    @property
    def _along(self) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.features @ self.gradient.cpu().numpy()
        return values

    @cached_property
    def mean_margin_slope(self) -> Any:
        """mean_j β dh_j/dη at η = 0, by forward mode."""
        value = self.problem.beta * float(self.first_order[0].mean())
        return bounded(value, 2 * self.roundings * EPS * self._spread**2)

    @cached_property
    def loss_slope(self) -> Any:
        """dL/dη at η = 0, by forward mode."""
        return bounded(self.first_order[1], self.roundings * EPS * self._spread**2)

    @cached_property
    def _feature_sizes(self) -> NDArray[np.float64]:
        sizes: NDArray[np.float64] = np.linalg.norm(self.features, axis=1)
        return sizes

    @cached_property
    def _spread(self) -> float:
        """(β/2)·mean‖φ_j‖, the size of the terms that G is a sum of."""
        return self.problem.beta / 2 * float(self._feature_sizes.mean())

    @cached_property
    def first_step(self) -> FirstStep:
        """One SGD step from θ_ref, followed along its way."""
        return FirstStep(self, self.problem.eta)

    # --- the linearised model -----------------------------------------------------------------------------------------

    def head_problem(self) -> HeadProblem:
        """The dictionary of LD-15: the linearised model runs like the head with z_i := φ_i and η := η/2."""
        n = len(self.features)
        ones, labels = np.ones(n, np.int64), np.zeros(n, np.int64)
        problem = self.problem
        return HeadProblem(
            np.ascontiguousarray(self.features), ones, ones, labels, problem.eta / 2, problem.beta, problem.steps
        )

    @cached_property
    def linearised(self) -> LinearisedRun:
        """The linearised model's own run beside the head's run of the dictionary."""
        return LinearisedRun(self.linearised_run(), train(self.head_problem()), float(self.gradient.norm()))

    def linearised_run(self) -> NDArray[np.float64]:
        """θ_t − θ_ref, (steps+1, p), of gradient descent on the DPO loss of h_i(θ) = ⟨φ_i, θ − θ_ref⟩, by autograd."""
        phi = torch.as_tensor(self.features)
        moved = torch.zeros_like(self.reference)

        def loss(change: Tensor) -> Tensor:
            return -logsigmoid(self.problem.beta * (phi @ change)).mean()

        run = [moved]
        for _ in range(self.problem.steps):
            run.append(run[-1] - self.problem.eta * grad(loss)(run[-1]))
        return torch.stack(run).numpy()
