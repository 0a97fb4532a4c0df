"""The format of a trace, version 1: names, columns and digests (docs/trace.md says the same in prose).

A trace is a folder: `metadata.json`, then column chunks that are only ever added, and `end.json` once the run is over.
Every file carries the random id of its run and a digest of its contents, and every chunk the step that the chunk before
it ends with: a gap, an edit or a mixture of two runs is found when the trace is opened.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SCHEMA = "alignprops-trace/1"

METADATA = "metadata.json"
END = "end.json"
REFERENCE = "reference.safetensors"
CHECKPOINT = "checkpoint"
FINAL = "final"

Kind = Literal["steps", "evaluations"]
Split = Literal["train", "evaluation"]
SPLITS: tuple[Split, ...] = ("train", "evaluation")
When = Literal["start", "end"]

#: Columns of `steps`, one value a step.
STEP_COLUMNS: Mapping[str, type] = {
    "step": np.int64,
    "loss": np.float64,
    "gradient_norm": np.float64,
    "head_change": np.float64,
    "parameter_change": np.float64,
    "learning_rate": np.float64,
    "tokens": np.int64,
    "seconds": np.float64,
}
#: Columns of `evaluations` for each split that exists, one value a behaviour; `<split>.margins` has one a pair.
EVALUATION_FIGURES = ("loss", "accuracy", "margin", "chosen_change", "rejected_change", "displaced")
#: Columns of `states-start` and `states-end`.
STATE_COLUMNS: Mapping[str, type] = {
    "features": np.float32,
    "signs": np.int64,
    "behaviours": np.int64,
    "rows": np.int64,
}
#: Columns of `reference` for each split.
REFERENCE_COLUMNS: Mapping[str, type] = {
    "chosen": np.float64,
    "rejected": np.float64,
    "behaviours": np.int64,
    "signs": np.int64,
}

Columns = dict[str, NDArray[Any]]

_CHUNK = re.compile(r"(steps|evaluations)-(\d{8,})\.safetensors")


def chunk_name(kind: Kind, first: int) -> str:
    """The file of a chunk, named by its first step."""
    return f"{kind}-{first:08d}.safetensors"


def chunk_first(name: str, kind: Kind) -> int | None:
    """The first step that the name of a chunk of this kind tells; None for any other file."""
    found = _CHUNK.fullmatch(name)
    return int(found[2]) if found and found[1] == kind else None


def states_name(when: When) -> str:
    """The file of the hidden states."""
    return f"states-{when}.safetensors"


def digest_of_json(content: Mapping[str, Any]) -> str:
    """The digest of a JSON object, its own field `digest` left out."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def digest_of_columns(columns: Mapping[str, NDArray[Any]], described: Mapping[str, str]) -> str:
    """The digest of columns and of what is said of them."""
    whole = hashlib.sha256(json.dumps(sorted(described.items())).encode())
    for name in sorted(columns):
        column = np.ascontiguousarray(columns[name])
        whole.update(json.dumps([name, str(column.dtype), list(column.shape)]).encode())
        whole.update(column.tobytes())
    return whole.hexdigest()
