"""What a run found, for a person at a terminal of 80 columns."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from alignprops.harmless import for_terminal

STYLES = {
    "error": "bold red",
    "refuted": "bold red",
    "vacuous": "red",
    "inconclusive": "yellow",
    "held": "green",
    "proved": "bold green",
    "not-applicable": "dim",
}


def rendered(*parts: RenderableType, colour: bool, width: int, wrap: bool = True) -> str:
    """Return rich renderables as text; long lines are left long unless `wrap`.

    With `colour` the codes of colours are in it; whatever else a terminal would obey is spelled out.
    """
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part, soft_wrap=not wrap)
    file = console.file
    assert isinstance(file, io.StringIO)
    text = "\n".join(line.rstrip() for line in file.getvalue().split("\n"))
    return for_terminal(text, coloured=colour)


def summary(report: Mapping[str, Any], *, table: bool, colour: bool, width: int) -> str:
    """The table of claims (if `table`) and the counts with their denominators."""
    told = Text("\n".join(counts(report)))
    parts: list[RenderableType] = [claims_table(report), "", told] if table else [told]
    return rendered(*parts, colour=colour, width=width)


def counts(report: Mapping[str, Any]) -> list[str]:
    """Lines such as `26 theorems, 26 claims: 15 held, 11 proved`, and what they were obtained with."""
    totals, run = report["totals"], report["run"]
    claims = {verdict: totals["claims"][verdict] for verdict in STYLES if verdict in totals["claims"]}
    told = ", ".join(f"{count} {verdict}" for verdict, count in claims.items())
    expected = sum("expected" in claim for claim in report["claims"])
    told = told.replace(" refuted", f" refuted ({expected} as expected)") if expected else told
    lines = [f"{counted(totals['theorems'], 'theorem')}, {counted(totals['claims']['of'], 'claim')}"]
    lines[0] += f": {told}" if told else ""
    wrong = sum("expectation_problem" in claim for claim in report["claims"])
    if wrong:
        lines.append(f"expected refutations that fail: {wrong}")
    mutants, proofs = totals["mutants"], totals["proofs"]
    lines.append(
        f"mutants {mutants['killed']}/{mutants['of']} killed, proofs {proofs['proved']}/{proofs['of']} decided"
    )
    examples = run["configuration"]["max_examples"]["value"]
    lines.append(f"profile {run['profile']}: {counted(examples, 'example')} a claim, seed {run['seed']}")
    return lines


def claims_table(report: Mapping[str, Any]) -> Table:
    """One row a claim; `effective` counts the inputs that met the premises, `tight` the largest ratio of the sides."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="underline")
    table.add_column("claim", overflow="fold")
    for name in ("verdict", "effective", "tight", "mutants", "proofs"):
        table.add_column(name, no_wrap=True, justify="left" if name == "verdict" else "right")
    family = None
    for theorem in report["theorems"]:
        first, _, rest = theorem["id"].partition(".")
        if first != family:
            family = first
            table.add_row(Text(family, style="bold"))
        for row in _rows(theorem, [claim for claim in report["claims"] if claim["theorem"] == theorem["id"]], rest):
            table.add_row(*row)
    return table


def _rows(theorem: Mapping[str, Any], claims: list[Mapping[str, Any]], name: str) -> Iterable[list[RenderableType]]:
    mutants, proofs = _share(theorem["mutants"], "killed", True), _share(theorem["proofs"], "status", "proved")
    if not claims:
        verdict = theorem["verdicts"].get("proofs", theorem["verdicts"].get("mutants", ""))
        yield [f" {name}", _styled(verdict), "", "", mutants, proofs]
    for index, claim in enumerate(claims):
        measured = claim["evidence"].get("sampled") or claim["evidence"].get("observed") or {}
        tightness = measured.get("tightness")
        yield [
            f" {name}::{claim['subject']}",
            _told_verdict(claim),
            f"{measured['effective']}/{measured['examples']}" if measured else "",
            f"{float(tightness):.3f}" if tightness is not None else "",
            mutants if index == 0 else "",
            proofs if index == 0 else "",
        ]


def _share(parts: list[Mapping[str, Any]], key: str, wanted: object) -> str:
    return f"{sum(part[key] == wanted for part in parts)}/{len(parts)}" if parts else ""


def _told_verdict(claim: Mapping[str, Any]) -> Text:
    """With what became of the expectation that it is refuted, if there was one."""
    if "expected" in claim:
        return Text(f"{claim['verdict']}, expected", style="yellow")
    if "expectation_problem" in claim:
        return Text(f"{claim['verdict']}, bad entry", style="bold red")
    return _styled(claim["verdict"])


def _styled(verdict: str) -> Text:
    return Text(verdict, style=STYLES.get(verdict, ""))


def counted(count: int, noun: str) -> str:
    """Such as `1 proof`, `2 proofs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def for_stdout(*parts: RenderableType, wrap: bool = True) -> str:
    """Rich renderables as text for standard output: colours and its width only if it is a terminal."""
    console = Console()
    return rendered(*parts, colour=console.is_terminal and not console.no_color, width=console.width, wrap=wrap)


def can_show(signs: str) -> bool:
    """Whether standard output has these signs in its encoding."""
    try:
        signs.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
