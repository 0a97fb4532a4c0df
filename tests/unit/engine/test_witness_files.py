"""Stored witnesses: what is written is what is read, and nothing else is accepted."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alignprops._errors import WitnessError
from alignprops.witness import Witness, describe, find, flatten, load


@dataclass(frozen=True)
class Part:
    """A part of an instance."""

    rows: NDArray[Any]
    weight: float


@dataclass(frozen=True)
class Whole:
    """Every kind of field that an instance may have."""

    matrix: NDArray[Any]
    scalar: NDArray[Any]
    flags: NDArray[Any]
    counts: NDArray[Any]
    empty: NDArray[Any]
    eta: float
    steps: int
    on: bool
    name: str
    nothing: None
    part: Part
    parts: tuple[Part, ...]
    mixed: tuple[int, Part]
    none: tuple[float, ...]
    derived: int = field(init=False, default=7)


def whole() -> Whole:
    """An instance with awkward values: Fortran order, a denormal, an infinity, −0.0, NaN."""
    return Whole(
        matrix=np.asfortranarray(np.arange(6.0).reshape(2, 3) / 7),
        scalar=np.array(-0.0),
        flags=np.array([True, False]),
        counts=np.array([[1, 2], [3, 4]], dtype=np.int32).T,
        empty=np.zeros((0, 3)),
        eta=5e-324,
        steps=np.int64(3),  # type: ignore[arg-type]
        on=True,
        name="two words",
        nothing=None,
        part=Part(np.array([np.inf, np.nan]), 0.1),
        parts=(Part(np.ones(1), -0.0), Part(np.ones(2, dtype=np.float32), float("nan"))),
        mixed=(4, Part(np.ones(3), 1 / 3)),
        none=(),
    )


def saved(folder: Path, instance: Any) -> Path:
    """The file of a witness of `instance`."""
    return Witness("a.b.c::toy", instance, 12, ("numpy 2",)).save(folder)


def bits(instance: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The content to the last bit."""
    arrays, scalars = flatten(instance)
    return {n: (a.dtype.str, a.shape, np.ascontiguousarray(a).tobytes()) for n, a in arrays.items()}, scalars


def test_every_kind_of_field_survives_to_the_bit(tmp_path: Path) -> None:
    """Arrays of any order, shape and dtype, records inside of records, floats that decimal text would round."""
    before = whole()
    stored = load(saved(tmp_path, before))
    after = stored.rebuild(Whole)

    assert bits(after) == bits(before)
    assert after.scalar.shape == ()
    assert type(after.mixed[1]) is Part
    assert (after.steps, after.on, after.name, after.nothing, after.none) == (3, True, "two words", None, ())
    assert (stored.claim, stored.seed, stored.versions) == ("a.b.c::toy", 12, ("numpy 2",))


def test_the_hash_is_of_claim_and_content() -> None:
    """Memory order does not matter; claim, values, shape and dtype do; the seed does not."""
    rows = np.arange(6.0).reshape(2, 3)

    def hashed(array: Any, claim: str = "a.b::toy", seed: int = 0, weight: float = 1.0) -> str:
        return Witness(claim, Part(array, weight), seed, ()).hash

    first = hashed(rows)

    assert len(first) == 16
    assert hashed(np.asfortranarray(rows)) == first == hashed(rows, seed=5)
    others = {hashed(rows + 1), hashed(rows.T), hashed(rows.astype(np.float32)), hashed(rows, "a.c::toy")}
    others |= {hashed(rows, weight=1.5), hashed(rows.reshape(6))}
    assert len(others) == 6
    assert first not in others


def test_a_description_is_for_a_reader() -> None:
    """Short arrays in full, long ones by shape and range, in the order of the fields."""
    told = describe(Part(np.arange(100.0), 0.5))

    assert list(told) == ["rows", "weight"]
    assert told["rows"] == {"shape": [100], "dtype": "float64", "min": 0.0, "max": 99.0}
    assert describe(Part(np.array([[1.0]]), 0.5)) == {"rows": [[1.0]], "weight": 0.5}
    assert list(describe(whole()))[:3] == ["matrix", "scalar", "flags"]
    assert "parts.1.weight" in describe(whole())


def test_what_cannot_be_stored_is_named() -> None:
    """A list or a dictionary inside of an instance is told with its field."""

    @dataclass(frozen=True)
    class Listing:
        rows: Any

    with pytest.raises(WitnessError, match=r"field 'rows' is a list; an instance has arrays, numbers, text, tuples"):
        flatten(Listing([1.0]))


def test_a_missing_file_is_told_with_what_was_expected(tmp_path: Path) -> None:
    """Neither a path nor a hash."""
    with pytest.raises(WitnessError, match=r"no witness at .*; give a .safetensors file or the first 8 digits"):
        load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}{}{}{}", b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever is in it, the error is one of ours."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)

    with pytest.raises(WitnessError):
        load(path)


def rewrite(path: Path, change: dict[str, str | None]) -> None:
    """Change the metadata of a safetensors file; None removes a key."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    for key, value in change.items():
        header["__metadata__"].pop(key, None)
        if value is not None:
            header["__metadata__"][key] = value
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    path.write_bytes(struct.pack("<Q", len(told)) + told + content[8 + size :])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": "alignprops-witness/0"}, "is no witness of this version: schema 'alignprops-witness/0'"),
        ({"schema": None}, "is no witness of this version: schema None"),
        ({"claim": None}, "is damaged: its metadata lack or garble 'claim'"),
        ({"seed": "many"}, "is damaged"),
        ({"scalars": "{"}, "is damaged"),
        ({"versions": None}, "is damaged"),
    ],
)
def test_damaged_metadata_are_refused(tmp_path: Path, change: dict[str, str | None], told: str) -> None:
    """A witness of another version, or one that was tampered with, is told as such."""
    path = saved(tmp_path, Part(np.ones(2), 1.0))
    rewrite(path, change)

    with pytest.raises(WitnessError, match=told):
        load(path)


def test_a_witness_of_another_type_is_refused(tmp_path: Path) -> None:
    """The theorem has changed its instances since."""
    stored = load(saved(tmp_path, Part(np.ones(2), 1.0)))

    with pytest.raises(WitnessError, match=r"has no field 'matrix': it was stored by another version of a.b.c::toy"):
        stored.rebuild(Whole)


def test_a_witness_is_found_by_path_or_by_its_first_digits(tmp_path: Path) -> None:
    """Eight digits at least, in one of the folders, and only one file."""
    here, there = tmp_path / "here", tmp_path / "there"
    path = saved(here, Part(np.ones(2), 1.0))
    digits = path.name[:8]

    assert find(str(path), []) == path
    assert find(digits, [there, here]) == path
    with pytest.raises(WitnessError, match=r"is neither a path nor at least 8 hexadecimal digits"):
        find(digits[:7], [here])
    with pytest.raises(WitnessError, match=r"is neither a path nor"):
        find("not hex!", [here])
    with pytest.raises(WitnessError, match=r"0 witnesses begin with 00000000 in .*; expected one"):
        find("00000000", [here])
    (here / f"{digits}ffffffff.safetensors").write_bytes(b"")
    with pytest.raises(WitnessError, match=r"2 witnesses begin with"):
        find(digits, [here])
