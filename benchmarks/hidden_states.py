"""Hidden states of a preference set: sorted batches, and the shared prefix read once, against one at a time.

All three read the same distinct token sequences with the same model in one process, in turns; minima count. Nothing but
reading is timed: tokenisation, the same for all, is not. The baseline is our own reader with one statement at a time,
which computes the logits of the last position only; a plain loop over `model(input_ids)` is timed beside it, and a
baseline that is slower than that is refused. The values are compared too.

By default the model is a Llama of two million random weights (4 layers, width 192), the statements are generated;
`--model` and `--preferences` name others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from alignprops.data import generate_preferences, load_preferences
from alignprops.models.answers import resolve_answers
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.reading import Batching, Reading, read_states
from alignprops.models.tiny_recipe import Recipe, make_tiny_model
from benchmarks.row import Row
from benchmarks.timing import interleaved

TARGETS: dict[Batching, float] = {"sorted": 4.0, "shared-prefix": 6.0}
#: Values agree to this much, relative to the largest.
AGREEMENT = 1e-5
#: Our reader of single statements may cost so much more than a plain loop; beyond it the ratio would flatter.
SLOWEST_PLAUSIBLE = 1.1


@dataclass(frozen=True, slots=True)
class Size:
    """The model's shape, how many statements of each behaviour, the batch size, and the rounds."""

    width: int = 192
    layers: int = 4
    heads: int = 6
    inner: int = 512
    statements: int = 250
    batch: int = 32
    rounds: int = 5
    model: str | None = None
    preferences: tuple[str, ...] = ()


REDUCED = Size(width=16, layers=1, heads=2, inner=16, statements=20, batch=8, rounds=2)


def measure(size: Size = Size()) -> list[Row]:  # frozen
    """Time the three ways of reading; a minute or two."""
    model, sequences = _given(size) if size.model else _made(size)
    ways: tuple[Batching, ...] = ("one-at-a-time", *TARGETS)
    readings = {way: read_states(model, sequences, batch_size=size.batch, batching=way) for way in ways}  # warms up
    times = interleaved(
        {
            **{way: lambda way=way: read_states(model, sequences, batch_size=size.batch, batching=way) for way in ways},
            "plain": lambda: _plain_loop(model, sequences),
        },
        size.rounds,
    )
    single, plain = min(times["one-at-a-time"]), min(times["plain"])
    too_slow = f"{single / plain:.2f} × a plain loop" if single > SLOWEST_PLAUSIBLE * plain else ""
    return [
        Row(
            name=f"hidden-states.{way}",
            what=f"hidden states of {len(sequences)} statements, {_told(way, readings[way], size)}",
            against="one statement at a time",
            value=single / min(times[way]),
            unit="×",
            target=TARGETS[way],
            ours=times[way],
            theirs=times["one-at-a-time"],
            checks=f"{readings[way].tokens / min(times[way]):,.0f} tokens/s; {_disagreement(readings, way):.1e} apart "
            f"(allowed {AGREEMENT:g}); a plain loop takes {plain:.3g} s; {torch.get_num_threads()} threads",
            refused=too_slow or _unlike(readings, way),
        )
        for way in TARGETS
    ]


def _made(size: Size) -> tuple[LanguageModel, list[list[int]]]:
    untrained = Recipe(steps=0, width=size.width, layers=size.layers, heads=size.heads, inner=size.inner)
    with tempfile.TemporaryDirectory() as folder:
        make_tiny_model(untrained, Path(folder))
        model = replace(load_model(Path(folder)), name="random-llama")
    return model, _distinct(resolve_answers(model, generate_preferences(statements=size.statements)).prompts)


def _given(size: Size) -> tuple[LanguageModel, list[list[int]]]:
    assert size.model is not None
    model = load_model(size.model)
    preferences = load_preferences(size.preferences, max_statements=size.statements)
    return model, _distinct(resolve_answers(model, preferences).prompts)


def _distinct(prompts: Sequence[Sequence[list[int]]]) -> list[list[int]]:
    """Equal prompts once, for the batches would read them once and single statements would not."""
    return [list(ids) for ids in dict.fromkeys(tuple(ids) for of_behaviour in prompts for ids in of_behaviour)]


def _plain_loop(model: LanguageModel, sequences: Sequence[Sequence[int]]) -> None:
    """What a person writes; logits of the last position only, as in our reader."""
    with torch.inference_mode():
        for ids in sequences:
            model.network(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=1)


def _told(way: Batching, reading: Reading, size: Size) -> str:
    batches = f"length-sorted batches of {size.batch}"
    return f"{batches}, the shared prefix of {reading.prefix} tokens once" if way == "shared-prefix" else batches


def _disagreement(readings: dict[Batching, Reading], way: Batching) -> float:
    single = readings["one-at-a-time"].states
    return float(np.abs(readings[way].states - single).max() / np.abs(single).max())


def _unlike(readings: dict[Batching, Reading], way: Batching) -> str:
    """Why the two sides do not do the same; empty if they do."""
    if readings[way].batching != way:
        return f"the model was read {readings[way].batching}: {readings[way].note}"
    apart = _disagreement(readings, way)
    return f"the states differ by {apart:.1e}" if apart > AGREEMENT else ""
