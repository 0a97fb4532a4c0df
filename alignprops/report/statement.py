"""A theorem described for reports and for `alignprops show`: plain data, rendered from the statement itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from alignprops.installed import installed_suite
from alignprops.theorems import Theorem, mutant_given, mutant_states


@lru_cache(maxsize=1024)
def describe(theorem: Theorem) -> dict[str, Any]:
    """Return what report.json says of `theorem` before anything is checked."""
    suite = installed_suite(theorem.module)
    return {
        "id": theorem.id,
        "suite": suite.name if suite else theorem.module.partition(".")[0],
        "title": theorem.title,
        "source": str(theorem.source),
        "statement": text(theorem.states),
        "latex": latex(theorem.states),
    }


def describe_in_full(theorem: Theorem) -> dict[str, Any]:
    """Return everything that is declared: what `alignprops show` prints."""
    return {
        **describe(theorem),
        "kind": theorem.kind,
        "tier": theorem.tier,
        "premises": {name: relation_text(relation) for name, relation in theorem.given.items()},
        "proofs": [
            {"name": proof.name, "concludes": proof.concludes, "domain": proof.domain} for proof in theorem.proofs
        ],
        "no_proof": theorem.no_proof,
        "mutants": [
            {
                "name": name,
                "statement": text(mutant_states(theorem, mutant)),
                "premises": {name: relation_text(relation) for name, relation in mutant_given(theorem, mutant).items()},
            }
            for name, mutant in theorem.mutants.items()
        ],
        "module": theorem.module,
        "doc": theorem.doc,
    }


def text(states: Mapping[str, Relational]) -> str:
    """The relations in sympy's notation; with their names if there are several."""
    if len(states) == 1:
        return relation_text(*states.values())
    return "; ".join(f"{name}: {relation_text(relation)}" for name, relation in states.items())


def relation_text(relation: Relational) -> str:
    """One relation on one line, an equation with its sign (sympy writes `Eq(a, b)`)."""
    return f"{relation.lhs} = {relation.rhs}" if isinstance(relation, sp.Eq) else str(relation)


def latex(states: Mapping[str, Relational]) -> str:
    """The relations in LaTeX, one a line."""
    return r" \\ ".join(sp.latex(relation) for relation in states.values())
