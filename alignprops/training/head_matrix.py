"""Head-only training on whole responses: the states of the scored positions are read once, the V × d head moves.

The normalisers no longer cancel (LD-20d), so that every row has a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from alignprops.models.loading import LanguageModel
from alignprops.trace.format import Split
from alignprops.training.lean_logps import lean_logps
from alignprops.training.logps import ScoredStates, prompt_states, response_states
from alignprops.training.output_head import output_head
from alignprops.training.pairs import TokenPairs
from alignprops.training.policy import Pairs, norm
from alignprops.training.settings import TrainSettings, usual_learning_rate

#: Pairs that are read at once.
_READ_AT_ONCE = 16


class HeadMatrix:
    """The head of a model on cached states; in float64 for a float64 model, else in float32."""

    def __init__(self, model: LanguageModel, pairs: Pairs) -> None:
        head = output_head(model.network)
        self._network, self._pairs, self._head = model.network, pairs, head
        self._weight = head.weight.detach().to(torch.promote_types(head.weight.dtype, torch.float32)).clone()
        self._initial = self._weight.clone()
        self._weight.requires_grad_()
        self._bias = None if head.bias is None else head.bias.detach().to(self._weight.dtype)
        self._cache = {split: _Cache.read(model, part, self._weight.dtype) for split, part in pairs.items()}

    @property
    def weights(self) -> Mapping[str, Tensor]:
        return {"head.weight": self._weight}

    def default_learning_rate(self, settings: TrainSettings) -> float:
        return usual_learning_rate(settings)

    def log_ratios(self, split: Split, rows: Sequence[int]) -> Tensor:
        chosen, rejected = self._logps(split, rows)
        return chosen - rejected

    def collect_gradients(self) -> None:
        """They are where they belong."""

    def after_update(self, step: int) -> None:
        """Nothing follows from the weights."""

    @torch.no_grad()
    def all_logps(self, split: Split) -> NDArray[np.float64]:
        found = np.empty((len(self._pairs[split]), 2))
        for start in range(0, len(found), _READ_AT_ONCE):
            rows = range(start, min(start + _READ_AT_ONCE, len(found)))
            for side, logps in enumerate(self._logps(split, rows)):
                found[rows, side] = logps.double().cpu().numpy()
        return found

    @torch.no_grad()
    def states(self, rows: Sequence[int]) -> NDArray[np.float32]:
        parts = [
            prompt_states(self._network, self._pairs["train"], rows[start : start + _READ_AT_ONCE]).double().cpu()
            for start in range(0, len(rows), _READ_AT_ONCE)
        ]
        states: NDArray[np.float32] = (self._head.scale * torch.cat(parts)).float().numpy()
        return states

    def head_change(self) -> float:
        return norm([self._weight.detach() - self._initial])

    def parameter_change(self) -> float:
        return self.head_change()

    def save(self, folder: Path) -> None:
        """`head.safetensors`: `weight` (V, d)."""
        save_file({"weight": self._weight.detach().cpu()}, folder / "head.safetensors", {"format": "pt"})

    def _logps(self, split: Split, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        scored = self._cache[split].scored(rows)
        logps = lean_logps(
            scored.states,
            self._weight,
            scored.targets,
            scale=self._head.scale,
            bias=self._bias,
            bias_scale=self._head.bias_scale,
        )
        return scored.summed(logps)


class _Cache:
    """x and the target at every scored position, one response after the other: chosen, rejected, and so on."""

    def __init__(self, states: list[Tensor], targets: list[Tensor]) -> None:
        lengths = torch.tensor([len(part) for part in targets])
        self._ends = torch.cumsum(lengths, 0)
        self._states, self._targets = torch.cat(states), torch.cat(targets)

    @classmethod
    @torch.no_grad()
    def read(cls, model: LanguageModel, pairs: TokenPairs, dtype: torch.dtype) -> _Cache:
        states: list[Tensor] = []
        targets: list[Tensor] = []
        for start in range(0, len(pairs), _READ_AT_ONCE):
            scored = response_states(model.network, pairs, range(start, min(start + _READ_AT_ONCE, len(pairs))))
            for pair in range(scored.pairs):
                for own, target in _responses(scored, pair):
                    states.append(scored.states[own].to(dtype))
                    targets.append(target)
        return cls(states, targets)

    def scored(self, rows: Sequence[int]) -> ScoredStates:
        """The states of some pairs as one batch."""
        responses = [*(2 * row for row in rows), *(2 * row + 1 for row in rows)]
        spans = [range(int(self._ends[r - 1]) if r else 0, int(self._ends[r])) for r in map(int, responses)]
        longest = max(map(len, spans))
        device = self._states.device
        places = torch.tensor([place for span in spans for place in span], device=device)
        slots = torch.cat([number * longest + torch.arange(len(span)) for number, span in enumerate(spans)])
        return ScoredStates(
            self._states[places], self._targets[places, None], slots.to(device), longest, len(responses) // 2
        )


def _responses(scored: ScoredStates, pair: int) -> list[tuple[Tensor, Tensor]]:
    """Where the positions of both responses of a pair stand in a batch, and their targets."""
    if scored.targets.shape[1] == 2:  # one-token answers share a position
        own = torch.tensor([pair], device=scored.slots.device)
        return [(own, scored.targets[own, side]) for side in (0, 1)]
    of_response = scored.slots // scored.longest
    found = [(of_response == response).nonzero()[:, 0] for response in (pair, scored.pairs + pair)]
    return [(own, scored.targets[own, 0]) for own in found]
