"""The theorems of the installed suites, by suite and by id."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

from alignprops._errors import InputError, TheoremError, UnknownNameError
from alignprops.installed import InstalledSuite, installed_suites
from alignprops.theorems import Theorem


@dataclass(frozen=True, slots=True)
class Suite:
    """An installed suite: its registered name, its package and folder, and its theorems in the order of its files."""

    name: str
    package: str
    folder: Path
    theorems: tuple[Theorem, ...]


def load_suites() -> dict[str, Suite]:
    """Import every registered suite.

    Raises:
        InputError: a registered package cannot be found, or another package shadows it.
        TheoremError: two theorems have the same id.
    """
    suites = {found.name: _load(found) for found in installed_suites()}
    require_unique(theorem for suite in suites.values() for theorem in suite.theorems)
    return suites


def _load(found: InstalledSuite) -> Suite:
    if found.problem is not None or found.folder is None:
        raise InputError(f"the suite {found.name!r} cannot be used: {found.problem}")
    try:
        theorems = tuple(package_theorems(found.package))
    except ImportError as error:
        raise InputError(f"the suite {found.name!r} cannot be imported: {error}; mend it or uninstall it") from error
    return Suite(found.name, found.package, found.folder, theorems)


def package_theorems(package: str) -> list[Theorem]:
    """The theorems that a package and its modules define (not those that they import)."""
    root = importlib.import_module(package)
    names = [package]
    if hasattr(root, "__path__"):
        names += sorted(module.name for module in pkgutil.walk_packages(root.__path__, prefix=f"{package}."))
    return [theorem for name in names for theorem in module_theorems(importlib.import_module(name))]


def module_theorems(module: ModuleType) -> list[Theorem]:
    """The theorems that a module defines, in the order of their definition."""
    found = [thing for thing in vars(module).values() if isinstance(thing, Theorem)]
    return [theorem for theorem in dict.fromkeys(found) if theorem.module == module.__name__]


def require_unique(theorems: Iterable[Theorem]) -> None:
    """Refuse two theorems of one id."""
    seen: dict[str, Theorem] = {}
    for theorem in theorems:
        other = seen.setdefault(theorem.id, theorem)
        if other is not theorem:
            raise TheoremError(
                f"two theorems have the id {theorem.id!r}: in {other.module} and in {theorem.module}; rename one"
            )


def theorems_about(kind: str, patterns: Sequence[str] = ("*",)) -> list[Theorem]:
    """The theorems about a kind of subject that the patterns select, as `find_theorems`.

    A suite that says in its package which kinds it is about (`KINDS`) is not imported for others: mathematics takes
    seconds to import that somebody who checks a loss should not wait for.

    Raises:
        UnknownNameError: a pattern matches nothing in any suite; the nearest ids are told.
    """
    suites = {found.name: _load(found) for found in installed_suites() if _may_be_about(found, kind)}
    chosen: dict[str, Theorem] = {}
    for pattern in patterns:
        matches = _matching(pattern, suites) or find_theorems([pattern])
        chosen |= {theorem.id: theorem for theorem in matches if theorem.kind == kind}
    return list(chosen.values())


def _may_be_about(found: InstalledSuite, kind: str) -> bool:
    if found.problem is not None:
        return True  # loading it tells what is wrong
    try:
        kinds = getattr(importlib.import_module(found.package), "KINDS", None)
    except ImportError:
        return True
    return kinds is None or kind in kinds


def find_theorems(patterns: Sequence[str] = ("*",)) -> list[Theorem]:
    """The theorems whose id matches one of the patterns (a whole id, a glob, or the name of a suite).

    Raises:
        UnknownNameError: a pattern matches nothing; the nearest ids are told.
    """
    suites = load_suites()
    chosen: dict[str, Theorem] = {}
    for pattern in patterns:
        matches = _matching(pattern, suites)
        if not matches:
            ids = [theorem.id for suite in suites.values() for theorem in suite.theorems]
            raise UnknownNameError("theorem or suite", pattern, [*suites, *ids])
        chosen |= {theorem.id: theorem for theorem in matches}
    return list(chosen.values())


def _matching(pattern: str, suites: dict[str, Suite]) -> list[Theorem]:
    if pattern in suites:
        return list(suites[pattern].theorems)
    return [t for suite in suites.values() for t in suite.theorems if fnmatchcase(t.id, pattern)]


def find_theorem(theorem_id: str) -> Theorem:
    """The theorem of that id.

    Raises:
        UnknownNameError: there is none; the nearest ids are told.
    """
    known = {theorem.id: theorem for suite in load_suites().values() for theorem in suite.theorems}
    if theorem_id not in known:
        raise UnknownNameError("theorem", theorem_id, known)
    return known[theorem_id]
