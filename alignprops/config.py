"""Configuration: the options resolved from every source, with the origin of each value.

Precedence: command line > environment > ini > profile > default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from alignprops.options import EXPECTED_FILE, OPTIONS, PROFILES, Option
from alignprops.settings import Settings

Origin: TypeAlias = Literal["command line", "environment", "ini", "profile", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything a run is configured by; `origins` tells for each field where its value comes from."""

    profile: str = "dev"
    tier: str = "toy"
    seed: int = 0
    max_examples: int = PROFILES["dev"].max_examples
    max_seconds: float = PROFILES["dev"].max_seconds
    strict: bool = PROFILES["dev"].strict
    subject: tuple[str, ...] = ()
    theorems: tuple[str, ...] = ()
    model: str | None = None
    preferences: tuple[str, ...] = ()
    device: str = "cpu"
    dtype: str = "float32"
    report_dir: Path | None = None
    expected: Path | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """What the engine needs to know of it."""
        return Settings(
            max_examples=self.max_examples, seed=self.seed, strict=self.strict, max_seconds=self.max_seconds
        )

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return `{option: {"value", "origin"}}`, as in report.json."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "origins"}
        return {
            name: {"value": _plain(value), "origin": self.origins.get(name, "default")}
            for name, value in values.items()
        }


def resolve(
    command_line: Mapping[str, Any],
    *,
    environment: Mapping[str, str] = os.environ,
    ini: Mapping[str, Any] | None = None,
) -> Configuration:
    """Resolve the configuration from its sources; None and absent mean not given.

    Args:
        command_line: values by `Option.dest`, parsed already or as text.
        environment: where the variables of `OPTIONS` and `CI` are looked up.
        ini: values by `Option.dest` as pytest reads them (text, a list of text, a bool).

    Raises:
        InputError: a value that an option does not take.
    """
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for option in OPTIONS:
        for origin, where, given in _sources(option, command_line, environment, ini or {}):
            if given is not None:
                values[option.dest], origins[option.dest] = _value(option, given, where), origin
                break
    if "profile" not in values:
        values["profile"] = "ci" if environment.get("CI") else "dev"
        origins["profile"] = "environment" if environment.get("CI") else "default"
    profile = PROFILES[values["profile"]]
    for name, value in profile._asdict().items():
        if name not in values:
            values[name], origins[name] = value, "profile"
    return Configuration(**values, origins=origins)


def with_default_expected(configuration: Configuration, *folders: Path) -> Configuration:
    """The configuration with the expected refutations that lie in one of `folders`, unless others are named."""
    if configuration.expected is not None:
        return configuration
    return replace(configuration, expected=default_expected(*folders))


def default_expected(*folders: Path) -> Path | None:
    """The file of expected refutations in the first of `folders` that has one."""
    return next((path for folder in folders if (path := folder / EXPECTED_FILE).is_file()), None)


def _sources(
    option: Option, command_line: Mapping[str, Any], environment: Mapping[str, str], ini: Mapping[str, Any]
) -> list[tuple[Origin, str, Any]]:
    """(origin, how to name it in a message, what was given there), the strongest first."""
    variable = environment.get(option.env) if option.env else None
    return [
        ("command line", f"--{option.name}", command_line.get(option.dest)),
        ("environment", str(option.env), variable or None),
        ("ini", f"{option.ini} in the ini file", ini.get(option.dest)),
    ]


def _value(option: Option, given: Any, where: str) -> Any:
    if option.repeatable:
        return tuple(option.read(text, where) for text in ([given] if isinstance(given, str) else given))
    return option.read(given, where) if isinstance(given, str) else given


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
