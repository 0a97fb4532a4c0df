"""The text of a failed item: the claim, its witnesses, the premise counts, and how to replay it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

#: Characters of an array that are shown.
LONGEST = 160
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
    yield from _diagnosis(evidence.get("diagnosis") or {})
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


def _diagnosis(told: Mapping[str, Any]) -> Iterator[str]:
    """What the mistake looks like, the numbers, the known bugs, and code that shows it."""
    for code, meaning in told.get("property", {}).items():
        yield f"  property   {code}: {meaning}"
    suspects = told.get("behaves_like", [])
    for suspect in suspects:
        yield f"  suspicion  it gives the numbers of code that {suspect['told']} ({suspect['mistake']})"
    if told and not suspects:
        yield "  suspicion  none: no mistake on record gives these numbers"
    for name in told.get("dead_options", []):
        yield f"  ignored    {name} is accepted, and no value of it changes anything"
    for numbers in told.get("numbers", []):
        if numbers["found"] != numbers["expected"]:
            yield f"  {numbers['of']}: {_short(numbers['found'])}; the formula gives {_short(numbers['expected'])}"
    for bug in told.get("alike", []):
        yield f"  see also   #{bug['number']} {bug['source']}: {bug['symptom']}"
        yield from (f"             {link}" for link in bug["links"])
    for assumption in told.get("assumptions", []):
        yield f"  assumed    {assumption}"
    if told.get("snippet"):
        yield "  by itself, with torch and the code alone:"
        yield indent(told["snippet"], "      ")


def _short(values: Any) -> str:
    """Numbers with six digits, long arrays cut."""
    text = json.dumps(_rounded(values))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _rounded(values: Any) -> Any:
    if isinstance(values, list):
        return [_rounded(value) for value in values]
    return float(f"{values:.6g}") if isinstance(values, float) else values
