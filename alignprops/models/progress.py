"""How long work reports that it goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called with how much is done, of how much, every now and then."""

    def __call__(self, done: int, total: int, /) -> None:
        """`done` of `total` units are finished."""


def no_progress(done: int, total: int, /) -> None:
    """Say nothing."""


@contextmanager
def show_progress(description: str) -> Iterator[Progress]:
    """A progress bar on standard error while it is a terminal, and nothing otherwise."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=None)

        def advance(done: int, total: int, /) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
