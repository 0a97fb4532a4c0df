"""Read token sequences with a model and take x at the last token of each.

Three ways that give the same values: one sequence at a time; batches of sequences sorted by length; and
those with the tokens that all sequences begin with read once. A causal model does not see what follows a
token, so sequences are padded on the right and need no attention mask. Whether a model keeps to this, and
whether its cache can be shared, is checked on a few sequences before the rest is read that way.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from alignprops._errors import ModelError
from alignprops.models.head import LastStates, last_states
from alignprops.models.loading import DTYPES, LanguageModel
from alignprops.models.progress import Progress, no_progress
from alignprops.models.silence import silence

Batching = Literal["one-at-a-time", "sorted", "shared-prefix"]
BATCHINGS: tuple[Batching, ...] = get_args(Batching)

# A prefix shorter than this saves less than copying its cache costs.
_SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The states of all sequences, and how they were read."""

    states: np.ndarray[Any, np.dtype[np.float64]]
    """(n, d) float64: x at the last token of each sequence."""
    batching: Batching
    """The way that was used."""
    note: str
    """Why it is not the way that was asked for; empty if it is."""
    prefix: int
    """How many tokens were read once for all sequences."""
    tokens: int
    """How many tokens the sequences have together."""


def read_states(
    model: LanguageModel,
    sequences: Sequence[Sequence[int]],
    *,
    batch_size: int = 32,
    batching: Batching = "shared-prefix",
    progress: Progress = no_progress,
    where: Callable[[int], str] = str,
) -> Reading:
    """Read every sequence (one token at least) and take x at its last token.

    `where` names a sequence by its position, for messages.

    Raises:
        ModelError: a state is not finite, or the memory does not suffice.
    """
    if batching not in BATCHINGS:
        raise ModelError(f"unknown batching {batching!r}; expected one of {', '.join(BATCHINGS)}")
    if batch_size < 1:
        raise ModelError(f"batch size is {batch_size}; expected at least 1")
    try:
        with silence(), torch.inference_mode(), last_states(model) as taken:
            reader = _Reader(model, taken, where)
            if batching == "one-at-a-time":
                states = reader.one_at_a_time(sequences, progress)
                return Reading(states, batching, "", 0, sum(map(len, sequences)))
            return _read_in_batches(reader, sequences, batch_size, batching=batching, progress=progress)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{model.name}: out of memory on {model.device} at batch size {batch_size}; lower the batch size"
        ) from error


def _read_in_batches(
    reader: _Reader,
    sequences: Sequence[Sequence[int]],
    batch_size: int,
    *,
    batching: Batching,
    progress: Progress,
) -> Reading:
    """Read equal sequences once, together with others of their length, as far as the model allows."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, sequence in enumerate(sequences):
        places.setdefault(tuple(sequence), []).append(place)
    distinct, named = list(places), reader.where
    reader = replace(reader, where=lambda i: named(places[distinct[i]][0]))
    used, note, prefix = _choose(reader, distinct, batching)
    if used == "one-at-a-time":
        read = reader.one_at_a_time(distinct, progress)
    else:
        read = reader.batches(distinct, _by_length(distinct), prefix, batch_size, progress)
    states = np.empty((len(sequences), read.shape[1]))
    for state, copies in zip(read, places.values(), strict=True):
        states[copies] = state
    shared = 0 if prefix is None else prefix.length
    return Reading(states, used, note, shared, sum(map(len, sequences)))


def _choose(
    reader: _Reader, sequences: Sequence[tuple[int, ...]], batching: Batching
) -> tuple[Batching, str, _Prefix | None]:
    """The fastest way up to the one asked for that gives the values of single sequences, and why not that one."""
    order = _by_length(sequences)
    probes = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))
    single = reader.one_at_a_time([sequences[i] for i in probes], no_progress, probes)
    note = ""
    if batching == "shared-prefix":
        prefix, note = reader.shared_prefix(sequences)
        if prefix is not None:
            if reader.agrees(single, sequences, probes, prefix):
                return "shared-prefix", "", prefix
            note = "a shared cache gives other values"
    if reader.agrees(single, sequences, probes, None):
        return "sorted", note, None
    return "one-at-a-time", "a batch gives other values", None


def _by_length(sequences: Sequence[Sequence[int]]) -> list[int]:
    """Positions, longest first: what does not fit into memory fails at once."""
    return sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))


@dataclass(frozen=True, slots=True, eq=False)
class _Prefix:
    """The keys and values of tokens that all sequences begin with."""

    length: int
    cache: DynamicCache

    def repeated(self, batch: int) -> DynamicCache:
        """A cache for a batch; the layers are views, and reading appends without writing into them."""
        cache = copy.copy(self.cache)
        layers: list[Any] = [copy.copy(layer) for layer in self.cache.layers]
        for layer in layers:
            layer.keys = layer.keys.expand(batch, -1, -1, -1)
            layer.values = layer.values.expand(batch, -1, -1, -1)
        cache.layers = layers
        return cache


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    model: LanguageModel
    taken: LastStates
    where: Callable[[int], str]

    def one_at_a_time(
        self, sequences: Sequence[Sequence[int]], progress: Progress, positions: Sequence[int] | None = None
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        order = range(len(sequences)) if positions is None else positions
        rows = []
        for done, (position, sequence) in enumerate(zip(order, sequences, strict=True), start=1):
            rows.append(self._read([position], [sequence], None))
            progress(done, len(sequences))
        return np.concatenate(rows)

    def batches(
        self,
        sequences: Sequence[Sequence[int]],
        order: Sequence[int],
        prefix: _Prefix | None,
        batch_size: int,
        progress: Progress,
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        states: np.ndarray[Any, np.dtype[np.float64]] | None = None
        done = 0
        for batch in _chunks(order, batch_size):
            read = self._read(batch, [sequences[i] for i in batch], prefix)
            if states is None:
                states = np.empty((len(sequences), read.shape[1]))
            states[batch] = read
            done += len(batch)
            progress(done, len(order))
        assert states is not None
        return states

    def agrees(
        self,
        single: np.ndarray[Any, np.dtype[np.float64]],
        sequences: Sequence[Sequence[int]],
        probes: Sequence[int],
        prefix: _Prefix | None,
    ) -> bool:
        """Whether a padded batch gives what single sequences give; a wrong mask or position is far off."""
        together = self._read(list(probes), [sequences[i] for i in probes], prefix)
        # Rounding differs with the shapes of the products; measured 1e-6 in float32 and 1e-2 in bfloat16.
        allowed = max(1e-4, 32 * float(torch.finfo(DTYPES[self.model.dtype]).eps))
        return bool(np.abs(together - single).max() <= allowed * np.abs(single).max())

    def shared_prefix(self, sequences: Sequence[tuple[int, ...]]) -> tuple[_Prefix | None, str]:
        """Read the common prefix, or say why not."""
        ids = _common_prefix(sequences)
        if len(sequences) < 2 or len(ids) < _SHORTEST_PREFIX:
            return None, "the prompts have no prefix worth sharing"
        cache = self._forward(torch.tensor([ids]), torch.tensor([len(ids) - 1]), use_cache=True)
        reason = _unshareable(cache, longest=max(map(len, sequences)))
        return (None, reason) if reason else (_Prefix(len(ids), cache), "")

    def _read(
        self, positions: Sequence[int], sequences: Sequence[Sequence[int]], prefix: _Prefix | None
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(B, d) float64: x at the last token of sequences of any lengths."""
        start = 0 if prefix is None else prefix.length
        lengths = torch.tensor([len(sequence) - start for sequence in sequences])
        ids = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.int64)  # any token does as padding
        for row, sequence in zip(ids, sequences, strict=True):
            row[: len(sequence) - start] = torch.tensor(sequence[start:])
        cache = None if prefix is None else prefix.repeated(len(sequences))
        self._forward(ids, lengths - 1, past_key_values=cache, use_cache=cache is not None)
        states = self.taken.states
        if states is None or states.ndim != 2:
            raise ModelError(f"{self.model.name}: the output embedding was not read as (batch, tokens, width)")
        read = states.double().cpu().numpy()
        self._refuse_non_finite(read, positions)
        return read

    def _forward(self, ids: Tensor, last: Tensor, **options: Any) -> Any:
        device = self.model.device
        self.taken.positions = last.to(device)
        self.taken.states = None
        output = self.model.network(input_ids=ids.to(device), **options)
        return getattr(output, "past_key_values", None)

    def _refuse_non_finite(self, states: np.ndarray[Any, np.dtype[np.float64]], positions: Sequence[int]) -> None:
        finite = np.isfinite(states).all(axis=1)
        if not finite.all():
            bad = positions[int(np.argmin(finite))]
            advice = "; try float32" if self.model.dtype in ("float16", "bfloat16") else ""
            raise ModelError(
                f"{self.model.name}: the hidden state of {self.where(bad)} holds NaN or inf "
                f"in {self.model.dtype}{advice}"
            )


def _unshareable(cache: Any, *, longest: int) -> str:
    """Why the cache of a prefix cannot be shared between sequences; empty if it can."""
    if type(cache) is not DynamicCache:
        return f"the model's cache is a {type(cache).__name__}"
    for layer in cache.layers:
        if type(layer) is DynamicSlidingWindowLayer:
            if layer.sliding_window < longest:
                return f"the prompts are longer than the sliding window of {layer.sliding_window} tokens"
        elif type(layer) is not DynamicLayer:
            return f"a layer of the model's cache is a {type(layer).__name__}"
        if layer.keys is None or layer.values is None or layer.keys.ndim != 4 or layer.values.ndim != 4:
            return "a layer of the model's cache is not of keys and values"
    return ""


def _common_prefix(sequences: Sequence[tuple[int, ...]]) -> list[int]:
    """The tokens that all sequences begin with, the last one of the shortest excepted."""
    first, last = list(min(sequences)), list(max(sequences))  # in lexicographic order: they differ most
    length = min(map(len, sequences)) - 1
    while first[:length] != last[:length]:
        length -= 1
    return first[:length]


def _chunks(order: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(order), size):
        yield list(order[start : start + size])
