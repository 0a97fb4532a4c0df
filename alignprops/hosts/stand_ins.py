"""Inert modules in the place of packages that a host imports and that its arithmetic does not use.

A stand-in has every attribute, each of them inert: it can be a base class or an annotation, and it can decorate. To
call one in any other way is an error, so that no number ever comes from it. A package that is installed is never stood
in for.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from alignprops._errors import InputError


class _Inert(type):
    """The class of everything that a stand-in has: such things are classes, so that a host may inherit from them."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _inert(f"{cls.__name__}.{name}")

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        if not cls.__dict__.get("stands_in", False):
            return super().__call__(*arguments, **keywords)  # a class of the host's own
        if len(arguments) == 1 and callable(arguments[0]) and not keywords:
            return arguments[0]  # @decorator
        if not arguments and all(isinstance(value, int | float | str) for value in keywords.values()):
            return cls  # @decorator(option=…)
        raise InputError(f"{cls.__name__} is stood in for, and was called: install its package to check this code")


def _inert(name: str) -> Any:
    return _Inert(name, (), {"stands_in": True})


class _StandIn(ModuleType):
    """A module that has whatever is asked of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # as of a package: its modules can be imported too

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _inert(f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins; `name` means a package with all that is in it, `name!` that module alone."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if any(_covers(name, fullname) for name in self.names):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""


def _covers(name: str, module: str) -> bool:
    return module == name.removesuffix("!") or (not name.endswith("!") and module.startswith(f"{name}."))


@contextmanager
def stand_ins(*names: str) -> Iterator[list[str]]:
    """Inside the context, modules of these names that are not installed can be imported; after it no longer.

    What was imported meanwhile keeps the inert objects that it took. Yields the names that were stood in for so far.

    Args:
        *names: of packages, with all their modules; a name that ends in `!` means that module alone.
    """
    finder = _Finder(names)
    used: list[str] = []
    sys.meta_path.append(finder)  # last, so that an installed package is found first
    try:
        yield used
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]:
            del sys.modules[name]
            used.append(name)
