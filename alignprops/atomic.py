"""Writing files so that a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from alignprops._errors import InputError


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a synced temporary file in the same folder.

    Raises:
        InputError: the file cannot be written there.
    """

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_with(path, write)


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` write a temporary file in the same folder, sync it, and put it in the place of `path`.

    Raises:
        InputError: the file cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        os.close(descriptor)
        write(Path(temporary))
        with Path(temporary).open("rb") as file:
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())  # a temporary file is for its owner only
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink()
        raise _refusal(path, error) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)  # an interruption may come when the file is in its place already
        raise


def _umask() -> int:
    """The mask of this process, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _refusal(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}; choose a place that can be written")


def write_text(path: Path, content: str) -> None:
    """Write text as UTF-8, atomically (see `write_bytes`)."""
    write_bytes(path, content.encode())
