"""The one table of options.

The pytest options (`--alignprops-NAME`), the ini keys (`alignprops_NAME`), the options of the command line (`--NAME`)
and the environment variables are all generated from `OPTIONS`; `alignprops.config` resolves them.

The pytest plugin reads the table in every host repository: only the standard library is imported here, and named
tuples are used because they are made several times faster than dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

TIERS = ("symbolic", "toy", "model")
#: What a language model may compute in.
DTYPES = ("float32", "float64", "bfloat16", "float16")


class Option(NamedTuple):
    """One option: how it is named, read and explained, wherever it is given.

    `name` is spelled as on the command line, without a prefix; `parse` turns text into a value and raises
    ValueError with what it expected; `env` is the environment variable that sets it, if any.
    """

    name: str
    parse: Callable[[str], Any]
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    repeatable: bool = False
    env: str | None = None

    @property
    def dest(self) -> str:
        """The name as an identifier: the field of `Configuration`, and what follows `alignprops_` in an ini file."""
        return self.name.replace("-", "_")

    @property
    def ini(self) -> str:
        """The key in the ini file, which is also pytest's destination of the option."""
        return f"alignprops_{self.dest}"

    @property
    def is_flag(self) -> bool:
        return self.parse is parse_flag

    @property
    def is_path(self) -> bool:
        """Whether it names a place, which is meant from the folder of whoever gives it."""
        return self.parse is Path

    def read(self, text: str, where: str) -> Any:
        """Parse `text`, which was given as `where`.

        Raises:
            InputError: the option does not take it.
        """
        from alignprops._errors import InputError

        try:
            value = self.parse(text)
        except ValueError as error:
            raise InputError(f"{where}: {text!r} is not {error}") from None
        if self.choices and value not in self.choices:
            raise InputError(f"{where}: {text!r} is not one of {', '.join(self.choices)}")
        return value


def parse_flag(text: str) -> bool:
    """Read a boolean the way ini files spell it."""
    lowered = text.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError("one of true, false, yes, no, on, off, 1, 0")


def _integer_from(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise ValueError(f"an integer of at least {least}")
        return value

    return parse


class Profile(NamedTuple):
    """The numbers that a profile stands for."""

    max_examples: int
    max_seconds: float
    strict: bool


PROFILES: Mapping[str, Profile] = {
    "dev": Profile(max_examples=100, max_seconds=60, strict=False),
    "ci": Profile(max_examples=200, max_seconds=120, strict=True),
    "thorough": Profile(max_examples=2000, max_seconds=1800, strict=True),
}

TIER = Option(
    "tier", str, "highest tier: symbolic (proofs only), toy (default) or model (also observed)", choices=TIERS
)
REPORT_DIR = Option("report-dir", Path, "write report.json (and what it refers to) into this folder", "DIR")
#: The file of expected refutations that is read without being asked for, if it is there.
EXPECTED_FILE = "alignprops-expected.toml"
EXPECTED = Option("expected", Path, f"file of expected refutations (default: {EXPECTED_FILE}, if there is one)", "FILE")

OPTIONS: tuple[Option, ...] = (
    Option("subject", str, "check this subject instead of the references (repeatable)", "SPEC", repeatable=True),
    Option("theorems", str, "only theorems whose id matches (repeatable)", "GLOB", repeatable=True),
    TIER,
    Option(
        "profile",
        str,
        "numbers of examples and strictness (default: ci if CI is set, else dev)",
        choices=tuple(PROFILES),
        env="ALIGNPROPS_PROFILE",
    ),
    Option("max-examples", _integer_from(1), "examples a sampled claim (default: by profile)", "N"),
    Option("seed", _integer_from(0), "seed of every generated input (default: 0)", "N", env="ALIGNPROPS_SEED"),
    Option("model", str, "language model of the model tier: a folder or a hub id", "PATH"),
    Option("preferences", str, "preference data of the model tier (repeatable)", "SPEC", repeatable=True),
    Option("device", str, "where models run (default: cpu)", "DEVICE"),
    Option("dtype", str, "what models compute in (default: float32)", choices=DTYPES),
    REPORT_DIR,
    Option("strict", parse_flag, "an inconclusive claim fails (default: by profile)"),
    EXPECTED,
)
