"""Fingerprints of models and pairs: equal for equal contents, wherever they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import torch

from alignprops.training.pairs import TokenPairs


def fingerprint_of_network(network: Any) -> str:
    """Of all weights and buffers, their names included."""
    whole = hashlib.sha256()
    for name, weight in network.state_dict().items():
        whole.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        whole.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return whole.hexdigest()


def fingerprint_of_pairs(parts: Iterable[TokenPairs]) -> str:
    """Of the tokens, behaviours and signs of pairs, in order; not of the places they came from."""
    whole = hashlib.sha256()
    for pairs in parts:
        whole.update(repr(pairs.names).encode())
        for array in (*pairs.chosen, *pairs.rejected, pairs.prompt_lengths, pairs.behaviours, pairs.signs):
            whole.update(str(array.shape).encode())
            whole.update(array.tobytes())
    return whole.hexdigest()
