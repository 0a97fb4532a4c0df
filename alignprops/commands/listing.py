"""`alignprops list`: the installed suites and their theorems."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from alignprops.commands.options import add_json, emit
from alignprops.registry import load_suites
from alignprops.report.statement import describe_in_full
from alignprops.report.terminal import for_stdout


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("list", help="the suites and their theorems")
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print every theorem with its title, kind, and what stands behind it."""
    suites = [
        {
            "name": suite.name,
            "package": suite.package,
            "theorems": [describe_in_full(theorem) for theorem in suite.theorems],
        }
        for suite in load_suites().values()
    ]
    emit(arguments, {"suites": suites}, for_stdout(*(_suite(suite) for suite in suites)))
    return 0


def _suite(suite: Mapping[str, Any]) -> Text:
    text = Text(f"{suite['name']}", style="bold")
    text.append(f"  ({suite['package']}, {len(suite['theorems'])} theorems)\n", style="not bold")
    for theorem in suite["theorems"]:
        behind = f"{theorem['kind']}, {len(theorem['proofs'])} proofs, {len(theorem['mutants'])} mutants"
        text.append(f"  {theorem['id']}", style="cyan not bold").append(f"  {behind}\n", style="dim not bold")
        text.append(f"      {theorem['title']}\n", style="not bold")
    return text
