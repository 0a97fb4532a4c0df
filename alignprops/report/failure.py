"""The text of a failed item: the claim, its witnesses, the premise counts, and how to replay it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any

from alignprops.harmless import for_terminal

#: Characters of an array that are shown.
LONGEST = 160
ROLES = {"simplest": "simplest witness", "worst": "worst witness"}


def explain(described: Mapping[str, Any], result: Mapping[str, Any], *, replay: str, assumed: bool = True) -> str:
    """Return what a reader needs to judge the verdict.

    Args:
        described: the theorem as in report.json.
        result: the result as in report.json.
        replay: the command that gives this verdict again.
        assumed: whether to tell what was assumed of the code; not where it was told before.
    """
    return for_terminal("\n".join([*_lines(described, result, assumed), f"  replay     {replay}"]))


def in_short(described: Mapping[str, Any], result: Mapping[str, Any], *, replay: str, told: Sequence[str]) -> str:
    """Return what a further failure of the same code adds to one that is printed in full.

    Args:
        described: the theorem as in report.json.
        result: the result as in report.json.
        replay: the command that gives this verdict again.
        told: the lines that the reader has seen of `suspicions`; they are not repeated.
    """
    diagnosis = result.get("evidence", {}).get("diagnosis") or {}
    suspicion = list(suspicions(diagnosis))
    lines = [*_heading(described, result), f"  reason     {result['reason']}"]
    if result.get("expectation_problem"):
        lines.append(f"  expected   {result['expectation_problem']}")
    lines += [*_properties(diagnosis), *(suspicion if suspicion != list(told) else ()), *_ignored(diagnosis)]
    return for_terminal("\n".join([*lines, *_numbers(diagnosis), f"  replay     {replay}"]))


def suspicions(diagnosis: Mapping[str, Any]) -> Iterator[str]:
    """The mistakes on record that give the same numbers, or that none does."""
    suspects = diagnosis.get("behaves_like", [])
    for suspect in suspects:
        yield f"  suspicion  it gives the numbers of code that {suspect['told']} ({suspect['mistake']})"
    if diagnosis and not suspects:
        yield "  suspicion  none: no mistake on record gives these numbers"


def _heading(described: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    yield f"{result['verdict']}: {described['id']}" + (f"::{result['subject']}" if "subject" in result else "")
    yield f"  {described['title']}"


def _lines(described: Mapping[str, Any], result: Mapping[str, Any], assumed: bool) -> Iterator[str]:
    yield from _heading(described, result)
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
    yield from _diagnosis(evidence.get("diagnosis") or {}, assumed)
    yield from _witnesses(result.get("witness") or {}, shown=_shows_witness(evidence.get("diagnosis") or {}))
    for mutant in result.get("mutants", []):
        if not mutant["killed"]:
            yield f"  survivor   {mutant['name']!r}, after {mutant['examples']} inputs"
    for proof in result.get("proofs", []):
        if proof["status"] != "proved":
            yield f"  {proof['status']:<10} {proof['name']!r} ({proof['domain']}): {proof.get('reason', '')}"


def _shows_witness(diagnosis: Mapping[str, Any]) -> bool:
    """Whether the code of the report calls the subject on the simplest witness."""
    return bool(diagnosis.get("snippet")) and bool(diagnosis.get("snippet_has_witness"))


def _witnesses(witness: Mapping[str, Any], shown: bool) -> Iterator[str]:
    """Each instance once, under its hash; the hashes alone where a snippet has `shown` the input."""
    roles: dict[str, list[str]] = {}
    for role in ROLES:
        if role in witness:
            roles.setdefault(witness[role]["hash"], []).append(role)
    for number, names in roles.items():
        if shown:
            yield f"  witness    {number[:8]}, the {' and the '.join(names)}"
            continue
        also = "".join(f" (and the {name})" for name in names[1:])
        yield f"  {names[0]} witness {number[:8]}{also}:"
        instance = witness[names[0]]["instance"]
        yield from (indent(f"{field} = {json.dumps(value)}", "      ") for field, value in instance.items())


def _properties(told: Mapping[str, Any]) -> Iterator[str]:
    for code, meaning in told.get("property", {}).items():
        yield f"  property   {code}: {meaning}"


def _ignored(told: Mapping[str, Any]) -> Iterator[str]:
    for name in told.get("dead_options", []):
        yield f"  ignored    {name} is accepted, and no value of it changes anything"


def _numbers(told: Mapping[str, Any]) -> Iterator[str]:
    for numbers in told.get("numbers", []):
        if numbers["found"] != numbers["expected"]:
            yield f"  {numbers['of']}: {_short(numbers['found'])}; the formula gives {_short(numbers['expected'])}"


def _diagnosis(told: Mapping[str, Any], assumed: bool) -> Iterator[str]:
    """What the mistake looks like, the numbers, the known bugs, and code that shows it."""
    yield from (*_properties(told), *suspicions(told), *_ignored(told), *_numbers(told))
    if told.get("alike") and not told.get("behaves_like"):
        yield "  see also   no diagnosis, but known bugs that broke the same property:"
    for bug in told.get("alike", []):
        yield f"  see also   #{bug['number']} {bug['source']}: {bug['symptom']}"
        yield from (f"             {link}" for link in bug["links"])
    for assumption in told.get("assumptions", []) if assumed else ():
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
