"""Expected refutations: claims that a host knows to be refuted, each with the reason why it lives with it.

The file `alignprops-expected.toml` in the host repository has one table a claim:

    [[expected]]
    theorem = "preference-losses.reference.value"
    subject = "mypkg.losses:ipo_loss"
    reason = "summed log-probabilities until release 2"
    issue = "https://github.com/me/mypkg/issues/7"
    expires = 2027-06-30
    witness = "alignprops-witnesses/0123456789abcdef.safetensors"

`issue`, `expires` (the last day on which it counts), `added` (the day on which it was written) and `witness` (a stored
witness, relative to the file) may be left out. This module reads, matches and writes entries;
`alignprops.expected_claims` judges a claim by its entry.

The plugin reads the file in a host repository before anything is collected: only the standard library is imported.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from alignprops._errors import InputError, UnknownNameError

#: The folder of stored witnesses, beside the file.
WITNESSES = "alignprops-witnesses"

_THEOREM = re.compile(r"[a-z0-9.-]+")
_SUBJECT = re.compile(r"[A-Za-z0-9_.:/-]+")
_HEADER = """\
# Refutations that are expected, and why; `alignprops expect update|list|prune` rewrites this file (its comments, too).
# Reasons may be edited by hand. An entry that expires, or whose claim is refuted no longer, fails the run.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One expected refutation; the fields are the keys of its table."""

    theorem: str
    subject: str
    reason: str
    issue: str | None = None
    expires: date | None = None
    added: date | None = None
    witness: str | None = None

    @property
    def claim(self) -> str:
        """The claim id."""
        return f"{self.theorem}::{self.subject}"

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and self.expires < today


def is_claim(theorem: str, subject: str) -> bool:
    """Whether these two can be the ids of a claim."""
    return bool(_THEOREM.fullmatch(theorem) and _SUBJECT.fullmatch(subject)) and "::" not in subject


@dataclass(frozen=True, slots=True)
class Expectations:
    """The entries of a file, at most one a claim; without a file there are none."""

    path: Path | None = None
    entries: tuple[Entry, ...] = ()

    def of(self, theorem: str, subject: str) -> Entry | None:
        """The entry of a claim, if it has one."""
        claim = f"{theorem}::{subject}"
        return next((entry for entry in self.entries if entry.claim == claim), None)

    def witness_of(self, entry: Entry) -> Path | None:
        """Where the witness of an entry is, if it names one."""
        if entry.witness is None or self.path is None:
            return None
        return self.path.parent / entry.witness

    def impossible(self, theorems: Mapping[str, str], subjects: Mapping[str, Iterable[str]]) -> tuple[Entry, ...]:
        """The entries whose theorem and subject were both asked for, and that are of different kinds.

        Args:
            theorems: the kind of each theorem by its id.
            subjects: the kinds of each subject by its id.
        """
        return tuple(
            entry
            for entry in self.entries
            if entry.theorem in theorems
            and entry.subject in subjects
            and theorems[entry.theorem] not in subjects[entry.subject]
        )


# --- reading ----------------------------------------------------------------------------------------------------


def read_expectations(path: Path | None) -> Expectations:
    """The entries of the file at `path`; None is no file.

    Raises:
        InputError: there is no such file, or something in it is not as it must be.
    """
    if path is None:
        return Expectations()
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(
            f"the expected refutations {path} cannot be read: {error.strerror or error}; name the file of another "
            "place, or let `alignprops expect update` write one"
        ) from None
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int, _size: int) -> Expectations:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}; mend that place") from None
    for name in document:
        if name != "expected":
            raise UnknownNameError(f"table in {path}:", name, ["expected"])
    tables = document.get("expected", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: 'expected' is to be an array of tables; begin each entry with [[expected]]")
    entries = tuple(_entry(table, f"{path}, entry {number}") for number, table in enumerate(tables, 1))
    _refuse_duplicates(entries, path)
    return Expectations(path, entries)


def _entry(table: Mapping[str, Any], where: str) -> Entry:
    known = [field.name for field in fields(Entry)]
    for key in table:
        if key not in known:
            raise UnknownNameError(f"key in {where}:", key, known)
    return Entry(
        theorem=_id(table, "theorem", _THEOREM, where, "a theorem's id, such as preference-losses.reference.value"),
        subject=_id(table, "subject", _SUBJECT, where, "a subject's id, such as mypkg.losses:dpo_loss"),
        reason=_reason(table, where),
        issue=_text(table, "issue", where),
        expires=_day(table, "expires", where),
        added=_day(table, "added", where),
        witness=_witness(table, where),
    )


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key} is {value!r}; expected a text that is not empty")
    return value.strip()


def _reason(table: Mapping[str, Any], where: str) -> str:
    reason = _text(table, "reason", where)
    if reason is None:
        raise InputError(f'{where} has no reason; say why the refutation is lived with: reason = "…"')
    return reason


def _id(table: Mapping[str, Any], key: str, pattern: re.Pattern[str], where: str, told: str) -> str:
    value = _text(table, key, where)
    if value is None:
        raise InputError(f"{where} has no {key}; expected {told}")
    if not pattern.fullmatch(value) or "::" in value:
        raise InputError(f"{where}: {key} is {value!r}; expected {told} (one claim an entry, no globs)")
    return value


def _day(table: Mapping[str, Any], key: str, where: str) -> date | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return parse_day(str(value), f"{where}: {key}")


def parse_day(text: str, where: str) -> date:
    """The day that is given as an ISO date.

    Raises:
        InputError: it is none.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise InputError(f"{where} is {text!r}; expected a day such as 2027-06-30") from None


def _witness(table: Mapping[str, Any], where: str) -> str | None:
    value = _text(table, "witness", where)
    if value is None:
        return None
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or path.suffix != ".safetensors":
        raise InputError(
            f"{where}: witness is {value!r}; expected a .safetensors file below the folder of this file, such as "
            f"{WITNESSES}/0123456789abcdef.safetensors"
        )
    return value


def _refuse_duplicates(entries: Sequence[Entry], path: Path) -> None:
    first: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        if entry.claim in first:
            raise InputError(
                f"{path}: entries {first[entry.claim]} and {number} are of the same claim {entry.claim}; keep one"
            )
        first[entry.claim] = number


# --- writing ----------------------------------------------------------------------------------------------------


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Write the file, whole or not at all, in the order of the claims.

    Raises:
        InputError: it cannot be written.
    """
    import tomli_w

    from alignprops import atomic

    names = [field.name for field in fields(Entry)]
    tables = [
        {name: value for name in names if (value := getattr(entry, name)) is not None}
        for entry in sorted(entries, key=lambda entry: entry.claim)
    ]
    atomic.write_text(path, _HEADER + tomli_w.dumps({"expected": tables} if tables else {}))
