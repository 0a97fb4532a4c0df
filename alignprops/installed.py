"""The suites that are installed: the entry points `alignprops.theorems`, found without importing them.

Only the standard library is imported here: the pytest plugin asks for the folders of the suites in host repositories.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "alignprops.theorems"


@dataclass(frozen=True, slots=True)
class InstalledSuite:
    """A registered suite.

    `folder` is where its package would be imported from, None if it cannot be found; `problem` says in words why
    the suite cannot be used (it is missing, or another package of its name comes first on `sys.path`).
    """

    name: str
    package: str
    folder: Path | None
    problem: str | None


def installed_suites() -> tuple[InstalledSuite, ...]:
    """Return every registered suite, sorted by name, without importing its package."""
    found = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return tuple(_locate(point) for point in found)


def _locate(point: EntryPoint) -> InstalledSuite:
    folder = package_folder(point.value)
    expected = _expected_folder(point)
    if expected is not None and folder != expected:
        top = point.value.partition(".")[0]
        seen = package_folder(top)
        problem = f"{seen or folder} shadows the installed package {top!r} in {expected.parent}; rename or remove it"
        return InstalledSuite(point.name, point.value, folder, problem if seen != expected.parent else None)
    missing = f"the package {point.value!r} cannot be found; reinstall its distribution"
    return InstalledSuite(point.name, point.value, folder, None if folder else missing)


def package_folder(package: str) -> Path | None:
    """Where `package` would be imported from; its parent packages are imported, itself not."""
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:  # a parent is missing, or is no package
        return None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def _expected_folder(point: EntryPoint) -> Path | None:
    """The folder that the distribution of `point` installed for its package, if that can be told."""
    parts = point.value.split(".")
    if point.dist is None:
        return None
    beside = _folder_of_record(point.dist, parts)
    if beside is None and point.value.startswith("property_suites."):
        # An editable install records no package files; our own suites lie beside this package.
        beside = Path(__file__).resolve().parent.parent.joinpath(*parts)
    return beside


def _folder_of_record(dist: Distribution, parts: list[str]) -> Path | None:
    wanted = "/".join([*parts, "__init__.py"])
    for file in dist.files or ():
        if file.as_posix() == wanted:
            return Path(str(dist.locate_file(file))).resolve().parent
    return None


def installed_suite(module: str) -> InstalledSuite | None:
    """The suite that `module` belongs to, if any."""
    for suite in _suites_once():
        if module == suite.package or module.startswith(f"{suite.package}."):
            return suite
    return None


@lru_cache(maxsize=1)
def _suites_once() -> tuple[InstalledSuite, ...]:
    return installed_suites()
