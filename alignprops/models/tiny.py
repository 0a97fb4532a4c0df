"""The built-in model: made once, kept in the user's cache directory, checked whenever it is used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from alignprops._errors import InputError
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.progress import Progress, no_progress
from alignprops.models.tiny_recipe import Recipe, make_tiny_model

TINY_MODEL = "alignprops-tiny"
_MANIFEST = "manifest.json"


def cache_folder() -> Path:
    """Where alignprops keeps what it can make again: `$ALIGNPROPS_CACHE`, or below the user's cache."""
    if own := os.environ.get("ALIGNPROPS_CACHE"):
        return Path(own).expanduser()
    general = os.environ.get("XDG_CACHE_HOME")
    return (Path(general) if general else Path.home() / ".cache") / "alignprops"


def load_tiny_model(*, dtype: str = "float32", device: str = "cpu", progress: Progress = no_progress) -> LanguageModel:
    """The built-in model, trained now if it is not in the cache.

    Raises:
        InputError: the cache directory cannot be written.
        ModelError: the dtype or the device cannot be had.
    """
    folder = tiny_model_folder(progress=progress)
    return replace(load_model(folder, dtype=dtype, device=device), name=TINY_MODEL)


def tiny_model_folder(*, recipe: Recipe | None = None, progress: Progress = no_progress) -> Path:
    """The folder of the built-in model, made or made again if it is missing or damaged.

    It appears whole or not at all, and of processes that want it at once one makes it.
    """
    recipe = recipe or Recipe()
    folder = cache_folder() / f"{TINY_MODEL}-{recipe.key()}"
    if _intact(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _intact(folder):  # another process may have made it while this one waited
                _make(recipe, folder, progress)
    except OSError as error:
        raise InputError(
            f"{folder.parent}: the built-in model cannot be kept there ({error.strerror or error}); "
            f"set ALIGNPROPS_CACHE to a folder that can be written"
        ) from error
    return folder


def _make(recipe: Recipe, folder: Path, progress: Progress) -> None:
    """Build beside the place, then rename; the lock is held."""
    for left in folder.parent.glob(f".{folder.name}-*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        building.chmod(0o755)
        make_tiny_model(recipe, building, progress=progress)
        manifest = {"version": recipe.version, "files": _hashes(building)}
        (building / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if folder.is_dir():
            shutil.rmtree(folder)
        elif folder.exists():
            folder.unlink()
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _intact(folder: Path) -> bool:
    """Whether every file is there with the contents that it was made with."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return isinstance(manifest, dict) and manifest.get("files") == _hashes(folder)
    except (OSError, ValueError):
        return False


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.iterdir() if file.name != _MANIFEST)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
