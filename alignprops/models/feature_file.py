"""The features of a preference set, and the file that keeps them (one safetensors file; no torch needed)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from alignprops import atomic
from alignprops._errors import DataError, InputError
from alignprops.data.names import select

SCHEMA = "alignprops-features/1"
_KEY = "alignprops"

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class BehaviourFeatures:
    """The statements of one behaviour as a model sees them."""

    name: str
    features: Floats
    """(n, d) float64: x of each statement, the head's scale folded in."""
    signs: Integers
    """(n,) int64: +1 if the preferred response begins with y+, -1 if with y-."""
    rows: Integers
    """(n,) int64: the line of each statement in its source."""
    source: str
    contradictory: int
    """How many different prompts are answered both ways."""

    def first(self, count: int | None) -> BehaviourFeatures:
        """The first `count` statements; all if it is None."""
        if count is None or count >= len(self.signs):
            return self
        if count < 2:
            raise DataError(f"max statements is {count}; a behaviour needs at least 2")
        features, signs = self.features[:count], self.signs[:count]
        if len(np.unique(signs)) < 2:
            raise DataError(f"the first {count} statements of {self.name!r} prefer one answer only; take more")
        # Equal prompts have equal features, bit for bit: they are read once.
        seen = {(row.tobytes(), int(sign)) for row, sign in zip(features, signs, strict=True)}
        contradictory = sum((row, -sign) in seen for row, sign in seen) // 2
        return replace(self, features=features, signs=signs, rows=self.rows[:count], contradictory=contradictory)


@dataclass(frozen=True, slots=True, eq=False)
class PreferenceFeatures:
    """What a measurement of a model on preference data needs, the model itself no longer."""

    model: str
    behaviours: tuple[BehaviourFeatures, ...]
    unembedding: np.ndarray[Any, np.dtype[np.floating[Any]]]
    """(V, d), float32 or float64: W of `logits = W x + b`, x being the features."""
    positive: int
    """The token y+."""
    negative: int
    """The token y-."""
    positive_text: str
    negative_text: str
    head_scale: float
    """c of the model's `logits = c W x + b`, already in the features."""
    head_bias: bool
    """Whether there is a b; it cancels in every difference to the reference."""
    tied: bool
    """Whether W is the model's input embedding too: a head-only run then trains a copy."""
    dtype: str
    """In which the model computed."""
    policy: str
    """What was done with special tokens."""
    batching: str
    """How the statements were read, and why not as asked."""
    tokens: int
    seconds: float

    @property
    def width(self) -> int:
        """The width d of the hidden states."""
        return int(self.unembedding.shape[1])

    @property
    def head_difference(self) -> Floats:
        """(d,) float64: w_{y+} - w_{y-}."""
        rows = self.unembedding[[self.positive, self.negative]].astype(np.float64)
        difference: Floats = rows[0] - rows[1]
        return difference

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the statements over the time taken, tokenisation included."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0

    def select(self, behaviours: Sequence[str] | None = None, max_statements: int | None = None) -> PreferenceFeatures:
        """The same, of the behaviours named and the first statements of each only.

        Raises:
            UnknownNameError: a behaviour that the features do not hold.
            DataError: what is left of a behaviour lacks one of the two classes.
        """
        chosen = select([behaviour.name for behaviour in self.behaviours], behaviours)
        kept = tuple(self.behaviours[at].first(max_statements) for at in chosen)
        return replace(self, behaviours=kept)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file whole or not at all.

        Raises:
            InputError: it cannot be written there.
        """
        tensors: dict[str, Any] = {"unembedding": self.unembedding}
        described = {name: getattr(self, name) for name in _DESCRIBED}
        described |= {"schema": SCHEMA, "behaviours": []}
        for number, behaviour in enumerate(self.behaviours):
            for part in _PARTS:
                tensors[f"{part}/{number}"] = getattr(behaviour, part)
            described["behaviours"].append({name: getattr(behaviour, name) for name in _DESCRIBED_BEHAVIOUR})
        # safetensors stores the buffer as it lies: an array in Fortran order would come back wrong.
        content = save(
            {key: np.ascontiguousarray(value) for key, value in tensors.items()},
            {_KEY: json.dumps(described)},
        )
        atomic.write_bytes(Path(path), content)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PreferenceFeatures:
        """Read a file that `save` wrote.

        Raises:
            InputError: it is missing, damaged, of another version or of other contents.
        """
        described, tensors = _read(Path(path))
        try:
            behaviours = tuple(
                BehaviourFeatures(
                    **{name: behaviour[name] for name in _DESCRIBED_BEHAVIOUR},
                    **{part: tensors[f"{part}/{number}"] for part in _PARTS},
                )
                for number, behaviour in enumerate(described["behaviours"])
            )
            loaded = cls(
                behaviours=behaviours,
                unembedding=tensors["unembedding"],
                **{name: described[name] for name in _DESCRIBED},
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: the features file lacks {error}; measure again to write it anew") from error
        _check_shapes(loaded, path)
        return loaded


_PARTS = ("features", "signs", "rows")
_DESCRIBED_BEHAVIOUR = {"name": str, "source": str, "contradictory": int}
_DESCRIBED = {
    "model": str,
    "positive": int,
    "negative": int,
    "positive_text": str,
    "negative_text": str,
    "head_scale": float,
    "head_bias": bool,
    "tied": bool,
    "dtype": str,
    "policy": str,
    "batching": str,
    "tokens": int,
    "seconds": float,
}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"{path}: no such features file; write one with --save-features")
    try:
        with safe_open(path, framework="numpy") as file:
            described = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            schema = described.get("schema") if isinstance(described, dict) else None
            if schema != SCHEMA:
                raise InputError(f"{path}: schema {schema!r}, this version reads {SCHEMA!r}; measure again")
            return described, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a readable features file ({error})") from error


def _check_shapes(loaded: PreferenceFeatures, path: str | os.PathLike[str]) -> None:
    def refuse(what: str) -> InputError:
        return InputError(f"{path}: the features file is inconsistent: {what}; measure again to write it anew")

    for owner, types in ((loaded, _DESCRIBED), *((b, _DESCRIBED_BEHAVIOUR) for b in loaded.behaviours)):
        for name, expected in types.items():
            value = getattr(owner, name)
            if type(value) is not expected and not (expected is float and type(value) is int):
                raise refuse(f"{name!r} is {value!r}, expected {expected.__name__}")
    W = loaded.unembedding
    if W.ndim != 2 or W.dtype not in (np.float32, np.float64):
        raise refuse(f"the unembedding is {W.dtype} of shape {W.shape}")
    if not (0 <= loaded.positive < len(W) and 0 <= loaded.negative < len(W)) or loaded.positive == loaded.negative:
        raise refuse(f"answer tokens {loaded.positive} and {loaded.negative} of {len(W)}")
    if not loaded.behaviours:
        raise refuse("it holds no behaviour")
    for b in loaded.behaviours:
        n = len(b.features)
        if b.features.dtype != np.float64 or b.features.shape != (n, W.shape[1]):
            raise refuse(f"the features of {b.name!r} are {b.features.dtype} of shape {b.features.shape}")
        if any(part.dtype != np.int64 or part.shape != (n,) for part in (b.signs, b.rows)):
            raise refuse(f"{b.name!r} has {n} features, its signs and rows do not match")
        if not np.isfinite(b.features).all() or not np.isin(b.signs, (-1, 1)).all():
            raise refuse(f"{b.name!r} holds features that are not finite or signs other than +1 and -1")
