"""`alignprops list`: the installed suites and their theorems."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from alignprops.commands.options import add_json, emit
from alignprops.registry import load_suites
from alignprops.report.statement import describe_in_full
from alignprops.report.terminal import counted, for_stdout


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
    emit(arguments, {"suites": suites}, for_stdout(*(line for suite in suites for line in _lines(suite))))
    return 0


def _lines(suite: Mapping[str, Any]) -> Iterator[RenderableType]:
    theorems = suite["theorems"]
    yield Text.assemble((suite["name"], "bold"), f"  {suite['package']}, {counted(len(theorems), 'theorem')}")
    for theorem in theorems:
        behind = [counted(len(theorem["proofs"]), "proof"), counted(len(theorem["mutants"]), "mutant")]
        yield Text.assemble("  ", (theorem["id"], "cyan"), ("  " + ", ".join([theorem["kind"], *behind]), "dim"))
        yield Padding(theorem["title"], (0, 0, 0, 6))
