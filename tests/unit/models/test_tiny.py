"""The built-in model: what it is for, and a cache that cannot go wrong quietly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alignprops._errors import InputError
from alignprops.data import generate_preferences
from alignprops.models.features import extract_features
from alignprops.models.tiny import cache_folder, load_tiny_model, tiny_model_folder
from alignprops.models.tiny_recipe import Recipe

QUICK = Recipe(statements=20, steps=2, width=16, inner=16, layers=1, vocabulary=300)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Never the user's."""
    monkeypatch.setenv("ALIGNPROPS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_behaviours_come_out_in_the_intended_order() -> None:
    """Four clearly different distinguishabilities, whichever statements are drawn."""
    steps: list[tuple[int, int]] = []
    model = load_tiny_model(progress=lambda *step: steps.append(step))

    assert model.name == "alignprops-tiny"
    assert steps[-1] == (Recipe().steps, Recipe().steps)
    for seed in range(5):
        found = extract_features(model, generate_preferences(seed=seed))
        means = [b.features[b.signs > 0].mean(axis=0) - b.features[b.signs < 0].mean(axis=0) for b in found.behaviours]
        distinguishability = np.linalg.norm(means, axis=1)
        assert (distinguishability[:-1] > 1.1 * distinguishability[1:]).all(), distinguishability
    assert (found.positive_text, found.negative_text) == (" Yes", " No")
    assert found.batching == "shared-prefix"


def test_any_text_can_be_read() -> None:
    """The tokenizer falls back to bytes; an unknown token there is not."""
    from alignprops.models.loading import load_model

    tokenizer = load_model(tiny_model_folder(recipe=QUICK)).tokenizer
    text = "Ünlikely → words\n Yes"

    assert tokenizer.unk_token_id is None
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_making_it_twice_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the caller's random state and thread count, which stay as they were."""
    first = contents(tiny_model_folder(recipe=QUICK))
    monkeypatch.setenv("ALIGNPROPS_CACHE", str(tmp_path / "other"))
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()

    with torch.no_grad():
        second = contents(tiny_model_folder(recipe=QUICK))

    assert first == second
    assert torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads()


def test_it_is_made_once(own_cache: Path) -> None:
    """The second time it is only checked."""
    folder = tiny_model_folder(recipe=QUICK)
    before = folder.stat().st_mtime_ns

    assert tiny_model_folder(recipe=QUICK, progress=lambda *_: pytest.fail("made again")) == folder
    assert folder.stat().st_mtime_ns == before
    assert sorted(p.name for p in own_cache.iterdir() if not p.name.endswith(".lock")) == [folder.name]


@pytest.mark.parametrize("damage", ["truncate", "delete", "manifest", "extra", "file"])
def test_damage_is_repaired(damage: str) -> None:
    """A file changed, lost or added, or no folder at all."""
    folder = tiny_model_folder(recipe=QUICK)
    whole = contents(folder)
    weights = folder / "model.safetensors"
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif damage == "delete":
        weights.unlink()
    elif damage == "manifest":
        (folder / "manifest.json").write_text("[")
    elif damage == "extra":
        (folder / "adapter_config.json").write_text("{}")
    else:
        folder.rename(folder.with_name("away"))
        folder.write_text("not a folder")

    assert contents(tiny_model_folder(recipe=QUICK)) == whole


def test_remains_of_a_killed_process_are_cleared(own_cache: Path) -> None:
    """They are never mistaken for the model."""
    remains = own_cache / f".alignprops-tiny-{QUICK.key()}-abc"
    remains.mkdir(parents=True)
    (remains / "model.safetensors").write_bytes(b"half")

    tiny_model_folder(recipe=QUICK)

    assert not remains.exists()


def test_key_follows_recipe_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version lives in another folder."""
    key = Recipe().key()

    assert Recipe(version=2).key() != key
    monkeypatch.setattr("alignprops.data.generated.QUESTION", "Otherwise asked: {}")
    assert Recipe().key() != key


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Our own variable, then the desktop's, then the home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("ALIGNPROPS_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "alignprops"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_folder() == tmp_path / ".cache" / "alignprops"


def test_unusable_cache_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read-only homes are common in CI."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ALIGNPROPS_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(InputError, match=r"the built-in model cannot be kept there .* set ALIGNPROPS_CACHE"):
        tiny_model_folder(recipe=QUICK)


def test_two_processes_at_once_make_one_model(own_cache: Path) -> None:
    """One makes it, the other waits and takes it."""
    code = (
        "from alignprops.models.tiny import tiny_model_folder as f; from alignprops.models.tiny_recipe import Recipe;"
        f"made = []; f(recipe={QUICK!r}, progress=lambda *s: made.append(s)); print(len(made))"
    )
    command = [sys.executable, "-c", code]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(2)
    ]
    results = [process.communicate(timeout=60) for process in processes]

    assert sorted(out.strip() for out, _ in results) == ["0", str(QUICK.steps)], results
