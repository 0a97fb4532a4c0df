"""The text of a failed item: the claim, its witnesses, the premise counts, and how to replay it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

ROLES = {"simplest": "simplest witness", "worst": "worst witness"}


def explain(described: Mapping[str, Any], result: Mapping[str, Any], *, replay: str) -> str:
    """Return what a reader needs to judge the verdict.

    Args:
        described: the theorem as in report.json.
        result: the result as in report.json.
        replay: the command that gives this verdict again.
    """
    return "\n".join([*_lines(described, result), f"  replay     {replay}"])


def _lines(described: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    yield f"{result['verdict']}: {described['id']}" + (f"::{result['subject']}" if "subject" in result else "")
    yield f"  {described['title']}"
    for relation in described["statement"].split("; "):
        yield f"  statement  {relation}"
    yield f"  source     {described['source']}"
    yield f"  reason     {result['reason']}"
    if result.get("expectation_problem"):
        yield f"  expected   {result['expectation_problem']}"
    evidence = result.get("evidence", {})
    measured = evidence.get("sampled") or evidence.get("observed") or {}
    for name, count in measured.get("premises", {}).items():
        yield f"  premise    {name}: met by {count['held']} of {count['of']} inputs"
    yield from _witnesses(result.get("witness") or {})
    for mutant in result.get("mutants", []):
        if not mutant["killed"]:
            yield f"  survivor   {mutant['name']!r}, after {mutant['examples']} inputs"
    for proof in result.get("proofs", []):
        if proof["status"] != "proved":
            yield f"  {proof['status']:<10} {proof['name']!r} ({proof['domain']}): {proof.get('reason', '')}"


def _witnesses(witness: Mapping[str, Any]) -> Iterator[str]:
    shown: set[str] = set()
    for role, name in ROLES.items():
        found = witness.get(role)
        if found is None:
            continue
        if found["hash"] in shown:
            yield f"  {name}: the same"
            continue
        shown.add(found["hash"])
        yield f"  {name} {found['hash'][:8]}:"
        yield from (indent(f"{field} = {json.dumps(value)}", "      ") for field, value in found["instance"].items())
