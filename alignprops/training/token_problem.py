"""Pairs of whole responses as a problem of the head alone (LD-20): real states, tokens and unembedding.

Of each pair the common beginning of the responses but its last token counts as prompt, since it cancels in the
log-ratio; of the rest the first tokens are kept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from alignprops.dynamics.remainder import step_size
from alignprops.dynamics.token_head import TokenHeadProblem
from alignprops.models.head import read_head
from alignprops.models.loading import LanguageModel
from alignprops.training.logps import ScoredStates, response_states
from alignprops.training.pairs import Ids, TokenPairs

Floats = NDArray[np.float64]

#: η is such that x = ηT(a + cR) of LD-20(c) is half of what its premise allows.
SHARE = 0.5


def token_head_problem(model: LanguageModel, pairs: TokenPairs, *, beta: float, steps: int) -> TokenHeadProblem:
    """The problem of these pairs, η at half of what x ≤ 1 allows at the last step.

    The probe reaches as far as the run may, where the head bends most: at a state of the first pair, between its two
    likeliest tokens.

    Raises:
        ModelError: the output embedding is not linear.
    """
    read = read_head(model)
    head = np.ascontiguousarray(read.weight, dtype=np.float64)
    with torch.no_grad():
        scored = response_states(model.network, pairs, range(len(pairs)))
    states, tokens, there = _table(scored, read.scale)
    shared = shared_positions(pairs)
    common = np.arange(tokens.shape[2]) < shared[:, None]  # (n, R)
    states[:, 1] = np.where(common[..., None], states[:, 0], states[:, 1])  # read twice, in batches of different shapes
    made = TokenHeadProblem(head, states, tokens, there, shared, np.zeros_like(head), 1.0, beta, steps)
    eta, reach = step_size(made, SHARE)
    return replace(made, eta=eta, probe=_probe(made, reach))


def _table(scored: ScoredStates, scale: float) -> tuple[Floats, Ids, Ids]:
    """States (n, 2, R, d), tokens (n, 2, R) and where there are any, from positions one after the other."""
    n, longest = scored.pairs, scored.longest
    found = scale * scored.states.double().cpu().numpy()
    slots, targets = scored.slots.cpu().numpy(), scored.targets.cpu().numpy()
    if targets.shape[1] == 2:  # one-token answers: a position serves both
        found, slots = np.concatenate([found, found]), np.concatenate([slots, n + slots])
        targets = np.concatenate([targets[:, :1], targets[:, 1:]])
    states = np.zeros((2 * n * longest, found.shape[1]))
    tokens, there = np.zeros(2 * n * longest, np.int64), np.zeros(2 * n * longest, np.int64)
    states[slots], tokens[slots], there[slots] = found, targets[:, 0], 1
    shape = (2, n, longest)  # all chosen responses come first
    return (
        np.ascontiguousarray(states.reshape(*shape, -1).swapaxes(0, 1)),
        np.ascontiguousarray(tokens.reshape(shape).swapaxes(0, 1)),
        np.ascontiguousarray(there.reshape(shape).swapaxes(0, 1)),
    )


def _probe(problem: TokenHeadProblem, reach: float) -> Floats:
    last = int(problem.scored[0, 0].sum()) - 1
    state = problem.states[0, 0, last]
    likeliest = np.argsort(problem.head @ state)[-2:]
    probe = np.zeros_like(problem.head)
    probe[likeliest] = reach / np.sqrt(2) * np.array([[-1.0], [1.0]]) * state / (np.linalg.norm(state) or 1.0)
    return probe


def shared_positions(pairs: TokenPairs) -> Ids:
    """(n,) how many leading response positions have the same context in both responses."""
    sides = zip(pairs.chosen, pairs.rejected, pairs.prompt_lengths, strict=True)
    return np.array([_shared(chosen[start:], rejected[start:]) for chosen, rejected, start in sides], dtype=np.int64)


def _shared(chosen: Ids, rejected: Ids) -> int:
    """Up to the first token that differs, that one included; or to the end of the shorter response."""
    shortest = min(len(chosen), len(rejected))
    return min(_common(chosen, rejected) + 1, shortest)


def _common(chosen: Ids, rejected: Ids) -> int:
    """How many leading tokens are equal."""
    shortest = min(len(chosen), len(rejected))
    differ = np.flatnonzero(chosen[:shortest] != rejected[:shortest])
    return int(differ[0]) if len(differ) else shortest


def where_they_differ(pairs: TokenPairs, tokens: int) -> TokenPairs:
    """The pairs with the last common token of their responses and what follows, `tokens` of each at most (2 or more).

    What stands before becomes prompt. A response that ends there keeps its last common token, so that none is empty.
    """
    starts = [
        int(start) + max(_common(chosen[start:], rejected[start:]) - 1, 0)
        for chosen, rejected, start in zip(pairs.chosen, pairs.rejected, pairs.prompt_lengths, strict=True)
    ]
    chosen, rejected = (
        tuple(ids[: start + tokens] for ids, start in zip(side, starts, strict=True))
        for side in (pairs.chosen, pairs.rejected)
    )
    return replace(pairs, chosen=chosen, rejected=rejected, prompt_lengths=np.array(starts, dtype=np.int64))
