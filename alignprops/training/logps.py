"""Log-probabilities of whole responses under a network, differentiable, without the logits of all positions.

A response's log-probability is the SUM over its tokens, as in DPO's loss (Rafailov et al. 2023, Eq. 7): the token at
position t is predicted from x at position t − 1, so the last token of a sequence is scored and never read.
Sequences are padded on the right and masked; a position under the mask is read by no other and never scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignprops._errors import ModelError
from alignprops.models.silence import silence
from alignprops.training.lean_logps import lean_logps
from alignprops.training.output_head import OutputHead, device_of, output_head, taken_states
from alignprops.training.pairs import Ids, TokenPairs

#: Padding is any token: nothing may depend on it.
PADDING = 0


@dataclass(frozen=True, slots=True, eq=False)
class ScoredStates:
    """x at every scored position of some pairs, one after the other.

    For one-token answers a position serves both, and a row of `targets` is (chosen, rejected). For whole responses the
    positions of all chosen responses come first, those of the rejected ones after them, and `targets` has one column.

    Attributes:
        states: (N, d) in the network's dtype.
        targets: (N, k) int64, k = 2 or 1.
        slots: (N,) int64, where a position's log-probability stands in the flattened (2B, R) table of responses.
        longest: R, tokens of the longest response.
        pairs: B.
    """

    states: Tensor
    targets: Tensor
    slots: Tensor
    longest: int
    pairs: int

    def summed(self, logps: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) and (B,): the sums over the tokens of each response, from (N, k) log-probabilities."""
        if self.targets.shape[1] == 2:
            return logps[:, 0], logps[:, 1]
        # Placed in a table and summed along it, the order of the sum is fixed, also on CUDA.
        table = logps.new_zeros(2 * self.pairs * self.longest).index_put((self.slots,), logps[:, 0])
        sums = table.view(2 * self.pairs, self.longest).sum(dim=1)
        return sums[: self.pairs], sums[self.pairs :]


def response_logps(
    network: Any, pairs: TokenPairs, rows: Sequence[int], *, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """(policy_chosen_logps, policy_rejected_logps) of the pairs at `rows`, summed over the tokens of each response.

    One forward pass; for one-token answers over the prompts only.

    Args:
        network: a causal language model of `transformers`, also wrapped by peft, in any mode.
        pairs: tokenised preference pairs.
        rows: positions in `pairs`, B of them.
        chunk: positions whose logits exist at one time; see `lean_logps`.

    Returns:
        Two tensors (B,) on the network's device: float64 for a float64 network and else float32, differentiable.

    Raises:
        ModelError: the network has no linear output embedding.
    """
    scored = response_states(network, pairs, rows)
    head = output_head(network)
    return scored.summed(_score(head, scored, chunk))


def response_states(network: Any, pairs: TokenPairs, rows: Sequence[int]) -> ScoredStates:
    """x at the scored positions of the pairs at `rows`: the input of the output embedding, not scaled by c.

    Raises:
        ModelError: as `response_logps`.
    """
    picked = pairs.select(rows)
    device = device_of(network)
    prompts = picked.prompt_lengths
    if picked.one_token():
        sequences = [ids[:length] for ids, length in zip(picked.chosen, prompts, strict=True)]
        hidden = _hidden(network, sequences)
        targets = torch.tensor([[int(a[-1]), int(b[-1])] for a, b in zip(picked.chosen, picked.rejected, strict=True)])
        last = torch.tensor([len(ids) - 1 for ids in sequences])
        at = torch.arange(len(sequences)) * hidden.shape[1] + last
        states = hidden.flatten(0, 1).index_select(0, at.to(device))
        return ScoredStates(states, targets.to(device), torch.arange(len(sequences), device=device), 1, len(picked))
    both = [*picked.chosen, *picked.rejected]
    starts = [*prompts, *prompts]
    hidden = _hidden(network, [ids[:-1] for ids in both])  # (2B, T, d)
    longest = max(len(ids) - int(start) for ids, start in zip(both, starts, strict=True))
    positions, targets_, slots = [], [], []
    for row, (ids, start) in enumerate(zip(both, map(int, starts), strict=True)):
        response = torch.arange(len(ids) - start)
        positions.append(row * hidden.shape[1] + start - 1 + response)  # token t is predicted from x at t − 1
        slots.append(row * longest + response)
        targets_.append(torch.from_numpy(ids[start:].copy()))
    states = hidden.flatten(0, 1).index_select(0, torch.cat(positions).to(device))
    return ScoredStates(
        states, torch.cat(targets_)[:, None].to(device), torch.cat(slots).to(device), longest, len(picked)
    )


def prompt_states(network: Any, pairs: TokenPairs, rows: Sequence[int]) -> Tensor:
    """(B, d): x at the last prompt position of the pairs at `rows`, which predicts the first token of the response."""
    picked = pairs.select(rows)
    sequences = [ids[:length] for ids, length in zip(picked.chosen, picked.prompt_lengths, strict=True)]
    hidden = _hidden(network, sequences)
    last = torch.tensor([len(ids) - 1 for ids in sequences], device=hidden.device)
    return hidden[torch.arange(len(sequences), device=hidden.device), last]


@torch.no_grad()
def features_of_prompts(
    network: Any, pairs: TokenPairs, rows: Sequence[int], *, batch_size: int
) -> NDArray[np.float32]:
    """(len(rows), d): `prompt_states` with the constant c of the head folded in, `batch_size` pairs at a time."""
    parts = [
        prompt_states(network, pairs, rows[start : start + batch_size]).double().cpu()
        for start in range(0, len(rows), batch_size)
    ]
    features: NDArray[np.float32] = (output_head(network).scale * torch.cat(parts)).float().numpy()
    return features


def _score(head: OutputHead, scored: ScoredStates, chunk: int | None) -> Tensor:
    return lean_logps(
        scored.states,
        head.weight,
        scored.targets,
        scale=head.scale,
        bias=head.bias,
        bias_scale=head.bias_scale,
        chunk=chunk,
    )


def _hidden(network: Any, sequences: Sequence[Ids]) -> Tensor:
    """(B, T, d): x at every position of sequences of any lengths, padded on the right and masked."""
    ids = torch.full((len(sequences), max(map(len, sequences))), PADDING, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.from_numpy(sequence.copy())
        mask[row, : len(sequence)] = 1
    device = device_of(network)
    with taken_states(output_head(network)) as taken, silence():
        network(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False)
    if len(taken) != 1 or taken[0].shape[:2] != ids.shape:
        raise ModelError("the output embedding was not read as (batch, tokens, width); expected a causal model")
    return taken[0]
