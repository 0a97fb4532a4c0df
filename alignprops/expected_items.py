"""Entries of expected refutations that no claim can ever meet, as items that fail."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from alignprops._errors import InputError
from alignprops.claim_items import ClaimItem, claim_of
from alignprops.expected import read_expectations
from alignprops.pytest_plugin import configuration_of


def impossible_entries(items: Iterable[pytest.Item], session: pytest.Session) -> list[StaleEntry]:
    """An item for each entry whose theorem and subject are both among the claims here, and of different kinds.

    Raises:
        pytest.UsageError: the file of entries cannot be read.
    """
    theorems: dict[str, str] = {}
    subjects: dict[str, set[str]] = {}
    for item in items:
        claim = item if isinstance(item, ClaimItem) else claim_of(item)
        if claim is not None:
            theorems[claim.theorem.id] = claim.theorem.kind
            subjects.setdefault(claim.subject.id, set()).add(claim.subject.kind)
    if not theorems:
        return []
    try:
        expectations = read_expectations(configuration_of(session.config).expected)
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
    return [
        StaleEntry.from_parent(
            session,
            name=f"expected {entry.claim}",
            file=expectations.path,
            told=f"the entry {entry.claim} in {expectations.path} is stale: the theorem is about a "
            f"{theorems[entry.theorem]!r} subject, which this is not; take its table out of the file",
        )
        for entry in expectations.impossible(theorems, subjects)
    ]


class StaleEntry(pytest.Item):
    """An entry that fails whatever its theorem and its subject do."""

    def __init__(self, *, file: Path, told: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file, self.told = file, told

    def runtest(self) -> None:
        raise _Stale(self.told)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The sentence alone; there is no code of the host's to show."""
        return self.told if isinstance(excinfo.value, _Stale) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.file, None, self.name


class _Stale(Exception):
    """The entry fails."""
