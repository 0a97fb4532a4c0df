"""A language model as a differentiable policy at its present weights: what LD-15 says of it, checked on itself.

A copy that computes in float64, with plain attention, which forward mode can differentiate; the trained parameters are
one flat vector, all others stay. Without dropout.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import pad_sequence

from alignprops.dynamics.policies import Policy
from alignprops.dynamics.policy_problem import LANGUAGE_MODEL, PolicyProblem
from alignprops.models.silence import silence
from alignprops.models.widened import Widened
from alignprops.training.pairs import TokenPairs

#: What stands where a response has no token, in the arrays of the problem.
NOTHING = -1


class ModelPolicy(Policy):
    """A network on preference pairs, at its present weights; log-probabilities are summed over the response.

    Args:
        network: a causal language model of `transformers`, or one wrapped by peft; copied.
        pairs: tokenised preference pairs.
        beta: DPO's β.
        eta: the size of the first step.
        trained: names of the parameters that are trained (`network.named_parameters()`).

    Attributes:
        narrow: a part of the network computes in float32 all the same; `roundings` does not count that.
    """

    def __init__(self, network: Any, pairs: TokenPairs, *, beta: float, eta: float, trained: Sequence[str]) -> None:
        self._module = _differentiable(network)
        self._vocabulary = _vocabulary(network)
        parameters = dict(self._module.named_parameters())
        self._shapes = [(name, parameters[name].shape) for name in trained]
        self.reference = torch.cat([parameters[name].detach().reshape(-1) for name in trained])
        one = torch.zeros((1, 1), dtype=torch.int64, device=self.reference.device)
        self.narrow = _computes_in_float32(self._module, one)
        self._put(pairs, beta=beta, eta=eta)

    def _put(self, pairs: TokenPairs, *, beta: float, eta: float) -> None:
        self.problem = describe_pairs(pairs, vocabulary=self._vocabulary, beta=beta, eta=eta)
        device = self.reference.device
        self._sides = [_Side.of(side, pairs.prompt_lengths, device) for side in (pairs.chosen, pairs.rejected)]
        self._sequences = [side.ids for side in self._sides]
        self._one_token = pairs.one_token()
        self.roundings = _roundings(self._module, max(side.ids.shape[1] for side in self._sides))

    @property
    def logits_shape(self) -> tuple[int, int, int]:
        """(n, T − 1, V) of the longer side."""
        return len(self.problem.prompts), max(side.ids.shape[1] for side in self._sides) - 1, self._vocabulary

    def with_pairs(self, pairs: TokenPairs) -> ModelPolicy:
        """The same weights, which are not copied, on other pairs."""
        made = copy.copy(self)
        for name in _known_of(type(self)):
            vars(made).pop(name, None)
        made._put(pairs, beta=self.problem.beta, eta=self.problem.eta)
        return made

    def with_step(self, eta: float) -> ModelPolicy:
        """The same policy with another size of its first step; what is known already is kept."""
        made = copy.copy(self)
        made.problem = replace(self.problem, eta=eta)
        vars(made).pop("first_step", None)
        return made

    def log_probabilities(self, theta: Tensor, sequences: Tensor) -> Tensor:
        """log π_θ(response | prompt), summed over the response's tokens, of the chosen or rejected side: (n,)."""
        side = next(side for side in self._sides if side.ids is sequences)
        logits = self._logits(theta, side)
        each = side.of_targets(logits) - logits.logsumexp(dim=-1)  # (n, T-1)
        summed: Tensor = (each * side.scored).sum(dim=-1)
        return summed

    def _preference(self, theta: Tensor) -> Tensor:
        if not self._one_token:
            return super()._preference(theta)
        chosen, rejected = self._sides
        logits = self._logits(theta, chosen)  # the prompts are the same, and so is the normaliser
        summed: Tensor = ((chosen.of_targets(logits) - rejected.of_targets(logits)) * chosen.scored).sum(dim=-1)
        return summed

    def _logits(self, theta: Tensor, side: _Side) -> Tensor:
        """(n, T − 1, V)."""
        inputs = {"input_ids": side.ids[:, :-1], "attention_mask": side.mask[:, :-1], "use_cache": False}
        with Widened():
            logits: Tensor = functional_call(self._module, self._unflatten(theta), (), inputs).logits
        return logits

    # A jacobian of all pairs and parameters at once would be pairs × parameters numbers: one pair at a time instead.

    @cached_property
    def _rows(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """‖∇h_i‖ and ⟨∇h_i, G⟩ of every pair, (n,) each."""
        theta = self.reference.detach().requires_grad_(True)  # torch's own spelling
        sizes, along = [], []
        for place in range(len(self.problem.prompts)):
            (row,) = torch.autograd.grad(self._at(place)._preference(theta).sum(), theta)
            sizes.append(float(row.norm()))
            along.append(float(row @ self.gradient))
        return np.array(sizes), np.array(along)

    def _at(self, place: int) -> ModelPolicy:
        """The policy on one of the pairs, for its log-ratio only."""
        made = copy.copy(self)
        made._sides = [side.at(place) for side in self._sides]
        made._sequences = [side.ids for side in made._sides]
        return made

    @cached_property
    def _feature_sizes(self) -> NDArray[np.float64]:
        return self._rows[0]

    @property
    def _along(self) -> NDArray[np.float64]:
        return self._rows[1]


def _known_of(kind: type) -> list[str]:
    """What a policy works out once and keeps."""
    return [name for base in kind.__mro__ for name, value in vars(base).items() if isinstance(value, cached_property)]


class _Side:
    """The chosen or the rejected sequences, padded on the right."""

    def __init__(self, ids: Tensor, mask: Tensor, scored: Tensor) -> None:
        self.ids, self.mask, self.scored = ids, mask, scored

    def of_targets(self, logits: Tensor) -> Tensor:
        """The logit of the next token at every position, (n, T − 1)."""
        return logits.gather(-1, self.ids[:, 1:, None])[..., 0]

    def at(self, place: int) -> _Side:
        """One sequence of them."""
        row = slice(place, place + 1)
        return _Side(self.ids[row], self.mask[row], self.scored[row])

    @classmethod
    def of(cls, sequences: Sequence[NDArray[np.int64]], prompts: NDArray[np.int64], device: torch.device) -> _Side:
        tensors = [torch.as_tensor(ids) for ids in sequences]
        padded = pad_sequence(tensors, batch_first=True)
        lengths = torch.tensor([len(ids) for ids in tensors])
        places = torch.arange(padded.shape[1])
        mask = places < lengths[:, None]
        scored = mask & (places >= torch.as_tensor(prompts)[:, None])
        return cls(padded.to(device), mask.long().to(device), scored[:, 1:].double().to(device))


def describe_pairs(pairs: TokenPairs, *, vocabulary: int, beta: float, eta: float) -> PolicyProblem:
    """The pairs as arrays: prompts padded on the left, responses on the right."""
    prompts = [ids[:length] for ids, length in zip(pairs.chosen, pairs.prompt_lengths, strict=True)]
    sides = [
        [ids[length:] for ids, length in zip(side, pairs.prompt_lengths, strict=True)]
        for side in (pairs.chosen, pairs.rejected)
    ]
    longest = max(len(ids) for side in sides for ids in side)
    return PolicyProblem(
        kind=LANGUAGE_MODEL,
        prompts=_padded(prompts, max(map(len, prompts)), left=True),
        chosen=_padded(sides[0], longest, left=False),
        rejected=_padded(sides[1], longest, left=False),
        vocabulary=vocabulary,
        seed=0,
        eta=eta,
        beta=beta,
        steps=1,
    )


def _padded(rows: Sequence[NDArray[np.int64]], width: int, *, left: bool) -> NDArray[np.int64]:
    made = np.full((len(rows), width), NOTHING, dtype=np.int64)
    for line, ids in zip(made, rows, strict=True):
        line[width - len(ids) if left else 0 :][: len(ids)] = ids
    return made


def _differentiable(network: Any) -> nn.Module:
    with silence():
        copied: Any = copy.deepcopy(network).double().eval()
        copied.requires_grad_(False)  # torch's own spelling
        base = copied.get_base_model() if hasattr(copied, "get_base_model") else copied
        base.set_attn_implementation("eager")
    module: nn.Module = copied
    return module


def _computes_in_float32(module: nn.Module, ids: Tensor) -> bool:
    """Whether some part of the network insists on float32."""
    mode = Widened()
    with mode, torch.no_grad():
        module(input_ids=ids.to(next(module.parameters()).device), use_cache=False)
    return mode.narrow


def _vocabulary(network: Any) -> int:
    return int(network.get_output_embeddings().weight.shape[0])


def _roundings(module: nn.Module, length: int) -> int:
    """Roundings on the longest path through the network and back: its widths, its depth, and the length read."""
    config: Any = module.config
    text = config.get_text_config()
    widths = 4 * int(text.hidden_size) + int(getattr(text, "intermediate_size", 0) or 4 * int(text.hidden_size))
    return 2 * int(text.num_hidden_layers) * (widths + 2 * length) + int(text.vocab_size)
