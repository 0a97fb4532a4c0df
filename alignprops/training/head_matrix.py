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
from alignprops.training.logps import ScoredStates, features_of_prompts, response_states
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
        self._cache = {split: _Cache(model, part) for split, part in pairs.items()}

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

    def states(self, rows: Sequence[int]) -> NDArray[np.float32]:
        return features_of_prompts(self._network, self._pairs["train"], rows, batch_size=_READ_AT_ONCE)

    def head_change(self) -> float:
        return norm([self._weight.detach() - self._initial])

    def parameter_change(self) -> float:
        return self.head_change()

    def save(self, folder: Path) -> None:
        """`head.safetensors`: `weight` (V, d)."""
        save_file({"weight": self._weight.detach().cpu()}, folder / "head.safetensors", {"format": "pt"})

    def _logps(self, split: Split, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        scored = self._cache[split].scored(rows, like=self._weight)
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
    """x and the target at every scored position, one response after the other: chosen, rejected, and so on.

    They stay in the network's dtype and in the memory of the CPU, which is larger than a GPU's; batches are moved.
    """

    def __init__(self, model: LanguageModel, pairs: TokenPairs) -> None:
        sides = zip(pairs.chosen, pairs.rejected, pairs.prompt_lengths.tolist(), strict=True)
        lengths = [len(ids) - prompt for *both, prompt in sides for ids in both]
        self._ends = torch.cumsum(torch.tensor(lengths), 0)
        self._targets = torch.empty(sum(lengths), dtype=torch.int64)
        self._states = torch.empty(0)
        with torch.no_grad():
            for start in range(0, len(pairs), _READ_AT_ONCE):
                rows = range(start, min(start + _READ_AT_ONCE, len(pairs)))
                self._put(rows, response_states(model.network, pairs, rows))

    def _put(self, rows: range, scored: ScoredStates) -> None:
        if not len(self._states):
            self._states = torch.empty((len(self._targets), scored.states.shape[1]), dtype=scored.states.dtype)
        for pair, row in enumerate(rows):
            for side, (own, target) in enumerate(_responses(scored, pair)):
                span = self._span(2 * row + side)
                self._states[span], self._targets[span] = scored.states[own].cpu(), target.cpu()

    def _span(self, response: int) -> slice:
        return slice(int(self._ends[response - 1]) if response else 0, int(self._ends[response]))

    def scored(self, rows: Sequence[int], *, like: Tensor) -> ScoredStates:
        """The states of some pairs as one batch, of the dtype and on the device of `like`."""
        responses = [*(2 * row for row in rows), *(2 * row + 1 for row in rows)]
        spans = [range(*self._span(int(response)).indices(len(self._states))) for response in responses]
        longest = max(map(len, spans))
        places = torch.tensor([place for span in spans for place in span])
        slots = torch.cat([number * longest + torch.arange(len(span)) for number, span in enumerate(spans)])
        return ScoredStates(
            self._states[places].to(like),
            self._targets[places, None].to(like.device),
            slots.to(like.device),
            longest,
            len(responses) // 2,
        )


def _responses(scored: ScoredStates, pair: int) -> list[tuple[Tensor, Tensor]]:
    """Where the positions of both responses of a pair stand in a batch, and their targets."""
    if scored.targets.shape[1] == 2:  # one-token answers share a position
        own = torch.tensor([pair], device=scored.slots.device)
        return [(own, scored.targets[own, side]) for side in (0, 1)]
    of_response = scored.slots // scored.longest
    found = [(of_response == response).nonzero()[:, 0] for response in (pair, scored.pairs + pair)]
    return [(own, scored.targets[own, 0]) for own in found]
