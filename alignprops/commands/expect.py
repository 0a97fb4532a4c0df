"""`alignprops expect update|list|prune`: the refutations that a host expects, each with its reason."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from alignprops._errors import InputError
from alignprops.commands.options import add_json, emit, import_from_here
from alignprops.commands.run import DEFAULT_REPORT_DIR
from alignprops.config import Configuration, resolve, with_default_expected
from alignprops.expected import Entry, Expectations, is_claim, parse_day, read_expectations
from alignprops.expected_changes import Change, Said, by_report, prune, update, verdict_decides
from alignprops.harmless import for_terminal
from alignprops.ini_file import read_ini
from alignprops.options import EXPECTED, EXPECTED_FILE
from alignprops.report.documents import SUITE
from alignprops.report.json_report import FILE_NAME, WITNESSES
from alignprops.report.terminal import counted
from alignprops.results import Verdict

#: The documents that tell of claims in the rows of report.json.
REPORTS = (SUITE, "alignprops-check/1")
DEFAULT_REPORT = Path(DEFAULT_REPORT_DIR) / FILE_NAME


def add_to(verbs: Any) -> None:
    """Declare the verb and what it can do."""
    parser = verbs.add_parser(
        "expect",
        help="the refutations that are expected: update, list, prune",
        description=f"The refutations that a repository knows of and lives with, in {EXPECTED_FILE}.",
    )
    jobs = parser.add_subparsers(metavar="update|list|prune", required=True)
    _add_update(jobs)
    listing = jobs.add_parser("list", help="the entries, with their age, their last day and their witness")
    add_json(listing)
    listing.set_defaults(job=list_entries)
    pruning = jobs.add_parser(
        "prune",
        help="take out what is expired, and what is refuted no longer",
        description="Evaluate the stored witness of each entry (or, with --from, look its claim up in a report), and "
        "take out those that are expired or refuted no longer. Host code without a stored witness, which knows how the "
        "code was called, can only be judged by a report of the tests.",
    )
    pruning.add_argument("--from", dest="report", metavar="REPORT", help="judge by this report.json")
    pruning.set_defaults(job=prune_entries)
    for job in (listing, pruning):
        _add_expected(job)
    parser.set_defaults(execute=execute)


def _add_update(jobs: Any) -> None:
    parser = jobs.add_parser(
        "update",
        help="expect what a report says is refuted",
        description="Write an entry for each refuted claim of a report and store its witness beside the file. "
        "Entries that are there keep their reason, and get the new witness.",
    )
    parser.add_argument(
        "--from", dest="report", metavar="REPORT", default=str(DEFAULT_REPORT), help=f"default: {DEFAULT_REPORT}"
    )
    parser.add_argument("--reason", metavar="TEXT", help="why the refutations are lived with; new entries need one")
    parser.add_argument("--issue", metavar="TEXT", help="where that is discussed")
    parser.add_argument("--expires", metavar="DAY", help="the last day on which they are expected, such as 2027-06-30")
    parser.add_argument("--theorem", metavar="GLOB", default="*", help="only claims of these theorems")
    parser.add_argument("--subject", metavar="GLOB", default="*", help="only claims about these subjects")
    _add_expected(parser)
    parser.set_defaults(job=update_entries)


def _add_expected(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(f"--{EXPECTED.name}", metavar=EXPECTED.metavar, help=EXPECTED.help)


def _configuration(arguments: argparse.Namespace) -> Configuration:
    resolved = resolve({EXPECTED.dest: arguments.expected}, ini=read_ini(Path.cwd()))
    return with_default_expected(resolved, Path.cwd())


def _report_path(given: str) -> Path:
    """The report that is named, itself or by its folder."""
    path = Path(given)
    return path / FILE_NAME if path.is_dir() else path


def _rows(path: Path) -> list[Mapping[str, Any]]:
    """The claims of a report.json, or of what `alignprops check` wrote.

    Raises:
        InputError: it cannot be read, or is no report of a suite run.
    """
    if not path.is_file():
        raise InputError(
            f"no report at {path}; write one with `alignprops run`, or `pytest --alignprops-report-dir=DIR`, and name "
            "it: --from DIR/report.json"
        )
    document = _document(path)
    if document.get("schema") not in REPORTS:
        raise InputError(
            f"{path} names the schema {document.get('schema')!r}; expected {' or '.join(REPORTS)}, as `alignprops run` "
            "and `alignprops check --json` write them"
        )
    rows = document.get("claims")
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise InputError(f"{path} is damaged: its claims lack what report.json must tell; write it again")
    return rows


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    return document if isinstance(document, dict) else {}


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or row.get("verdict") not in set(Verdict):
        return False
    theorem, subject, witness = str(row.get("theorem")), str(row.get("subject")), row.get("witness", 0)
    named = is_claim(theorem, subject) and row.get("id") == f"{theorem}::{subject}"
    return named and isinstance(row.get("evidence"), dict) and (witness is None or isinstance(witness, dict))


# --- the three jobs ---------------------------------------------------------------------------------------------


def execute(arguments: argparse.Namespace) -> int:
    """Do the job that is asked for."""
    code: int = arguments.job(arguments)
    return code


def update_entries(arguments: argparse.Namespace) -> int:
    """Exit code 1 if something that was meant cannot be expected."""
    path = _configuration(arguments).expected or Path(EXPECTED_FILE)
    said = Said(
        reason=_given(arguments.reason, "--reason"),
        issue=_given(arguments.issue, "--issue"),
        expires=None if arguments.expires is None else parse_day(arguments.expires, "--expires"),
    )
    report = _report_path(arguments.report)
    changes = update(
        path,
        _rows(report),
        found_in=report,
        witnesses=(report.parent / WITNESSES, Path(DEFAULT_REPORT_DIR) / WITNESSES),
        said=said,
        theorem=arguments.theorem,
        subject=arguments.subject,
        today=date.today(),
    )
    written = read_expectations(path)
    _print(changes, f"{path}: {counted(len(written.entries), 'expected refutation')}")
    return int(any(change.what == "refused" for change in changes))


def _given(text: str | None, option: str) -> str | None:
    if text is not None and not text.strip():
        raise InputError(f"{option} is empty; give it a text, or leave it out")
    return None if text is None else text.strip()


def list_entries(arguments: argparse.Namespace) -> int:
    """Tell every entry."""
    expectations = read_expectations(_configuration(arguments).expected)
    rows = [_told(entry, expectations, date.today()) for entry in expectations.entries]
    lines = [line for row in rows for line in _lines(row)]
    if expectations.path is None:
        lines.append(f"no {EXPECTED_FILE} here, and none is named: nothing is expected to be refuted")
    else:
        lines.append(f"{expectations.path}: {counted(len(rows), 'expected refutation')}")
    emit(arguments, {"file": _text(expectations.path), "expected": rows}, for_terminal("\n".join(lines)))
    return 0


def prune_entries(arguments: argparse.Namespace) -> int:
    """Take out what has had its day."""
    configuration = _configuration(arguments)
    path = configuration.expected
    if path is None:
        raise InputError(f"no {EXPECTED_FILE} here; name one with --expected FILE")
    if arguments.report is not None:
        report = _report_path(arguments.report)
        judged = by_report(_rows(report), report)
    else:
        expectations = read_expectations(path)

        def judged(entry: Entry) -> tuple[bool, str]:
            return _evaluated(entry, expectations, configuration)

    changes = prune(path, judged, today=date.today())
    kept = sum(change.what == "kept" for change in changes)
    _print(changes, f"{path}: {counted(kept, 'expected refutation')}, {len(changes) - kept} removed")
    return 0


def _evaluated(entry: Entry, expectations: Expectations, configuration: Configuration) -> tuple[bool, str]:
    """Whether the claim of an entry is refuted no longer, by its witness and then in full."""
    from alignprops.commands.replay import subject_of, subject_of_stored
    from alignprops.expected_claims import judge
    from alignprops.registry import find_theorem
    from alignprops.subjects import kind_named
    from alignprops.witness import load

    import_from_here()
    by_tests = "run the tests with --alignprops-report-dir=DIR, then `alignprops expect prune --from DIR/report.json`"
    try:
        theorem = find_theorem(entry.theorem)
        kind = kind_named(theorem.kind)
        ours = {subject.id for subject in (*kind.references, *kind.counterfeits.values())}
        if entry.subject not in ours and "/" in entry.subject:
            return False, f"not judged: it is observed on a model, which an entry does not hold; {by_tests}"
        witness = expectations.witness_of(entry)
        if entry.subject not in ours and kind.adapt_with is not None and witness is None:
            return False, f"not judged: its adapter has parameters that only the tests know; {by_tests}"
        adapted = witness is not None and kind.adapt_with is not None and entry.subject not in ours
        subject = (
            subject_of_stored(load(witness), theorem.kind)
            if adapted and witness
            else subject_of(entry.subject, theorem.kind)
        )
    except InputError as error:
        return False, f"not judged: {error}; {by_tests}"
    found = judge(theorem, subject, configuration.settings, expectations)
    goes, why = verdict_decides(found.verdict)
    if found.verdict is Verdict.REFUTED and found.expected is not None:
        why = found.expected.problem or why
    return goes, why


# --- what is told -----------------------------------------------------------------------------------------------


def _print(changes: list[Change], last: str) -> None:
    told = [f"{change.what:<8} {change.claim}" + (f": {change.why}" if change.why else "") for change in changes]
    sys.stdout.write(for_terminal("\n".join([*told, last]) + "\n"))


def _told(entry: Entry, expectations: Expectations, today: date) -> dict[str, Any]:
    file = expectations.witness_of(entry)
    return {
        "theorem": entry.theorem,
        "subject": entry.subject,
        "reason": entry.reason,
        "issue": entry.issue,
        "added": _text(entry.added),
        "age_days": None if entry.added is None else (today - entry.added).days,
        "expires": _text(entry.expires),
        "days_left": None if entry.expires is None else (entry.expires - today).days,
        "witness": entry.witness,
        "witness_is_there": file is not None and file.is_file(),
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _lines(row: Mapping[str, Any]) -> list[str]:
    issue = f" ({row['issue']})" if row["issue"] else ""
    age = "unknown" if row["added"] is None else f"{counted(row['age_days'], 'day')}, since {row['added']}"
    left = row["days_left"]
    if left is None:
        ends = "never"
    else:
        ends = f"{row['expires']}, " + (
            f"in {counted(left, 'day')}" if left >= 0 else f"EXPIRED {counted(-left, 'day')} ago"
        )
    witness = "none: attacked in full each time"
    if row["witness"]:
        witness = row["witness"] if row["witness_is_there"] else f"MISSING: {row['witness']}"
    return [
        f"{row['theorem']}::{row['subject']}",
        f"  reason   {row['reason']}{issue}",
        f"  age      {age}",
        f"  expires  {ends}",
        f"  witness  {witness}",
    ]
