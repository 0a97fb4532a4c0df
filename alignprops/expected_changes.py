"""Renewing and pruning the expected refutations of a host."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from alignprops import atomic
from alignprops._errors import InputError, WitnessError
from alignprops.expected import WITNESSES, Entry, Expectations, read_expectations, write_entries
from alignprops.results import Verdict
from alignprops.witness import load


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the entry of a claim."""

    claim: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of the claims: the reason only of new ones, the rest of all."""

    reason: str | None = None
    issue: str | None = None
    expires: date | None = None


# --- update -----------------------------------------------------------------------------------------------------


def update(
    path: Path,
    claims: Sequence[Mapping[str, Any]],
    *,
    found_in: Path,
    witnesses: Sequence[Path],
    said: Said,
    theorem: str = "*",
    subject: str = "*",
    today: date,
) -> list[Change]:
    """Write entries for the refuted claims of a report, and store their witnesses beside the file.

    Args:
        path: the file of entries; it need not exist.
        claims: rows of report.json.
        found_in: the report, for messages.
        witnesses: folders where witnesses are looked for that are not where the report says.
        said: what to say of the claims; entries that are there keep their reason.
        theorem: glob of the theorems that are meant.
        subject: likewise.
        today: when new entries are added.

    Raises:
        InputError: nothing that is meant is refuted, a new entry lacks a reason, or a file cannot be read or written.
    """
    before = read_expectations(path) if path.exists() else Expectations(path)
    meant = [row for row in claims if fnmatchcase(row["theorem"], theorem) and fnmatchcase(row["subject"], subject)]
    refuted = [row for row in meant if row["verdict"] == Verdict.REFUTED]
    if not refuted:
        raise InputError(f"{found_in}: {_told(meant, claims)}; only a refuted claim can be expected to be")
    entries = {entry.claim: entry for entry in before.entries}
    new = [row["id"] for row in refuted if row["id"] not in entries]
    if new and said.reason is None:
        more = f" and {len(new) - 1} more" if len(new) > 1 else ""
        raise InputError(f"{new[0]}{more} has no entry yet; say why the refutation is lived with: --reason TEXT")
    changes = []
    for row in refuted:
        known = entries.get(row["id"])
        witness, why = _keep_witness(row, witnesses, path.parent)
        entries[row["id"]] = entry = _renewed(known, row, witness, said, today)
        what = "added" if known is None else "kept" if entry == known else "renewed"
        changes.append(Change(row["id"], what, why or _advice(entry, today)))
    _write(path, before.entries, list(entries.values()))
    return [*changes, *(_refused(row) for row in meant if _troubled(row))]


def _told(meant: Sequence[Mapping[str, Any]], claims: Sequence[Mapping[str, Any]]) -> str:
    """Why there is nothing to expect."""
    if not meant:
        return f"none of its {len(claims)} claims is meant" if claims else "it tells of no claims"
    counts = Counter(str(row["verdict"]) for row in meant)
    return "the claims that are meant are " + ", ".join(f"{name} ({count})" for name, count in counts.items())


def _renewed(known: Entry | None, row: Mapping[str, Any], witness: str | None, said: Said, today: date) -> Entry:
    if known is None:
        known = Entry(theorem=row["theorem"], subject=row["subject"], reason=str(said.reason), added=today)
    return replace(known, witness=witness, issue=said.issue or known.issue, expires=said.expires or known.expires)


def _advice(entry: Entry, today: date) -> str:
    return f"it expired on {entry.expires}; give it a later day: --expires DAY" if entry.expired(today) else ""


def _troubled(row: Mapping[str, Any]) -> bool:
    verdict = Verdict(row["verdict"])
    return verdict.fails and verdict is not Verdict.REFUTED


def _refused(row: Mapping[str, Any]) -> Change:
    return Change(row["id"], "refused", f"it is {row['verdict']}, and only a refutation can be expected")


def _keep_witness(row: Mapping[str, Any], folders: Sequence[Path], folder: Path) -> tuple[str | None, str]:
    """Copy the simplest witness beside the entries; its name there, or why there is none."""
    if "observed" in row["evidence"]:
        return None, "a real model is observed anew each time; no witness is kept"
    source = _stored(row, folders)
    if source is None:
        return None, "its witness was not stored; the claim will be attacked in full each time"
    stored = load(source)
    if stored.claim != row["id"]:
        raise WitnessError(f"{source} is a witness of {stored.claim}, not of {row['id']}; run the claims again")
    name = f"{WITNESSES}/{source.name}"
    if not (folder / name).exists() or not source.samefile(folder / name):
        atomic.write_bytes(folder / name, source.read_bytes())
    return name, ""


def _stored(row: Mapping[str, Any], folders: Sequence[Path]) -> Path | None:
    """The file of the simplest witness: where the report says, or (the report was moved) in one of `folders`."""
    simplest = (row["witness"] or {}).get("simplest")
    told = simplest if isinstance(simplest, Mapping) else {}
    file, digest = told.get("file"), str(told.get("hash"))
    if not re.fullmatch(r"[0-9a-f]{16}", digest):
        return None
    name = f"{digest}.safetensors"
    places = [Path(file)] if isinstance(file, str) and Path(file).name == name else []
    places += [folder / name for folder in folders]
    return next((place for place in places if place.is_file()), None)


# --- prune ------------------------------------------------------------------------------------------------------


def prune(path: Path, judged: Callable[[Entry], tuple[bool, str]], *, today: date) -> list[Change]:
    """Take out the entries that are expired, or whose claim is refuted no longer.

    Args:
        path: the file of entries.
        judged: whether an entry is to go, and why (or why not, if there is something to say).
        today: the day that decides what is expired.
    """
    expectations = read_expectations(path)
    kept, changes = [], []
    for entry in expectations.entries:
        expired = entry.expired(today)
        goes, why = (True, f"it expired on {entry.expires}") if expired else judged(entry)
        changes.append(Change(entry.claim, "removed" if goes else "kept", why))
        if not goes:
            kept.append(entry)
    if len(kept) < len(expectations.entries):
        _write(path, expectations.entries, kept)
    return changes


def by_report(claims: Iterable[Mapping[str, Any]], found_in: Path) -> Callable[[Entry], tuple[bool, str]]:
    """Judge entries by what a report says of their claims."""
    verdicts = {row["id"]: Verdict(row["verdict"]) for row in claims}

    def judged(entry: Entry) -> tuple[bool, str]:
        verdict = verdicts.get(entry.claim)
        if verdict is None:
            return False, f"{found_in} does not tell of it"
        return verdict_decides(verdict)

    return judged


def verdict_decides(verdict: Verdict) -> tuple[bool, str]:
    """Whether an entry is to go whose claim has this verdict, and why."""
    if verdict in (Verdict.HELD, Verdict.PROVED):
        return True, f"the claim is {verdict.value}"
    return False, "" if verdict is Verdict.REFUTED else f"the claim is {verdict.value}, which decides nothing"


def _write(path: Path, before: Iterable[Entry], after: Sequence[Entry]) -> None:
    """Write the entries first; then the witnesses that no entry names any more are removed."""
    write_entries(path, after)
    named = {entry.witness for entry in after}
    for entry in before:
        if entry.witness is not None and entry.witness not in named and entry.witness.startswith(f"{WITNESSES}/"):
            (path.parent / entry.witness).unlink(missing_ok=True)
