"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from alignprops import InputError, atomic


def test_a_file_is_created_with_its_folders(tmp_path: Path) -> None:
    """And holds what was written, as UTF-8."""
    path = tmp_path / "a" / "b" / "report.json"
    atomic.write_text(path, "β ≥ 0\n")

    assert path.read_bytes() == "β ≥ 0\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def test_a_file_can_be_read_by_others(tmp_path: Path) -> None:
    """It has the mode that any new file would have, not that of a private temporary file."""
    mask = os.umask(0o022)
    try:
        atomic.write_bytes(tmp_path / "x", b"")
        assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no temporary file beside it."""
    path = tmp_path / "report.json"
    path.write_text("old")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text(path, "new")

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_an_interruption_after_the_last_instant_is_one_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is there, and Ctrl-C is not taken for a temporary file that is missing."""
    replace = Path.replace

    def late(temporary: Path, path: Path) -> None:
        replace(temporary, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", late)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text(tmp_path / "report.json", "new")

    assert (tmp_path / "report.json").read_text() == "new"


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while writing is the user's to mend, and leaves nothing behind."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*report.json: No space left on device"):
        atomic.write_text(tmp_path / "report.json", "new")

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where a folder should be, or a folder where the file should be."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "inner").mkdir(parents=True)

    with pytest.raises(InputError, match=r"cannot write"):
        atomic.write_text(tmp_path / "file" / "report.json", "")
    with pytest.raises(InputError, match=r"cannot write"):
        atomic.write_text(tmp_path / "folder", "")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
