"""The features file: it comes back exactly, whole, or with a clear refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from alignprops._errors import InputError
from alignprops.models.feature_file import SCHEMA, BehaviourFeatures, PreferenceFeatures


@pytest.fixture
def features() -> PreferenceFeatures:
    """Two behaviours, in the memory orders that arise."""
    rng = np.random.default_rng(0)
    behaviours = tuple(
        BehaviourFeatures(
            name=name,
            features=np.asfortranarray(rng.normal(size=(4, 3))),
            signs=np.array([1, -1, 1, -1]),
            rows=np.arange(1, 9)[::2],
            source=f"{name}.jsonl",
            contradictory=1,
        )
        for name in ("a", "b/ä")
    )
    return PreferenceFeatures(
        model="tiny",
        behaviours=behaviours,
        unembedding=np.asfortranarray(rng.normal(size=(5, 3)).astype(np.float32)),
        positive=4,
        negative=2,
        positive_text=" Yes",
        negative_text=" No",
        head_scale=0.25,
        head_bias=True,
        tied=False,
        dtype="float32",
        policy="before the prompt once: <s>",
        batching="sorted (the prompts have no prefix worth sharing)",
        tokens=100,
        seconds=0.5,
    )


def test_file_comes_back_exactly(features: PreferenceFeatures, tmp_path: Path) -> None:
    """Fortran-ordered and strided arrays included."""
    features.save(tmp_path / "f.safetensors")
    loaded = PreferenceFeatures.load(tmp_path / "f.safetensors")

    for field in fields(PreferenceFeatures):
        if field.name not in ("behaviours", "unembedding"):
            assert getattr(features, field.name) == getattr(loaded, field.name)
    np.testing.assert_array_equal(features.unembedding, loaded.unembedding)
    for a, b in zip(features.behaviours, loaded.behaviours, strict=True):
        assert (a.name, a.source, a.contradictory) == (b.name, b.source, b.contradictory)
        for part in ("features", "signs", "rows"):
            np.testing.assert_array_equal(getattr(a, part), getattr(b, part))
            assert getattr(a, part).dtype == getattr(b, part).dtype


def test_derived_quantities(features: PreferenceFeatures) -> None:
    """Width, rate, and w_{y+} - w_{y-} in float64."""
    W = features.unembedding.astype(np.float64)

    assert (features.width, features.tokens_per_second) == (3, 200.0)
    np.testing.assert_array_equal(features.head_difference, W[4] - W[2])


def test_old_file_is_replaced_and_nothing_is_left_over(features: PreferenceFeatures, tmp_path: Path) -> None:
    """One file in the folder, the new one."""
    path = tmp_path / "f.safetensors"
    path.write_text("old")

    features.save(path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["f.safetensors"]
    assert PreferenceFeatures.load(path).model == "tiny"


def test_failed_write_leaves_the_old_file(features: PreferenceFeatures, tmp_path: Path) -> None:
    """A target that cannot be replaced; no temporary file stays."""
    (tmp_path / "f.safetensors").mkdir()

    with pytest.raises(InputError, match=r"cannot write .*f\.safetensors: Is a directory"):
        features.save(tmp_path / "f.safetensors")
    assert [entry.name for entry in tmp_path.iterdir()] == ["f.safetensors"]


def test_folder_that_cannot_be_made(features: PreferenceFeatures, tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match=r"cannot write .*f\.safetensors: .*; choose a place that can be written"):
        features.save(tmp_path / "file" / "f.safetensors")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Not a tensor file at all."""
    path = tmp_path / "f.safetensors"
    path.write_bytes(content)

    with pytest.raises(InputError, match="not a readable features file"):
        PreferenceFeatures.load(path)


def test_missing_truncated_and_foreign_files(features: PreferenceFeatures, tmp_path: Path) -> None:
    """Each with its own words."""
    path = tmp_path / "f.safetensors"
    with pytest.raises(InputError, match="no such features file; write one with --save-features"):
        PreferenceFeatures.load(path)
    features.save(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="not a readable features file"):
        PreferenceFeatures.load(path)
    save_file({"weight": np.ones(2)}, path)
    with pytest.raises(InputError, match=r"schema None, this version reads 'alignprops-features/1'; measure again"):
        PreferenceFeatures.load(path)


def rewrite(path: Path, edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change what a features file says."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        described = json.loads(file.metadata()["alignprops"])
    tensors = load_file(path)
    edit(described, tensors)
    save_file(tensors, path, {"alignprops": json.dumps(described)})


EDITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "schema 'alignprops-features/0', this version reads": lambda d, _: d.update(schema="alignprops-features/0"),
    "lacks 'tied'": lambda d, _: d.pop("tied"),
    "lacks 'signs/1'": lambda _, t: t.pop("signs/1"),
    "'tokens' is '100', expected int": lambda d, _: d.update(tokens="100"),
    "'contradictory' is None, expected int": lambda d, _: d["behaviours"][0].update(contradictory=None),
    r"the unembedding is float32 of shape \(15,\)": lambda _, t: t.update(unembedding=t["unembedding"].ravel()),
    "answer tokens 9 and 2 of 5": lambda d, _: d.update(positive=9),
    "answer tokens 2 and 2 of 5": lambda d, _: d.update(positive=2),
    "it holds no behaviour": lambda d, _: d.update(behaviours=[]),
    r"the features of 'a' are float64 of shape \(4, 2\)": lambda _, t: t.update(
        {"features/0": np.ascontiguousarray(t["features/0"][:, :2])}
    ),
    "'a' has 4 features, its signs and rows do not match": lambda _, t: t.update({"signs/0": t["signs/0"][:2]}),
    "'a' holds features that are not finite": lambda _, t: t.update({"features/0": t["features/0"] * np.nan}),
    "or signs other than": lambda _, t: t.update({"signs/0": t["signs/0"] * 2}),
}


@pytest.mark.parametrize(("message", "edit"), EDITS.items(), ids=list(EDITS))
def test_inconsistent_file_is_refused(
    features: PreferenceFeatures, tmp_path: Path, message: str, edit: Callable[..., object]
) -> None:
    """Before any number is computed from it."""
    path = tmp_path / "f.safetensors"
    features.save(path)
    rewrite(path, edit)

    with pytest.raises(InputError, match=message):
        PreferenceFeatures.load(path)


def test_version_is_in_the_file(features: PreferenceFeatures, tmp_path: Path) -> None:
    """A later version can tell."""
    features.save(tmp_path / "f.safetensors")

    assert SCHEMA.encode() in (tmp_path / "f.safetensors").read_bytes()


def test_loading_features_needs_no_torch() -> None:
    """A measurement from a file skips the model, and its libraries."""
    code = "import alignprops.models.feature_file, sys; assert not {'torch', 'transformers'} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_saved_contents_do_not_depend_on_memory_order(features: PreferenceFeatures, tmp_path: Path) -> None:
    """The same numbers give the same bytes."""
    features.save(tmp_path / "f")
    ordered = replace(features, unembedding=np.ascontiguousarray(features.unembedding))
    ordered.save(tmp_path / "c")

    assert (tmp_path / "f").read_bytes() == (tmp_path / "c").read_bytes()
