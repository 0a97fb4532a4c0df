"""An object for a method to be called on: of the method's class, so that it finds the others, but not constructed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import Any


def is_method(code: Any) -> bool:
    """Whether the code is a plain function whose first argument is called `self`: it needs a stand-in."""
    return inspect.isfunction(code) and next(iter(inspect.signature(code).parameters), "") == "self"


def stand_in(method: Any, attributes: Mapping[str, Any]) -> Any:
    """An object with these attributes and the methods of the class that the method stands in; `__init__` is not run."""
    made: Any = object.__new__(_uninitialised(owner_of(method) or object, tuple(attributes)))
    vars(made).update(attributes)
    return made


def owner_of(method: Any) -> type | None:
    """The class that a method stands in; None if its name does not lead there, as that of a function's inner class."""
    path = method.__qualname__.split(".")[:-1]
    try:
        found: Any = reduce(getattr, path, sys.modules[method.__module__])
    except (AttributeError, KeyError):
        return None
    return found if isinstance(found, type) else None


@lru_cache(maxsize=64)
def _uninitialised(owner: type, attributes: tuple[str, ...]) -> type:
    # Named in the class as well, an attribute hides a property of that name, which would not let it be set.
    made = type("Self", (owner,), dict.fromkeys(attributes))
    made.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]  # what is abstract is not what is called
    return made
