"""The configuration of the pytest session that is running, for what a host's test calls inside it.

The plugin imports this in every host repository: the standard library only; nothing is resolved before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alignprops.config import Configuration

#: The sessions that are running, the innermost last (a test may run pytest inside pytest).
_sessions: list[Callable[[], Configuration]] = []


def enter(configuration: Callable[[], Configuration]) -> Callable[[], None]:
    """Make `configuration` the source of the running session; return what ends it."""
    _sessions.append(configuration)
    return lambda: _sessions.remove(configuration)


def current() -> Configuration:
    """The configuration of the session, or outside of pytest that of the environment."""
    if _sessions:
        return _sessions[-1]()
    from alignprops.config import resolve

    return resolve({})
