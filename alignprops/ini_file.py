"""Our keys in the ini file that pytest would take in a folder.

`alignprops run` runs pytest on installed suites, isolated from the settings of the repository it is called in
(its `addopts` and warning filters are meant for its own tests); our own keys it does take from there.
"""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignprops._errors import InputError
from alignprops.options import OPTIONS

#: pytest's order of precedence; a file without the section is passed over.
_TABLES = {
    "pytest.toml": (("pytest",),),
    ".pytest.toml": (("pytest",),),
    "pytest.ini": (("pytest",),),
    ".pytest.ini": (("pytest",),),
    "pyproject.toml": (("tool", "pytest", "ini_options"), ("tool", "pytest")),
    "tox.ini": (("pytest",),),
    "setup.cfg": (("tool:pytest",),),
}


def read_ini(folder: Path) -> dict[str, Any]:
    """Return our keys by `Option.dest`, from `folder` or the nearest parent that configures pytest.

    Raises:
        InputError: the file cannot be read.
    """
    for place in (folder, *folder.parents):
        for name, tables in _TABLES.items():
            path = place / name
            section = _section(path, tables) if path.is_file() else None
            if section is not None:
                return _ours(section, place)
    return {}


def _section(path: Path, tables: tuple[tuple[str, ...], ...]) -> Mapping[str, Any] | None:
    try:
        parsed = _parse(path)
    except (tomllib.TOMLDecodeError, configparser.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    for table in tables:
        found: Any = parsed
        for key in table:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None:
            return dict(found)
    return None


def _parse(path: Path) -> Mapping[str, Any]:
    text = path.read_text("utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def _ours(section: Mapping[str, Any], place: Path) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for option in OPTIONS:
        value = section.get(option.ini)
        if value is not None:
            given[option.dest] = _lines(value) if option.repeatable else str(value)
            if option.is_path:
                given[option.dest] = str(place / given[option.dest])
    return given


def _lines(value: Any) -> list[str]:
    lines = value.splitlines() if isinstance(value, str) else map(str, value)
    return [line.strip() for line in lines if line.strip()]
