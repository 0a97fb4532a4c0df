"""`alignprops show ID`: one theorem as it is declared."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

import sympy as sp
from rich.text import Text
from sympy.core.relational import Relational

from alignprops.commands.options import add_json, emit
from alignprops.registry import find_theorem
from alignprops.report.statement import describe_in_full, relation_text
from alignprops.report.terminal import can_show, for_stdout
from alignprops.theorems import Theorem, mutant_given, mutant_states

#: Wider formulas are printed on one line, as text.
WIDEST = 74


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("show", help="one theorem: statement, premises, source, proofs, mutants")
    parser.add_argument("id", metavar="ID", help="a theorem id, as `alignprops list` prints it")
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print the theorem."""
    theorem = find_theorem(arguments.id)
    told = describe_in_full(theorem)
    emit(arguments, told, for_stdout(*_sections(theorem, told)))
    return 0


def _sections(theorem: Theorem, told: Mapping[str, Any]) -> Iterator[Text]:
    yield Text(theorem.id, style="bold")
    yield Text(theorem.doc + "\n")
    yield _section("Statement", _relations(theorem.states))
    if theorem.given:
        yield _section("Premises", _relations(theorem.given))
    yield _section("Source", str(theorem.source))
    proofs = [f"{proof['name']} ({proof['concludes']}; {proof['domain']})" for proof in told["proofs"]]
    yield _section("Proofs", "\n".join(proofs) or f"none: {theorem.no_proof}")
    mutants = []
    for name, mutant in theorem.mutants.items():
        mutants.append(f"{name}:\n" + indent(_relations(mutant_states(theorem, mutant)), "  "))
        if mutant.given is not None:
            mutants.append(indent("under\n" + indent(_relations(mutant_given(theorem, mutant)), "  "), "  "))
    if mutants:
        yield _section("Mutants", "\n".join(mutants))
    yield _section("Checked on", f"{theorem.kind} subjects, tier {theorem.tier}; defined in {theorem.module}")


def _section(name: str, body: str) -> Text:
    return Text(f"{name}\n", style="bold").append(indent(body, "  ") + "\n", style="not bold")


def _relations(relations: Mapping[str, Relational]) -> str:
    if len(relations) == 1 and "statement" in relations:
        return _pretty(relations["statement"])
    return "\n".join(f"{name}:\n{indent(_pretty(relation), '  ')}" for name, relation in relations.items())


def _pretty(relation: Relational) -> str:
    drawn: str = sp.pretty(relation, use_unicode=can_show("≤⋅√"), wrap_line=False)
    return drawn if max(map(len, drawn.splitlines())) <= WIDEST else relation_text(relation)
