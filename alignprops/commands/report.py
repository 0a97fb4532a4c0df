"""`alignprops report PATH…`: experiments, suite runs, measurements and traces as one static page, and as figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignprops._errors import InputError
from alignprops.commands.options import require_result_place
from alignprops.harmless import for_terminal
from alignprops.report.terminal import counted

if TYPE_CHECKING:
    from alignprops.report.against import Comparison

DEFAULT_OUTPUT = "report.html"
DEFAULT_FORMATS = "png,svg"
#: As many changes are told on the terminal; the page has them all.
TOLD_CHANGES = 20
#: As many theorems are named that were not run.
TOLD_THEOREMS = 5


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "report",
        help="experiments, suite runs, measurements and traces as one HTML page",
        description="Render JSON that alignprops wrote (reproduce, run, measure), traces, or folders that hold them, "
        "as one static HTML file, and as figures. Exit code 1 if, --against an older report, a claim became worse.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a JSON file, a trace, or a folder that holds them")
    parser.add_argument(
        "--output", metavar="FILE", default=DEFAULT_OUTPUT, help=f"the HTML file (default: {DEFAULT_OUTPUT})"
    )
    parser.add_argument("--figures", metavar="DIR", help="write every figure into this folder as well")
    parser.add_argument(
        "--format",
        metavar="A,B",
        default=DEFAULT_FORMATS,
        help=f"formats of --figures: png, svg (default: {DEFAULT_FORMATS})",
    )
    parser.add_argument("--against", metavar="OLD", help="an older JSON or folder: tell which verdicts changed")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Read everything, draw, write; nothing is written if something cannot be read."""
    from alignprops.report.html import make_report

    require_result_place(arguments.output, folder_made=True)
    made = make_report(
        arguments.paths,
        Path(arguments.output),
        figures=None if arguments.figures is None else Path(arguments.figures),
        formats=_formats(arguments.format),
        against=arguments.against,
    )
    lines = [f"report: {made.page}"]
    if arguments.figures is not None:
        lines.append(f"figures: {counted(len(made.figures), 'file')} in {arguments.figures}")
    sys.stdout.write(for_terminal("\n".join([*lines, *_changes(made.comparison)]) + "\n"))
    return int(made.comparison is not None and made.comparison.worse > 0)


def _formats(given: str) -> tuple[str, ...]:
    from alignprops.report.figures.drawing import FORMATS

    formats = tuple(dict.fromkeys(part.strip().lower() for part in given.split(",")))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"--format names {unknown[0]!r}; expected some of {', '.join(FORMATS)}, such as png,svg")
    return formats


def _changes(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return []
    from alignprops.report.against import theorem_of

    counts = ", ".join(f"{count} {kind}" for kind, count in comparison.counts.items())
    lines = [f"verdicts: {counts + ', ' if counts else ''}{comparison.same} unchanged"]
    if comparison.not_run:
        claims, names = counted(sum(comparison.not_run.values()), "claim"), list(comparison.not_run)
        more = f" and {len(names) - TOLD_THEOREMS} more" if len(names) > TOLD_THEOREMS else ""
        lines.append(f"  not run now: {claims} of {', '.join(names[:TOLD_THEOREMS])}{more}")
    changes = [change for change in comparison.changes if theorem_of(change.claim) not in comparison.not_run]
    lines += [
        f"  {change.kind:<7}  {change.claim}: {change.before or 'absent'} -> {change.after or 'absent'}"
        for change in changes[:TOLD_CHANGES]
    ]
    if len(changes) > TOLD_CHANGES:
        lines.append(f"  … and {len(changes) - TOLD_CHANGES} more, in the page")
    return lines
