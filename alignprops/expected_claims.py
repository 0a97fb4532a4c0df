"""Judging a claim that is expected to be refuted: its stored witness is evaluated first."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from alignprops import engine
from alignprops._errors import WitnessError
from alignprops.expected import Entry, Expectations
from alignprops.results import Expectation, Result, Verdict
from alignprops.settings import Settings
from alignprops.subjects import Subject
from alignprops.theorems import Theorem
from alignprops.witness import load


def judge(
    theorem: Theorem,
    subject: Subject,
    settings: Settings,
    expectations: Expectations,
    *,
    today: date | None = None,
) -> Result:
    """Check one theorem against one subject, knowing what is expected.

    The witness of the claim's entry comes first: while it refutes, nothing else is tried. The result of a claim with
    an entry has an `Expectation`; if the entry is stale, out of date or expired, that has a problem, and fails.

    Raises:
        InputError: the subject is of another kind than the theorem.
    """
    entry = expectations.of(theorem.id, subject.id)
    if entry is None:
        return engine.evaluate(theorem, subject, settings)
    found, problem = _by_witness(theorem, subject, settings, expectations, entry)
    if found is None:
        found, problem = _in_full(theorem, subject, settings, expectations, entry)
    if problem is None and entry.expired(today or date.today()):
        problem = (
            f"the entry in {expectations.path} expired on {entry.expires} (its reason: {entry.reason}); mend the "
            "subject, or give the entry a later day: alignprops expect update --expires DAY"
        )
    return replace(found, expected=Expectation(entry.reason, entry.issue, problem))


def _by_witness(
    theorem: Theorem, subject: Subject, settings: Settings, expectations: Expectations, entry: Entry
) -> tuple[Result | None, str | None]:
    """The result on the stored witness if it decides the claim, and what is wrong with the entry."""
    path = expectations.witness_of(entry)
    if path is None or subject.observed is not None:  # a real model is observed anew, not on what was seen of it once
        return None, None
    try:
        stored = load(path)
        if stored.claim != entry.claim:
            raise WitnessError(f"{path} is a witness of {stored.claim}, not of {entry.claim}")
        instance = stored.rebuild(theorem.instance_type)
    except WitnessError as error:
        problem = (
            f"the witness of the entry in {expectations.path} cannot be evaluated; store one that can "
            "(alignprops expect update), or take the key `witness` out of the entry"
        )
        return Result(theorem.id, subject.id, Verdict.ERROR, str(error)), problem
    found = engine.replay(theorem, subject, instance, settings)
    if found.verdict is Verdict.REFUTED:
        return replace(found, reason=f"the stored witness {path.name} still refutes: {found.reason}"), None
    return None, None


def _in_full(
    theorem: Theorem, subject: Subject, settings: Settings, expectations: Expectations, entry: Entry
) -> tuple[Result, str | None]:
    """The result of the full attack, and what it says of an entry whose witness refutes no longer."""
    found = engine.evaluate(theorem, subject, settings)
    with_witness = entry.witness is not None and subject.observed is None
    if found.verdict is Verdict.REFUTED:
        if not with_witness:
            return found, None
        return found, (
            f"the witness {entry.witness} of the entry in {expectations.path} is out of date: it refutes no longer, "
            "another does; see whether that is still the mistake that is expected, and then run `alignprops expect "
            "update`"
        )
    if found.verdict.fails:
        return found, f"only a refutation can be expected, and this is {found.verdict.value}"
    what = f"neither its witness {entry.witness} nor any other input" if with_witness else "no input that was tried"
    return found, (
        f"the entry in {expectations.path} is stale: {what} refutes the claim; take it out (alignprops expect prune); "
        f"its reason was: {entry.reason}"
    )
