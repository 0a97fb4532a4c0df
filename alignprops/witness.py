"""Witnesses: the instances that refute a claim, stored so that they replay bit for bit.

An instance is a dataclass of arrays, numbers, text, tuples and further dataclasses. It is stored as safetensors
(arrays under their path, `behaviours.0.features`) with the rest, the claim and the versions as text metadata.
Nothing executable is stored: the type to rebuild comes from the theorem, never from the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from alignprops import atomic
from alignprops._errors import WitnessError

SCHEMA = "alignprops-witness/1"


@dataclass(frozen=True, slots=True)
class Witness:
    """An instance that refutes a claim, and where it comes from."""

    claim: str
    instance: Any
    seed: int
    versions: tuple[str, ...]
    recipe: str = "{}"
    """How the subject was adapted, as JSON: what `replay` needs beside its name."""

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of the claim and the instance's content."""
        arrays, scalars = flatten(self.instance)
        digest = hashlib.blake2b(f"{self.claim}\n{json.dumps(scalars, sort_keys=True)}".encode(), digest_size=8)
        for name in sorted(arrays):
            digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
        return digest.hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {"hash": self.hash, "instance": describe(self.instance)}

    def save(self, folder: Path) -> Path:
        """Store the witness as `<hash>.safetensors` in `folder`, atomically."""
        from safetensors.numpy import save

        arrays, scalars = flatten(self.instance)
        metadata = {
            "schema": SCHEMA,
            "claim": self.claim,
            "seed": str(self.seed),
            "versions": json.dumps(self.versions),
            "scalars": json.dumps(scalars),
            "recipe": self.recipe,
        }
        path = folder / f"{self.hash}.safetensors"
        # safetensors stores the memory of a Fortran-ordered array as it lies: C order first.
        ordered = {name: np.array(array, order="C") for name, array in arrays.items()}
        atomic.write_bytes(path, save(ordered, metadata=metadata))
        return path


@dataclass(frozen=True, slots=True)
class Stored:
    """A witness as read from its file, before its theorem is known."""

    path: Path
    claim: str
    seed: int
    versions: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]
    scalars: dict[str, Any]
    recipe: dict[str, Any]

    def rebuild(self, instance_type: type) -> Any:
        """The instance, as the type that the theorem takes.

        Raises:
            WitnessError: the stored fields are not those of the type.
        """
        return _rebuild(instance_type, "", self)


def load(path: Path) -> Stored:
    """Read a stored witness.

    Raises:
        WitnessError: the file does not exist, is no safetensors file, or is no witness.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WitnessError(f"no witness at {path}; give a .safetensors file or the first 8 digits of its hash")
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except SafetensorError as error:
        raise WitnessError(f"{path} cannot be read as safetensors: {error}") from error
    if metadata.get("schema") != SCHEMA:
        raise WitnessError(
            f"{path} is no witness of this version: schema {metadata.get('schema')!r}, expected {SCHEMA!r}"
        )
    try:
        versions, scalars = tuple(json.loads(metadata["versions"])), json.loads(metadata["scalars"])
        recipe = json.loads(metadata.get("recipe", "{}"))
        return Stored(path, metadata["claim"], int(metadata["seed"]), versions, arrays, scalars, recipe)
    except (KeyError, ValueError) as error:
        raise WitnessError(f"{path} is damaged: its metadata lack or garble {error}") from error


def find(spec: str, folders: Iterable[Path]) -> Path:
    """The file of a witness: a path, or at least 8 digits of its hash looked up in `folders`.

    Raises:
        WitnessError: nothing, or more than one file, answers to `spec`.
    """
    if spec.endswith(".safetensors") or "/" in spec:
        return Path(spec)
    if len(spec) < 8 or any(digit not in "0123456789abcdef" for digit in spec):
        raise WitnessError(f"{spec!r} is neither a path nor at least 8 hexadecimal digits of a witness's hash")
    places = list(folders)
    matches = {path.name: path for folder in places for path in sorted(folder.glob(f"{spec}*.safetensors"))}
    if len(matches) != 1:
        where = ", ".join(str(folder) for folder in places)
        raise WitnessError(f"{len(matches)} witnesses begin with {spec} in {where}; expected one")
    return next(iter(matches.values()))


# --- instances as flat arrays and numbers -----------------------------------------------------------------------


def flatten(instance: Any, path: str = "") -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays by path, and the remaining fields by path as JSON values (floats as hexadecimal text)."""
    arrays: dict[str, NDArray[Any]] = {}
    scalars: dict[str, Any] = {}
    for name, part in _parts(instance, path):
        if isinstance(part, np.ndarray):
            arrays[name] = part
        elif isinstance(part, tuple) or _is_record(part):
            if isinstance(part, tuple):
                scalars[f"{name}.length"] = len(part)
            inner_arrays, inner_scalars = flatten(part, name)
            arrays |= inner_arrays
            scalars |= inner_scalars
        elif isinstance(part, float):
            scalars[name] = {"float": float(part).hex()}
        elif part is None or isinstance(part, bool | int | str | np.integer):
            scalars[name] = int(part) if isinstance(part, np.integer) else part
        else:
            raise WitnessError(
                f"field {name!r} is a {type(part).__name__}; an instance has arrays, numbers, text, tuples"
            )
    return arrays, scalars


def describe(instance: Any) -> dict[str, Any]:
    """The instance as JSON for a reader: short arrays in full, long ones by shape and range."""
    arrays, scalars = flatten(instance)
    told = {name: _told(array) for name, array in arrays.items()}
    for name, value in scalars.items():
        if not name.endswith(".length"):
            told[name] = float.fromhex(value["float"]) if isinstance(value, dict) else value
    order = [name for name, _ in _leaf_order(instance, "")]
    return {name: told[name] for name in sorted(told, key=lambda name: order.index(name) if name in order else 0)}


def _told(array: NDArray[Any]) -> Any:
    if array.size <= 64:
        return array.tolist()
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "min": array.min().item(),
        "max": array.max().item(),
    }


def _is_record(part: Any) -> bool:
    return dataclasses.is_dataclass(part) and not isinstance(part, type)


def _parts(instance: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(instance, tuple):
        return [(f"{path}.{index}", part) for index, part in enumerate(instance)]
    prefix = f"{path}." if path else ""
    return [(prefix + f.name, getattr(instance, f.name)) for f in dataclasses.fields(instance) if f.init]


def _leaf_order(instance: Any, path: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, part in _parts(instance, path):
        leaves += _leaf_order(part, name) if isinstance(part, tuple) or _is_record(part) else [(name, part)]
    return leaves


def _rebuild(kind: Any, path: str, stored: Stored) -> Any:
    if get_origin(kind) is tuple:
        length, inner = _scalar(stored, f"{path}.length"), get_args(kind)
        each = inner[:1] * length if inner[-1:] == (...,) else inner
        return tuple(_rebuild(part, f"{path}.{index}", stored) for index, part in zip(range(length), each, strict=True))
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        prefix = f"{path}." if path else ""
        names = [f.name for f in dataclasses.fields(kind) if f.init]
        return kind(**{name: _rebuild(hints[name], prefix + name, stored) for name in names})  # type: ignore[operator]
    return stored.arrays[path] if path in stored.arrays else _scalar(stored, path)


def _scalar(stored: Stored, name: str) -> Any:
    if name not in stored.scalars:
        raise WitnessError(f"{stored.path} has no field {name!r}: it was stored by another version of {stored.claim}")
    value = stored.scalars[name]
    return float.fromhex(value["float"]) if isinstance(value, dict) else value
