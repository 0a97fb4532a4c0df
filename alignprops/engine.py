"""Evaluating theorems: claims, mutants and proofs, free of pytest."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from math import ceil
from typing import Any

from alignprops._errors import InputError, WitnessError
from alignprops.evidence.generation import VERSIONS, GenerationFailed
from alignprops.evidence.mutants import Deaths, hunt
from alignprops.evidence.reading import MeasureFailed
from alignprops.evidence.sampled import Tally, check_instance, sample
from alignprops.evidence.symbolic import Ruling, rule
from alignprops.results import MutantsResult, ProofsResult, Result, Verdict
from alignprops.settings import Settings
from alignprops.subjects import NotApplicable, Subject, kind_named, references_for
from alignprops.subjects.diagnosis import diagnose
from alignprops.theorems import Theorem
from alignprops.witness import Witness


def evaluate(theorem: Theorem, subject: Subject, settings: Settings = Settings()) -> Result:  # noqa: B008  # frozen
    """Check one theorem against one subject.

    A subject that brings its own instances is observed on them; any other is attacked with generated ones. The
    verdict is `proved` only if a proof concludes the statement and nothing refutes it.

    Raises:
        InputError: the subject is of another kind than the theorem.
    """
    if subject.kind != theorem.kind:
        raise InputError(f"{theorem.id} is about a {theorem.kind!r} subject; {subject.id} is of kind {subject.kind!r}")
    started = time.perf_counter()
    verdict, reason, evidence, witness = _judge(theorem, subject, settings)
    if verdict is Verdict.REFUTED and witness is not None and _is_host_code(theorem, subject):
        instances = [found.instance for found in witness.values()]
        evidence["diagnosis"] = diagnose(theorem, subject.get(), instances, subject=subject.id)
    try:
        _ = [found.hash for found in (witness or {}).values()]
    except WitnessError as error:  # the verdict stands without it
        reason, witness = f"{reason} (the witness cannot be stored: {error})", None
    return Result(theorem.id, subject.id, verdict, reason, evidence, witness, _since(started))


def _is_host_code(theorem: Theorem, subject: Subject) -> bool:
    """Whether the subject is of a kind whose refutations can be explained by the mistakes of real code."""
    return kind_named(theorem.kind).conformance is not None and subject not in references_for(theorem)


_Judged = tuple[Verdict, str, dict[str, Any], dict[str, Witness] | None]


def _judge(theorem: Theorem, subject: Subject, settings: Settings) -> _Judged:
    try:
        if subject.observed is not None:
            return _observe(theorem, subject, settings)
        claim = f"{theorem.id}::{subject.id}"
        exact = theorem.exact and subject.exact
        tally = sample(theorem, subject.get(), exact=exact, name=claim, settings=settings)
    except MeasureFailed as failure:
        return Verdict.ERROR, str(failure), {}, _witness_both(theorem, subject, failure.instance, settings)
    except GenerationFailed as failure:
        return Verdict.ERROR, str(failure), {}, None
    verdict, reason = _sampled_verdict(theorem, subject, tally)
    evidence: dict[str, Any] = {"sampled": tally.to_json()}
    # Of host code nothing is proved: its claims do not wait for proofs that `alignprops run` decides.
    if verdict is Verdict.HELD and theorem.proofs and not _is_host_code(theorem, subject):
        verdict, reason, evidence["symbolic"] = _with_proofs(theorem, reason)
        if verdict is Verdict.PROVED and subject not in references_for(theorem):
            verdict = Verdict.HELD  # the proof is of the statement, not of somebody's code
    return verdict, reason, evidence, _witnesses(theorem, subject, tally, settings)


def _observe(theorem: Theorem, subject: Subject, settings: Settings) -> _Judged:
    assert subject.observed is not None
    instance = subject.observed(theorem)
    if isinstance(instance, NotApplicable):
        return Verdict.NOT_APPLICABLE, instance.reason, {}, None
    tally = check_instance(theorem, subject.get(), instance, exact=False, settings=settings)
    verdict, reason = _observed_verdict(tally)
    return verdict, reason, {"observed": tally.to_json()}, _witnesses(theorem, subject, tally, settings)


def _observed_verdict(tally: Tally, *, where: str = "the observed run") -> tuple[Verdict, str]:
    if tally.smallest_failure is not None:
        return Verdict.REFUTED, f"{tally.broken!r} refuted on {where}, {_how(tally)}"
    if tally.too_small is not None:
        return Verdict.ERROR, TOO_SMALL
    if not tally.effective:
        unmet = [name for name, held in tally.premises.items() if not held]
        return Verdict.NOT_APPLICABLE, "premise not met on this run: " + (", ".join(unmet) or "all of them together")
    return Verdict.HELD, f"held on {where}"


TOO_SMALL = (
    "the derived tolerance is too small: float64 misses by more, yet exact arithmetic finds nothing wrong; "
    "raise the operation count or the error bounds of the measure"
)


def _how(tally: Tally) -> str:
    """What decided; numbers are compared in float64, in whatever dtype the code ran, so that says nothing."""
    return "beyond the derived tolerance" if tally.by == "float64" else f"by {tally.by}"


def _sampled_verdict(theorem: Theorem, subject: Subject, tally: Tally) -> tuple[Verdict, str]:
    counts = f"{tally.effective} effective of {tally.examples} examples"
    if tally.smallest_failure is not None:
        return Verdict.REFUTED, f"{tally.broken!r} refuted {_how(tally)} after {counts}"
    if tally.too_small is not None:
        return Verdict.ERROR, TOO_SMALL
    blunt = _blunt(theorem, tally) if subject in references_for(theorem) else None  # others need not be sharp
    if blunt:
        return Verdict.ERROR, blunt
    if tally.timed_out:
        return Verdict.INCONCLUSIVE, f"the time cap ended the search: {counts}"
    idle = _idle(theorem, tally)
    return (Verdict.VACUOUS, f"{counts}, {idle}") if idle else (Verdict.HELD, counts)


def _idle(theorem: Theorem, tally: Tally) -> str | None:
    """Why so few instances say so little that the claim is vacuous; None if it is not."""
    if not tally.generated:
        return "none of them generated: the strategy rejects everything"
    # The share is what counts where fewer examples are asked for than usual.
    needed = max(1, min(theorem.min_effective, ceil(theorem.min_effective * tally.examples / Settings().max_examples)))
    scarce = [name for name, count in tally.stated.items() if count < needed]
    if tally.effective >= needed and not scarce:
        return None
    where = f" for {', '.join(map(repr, scarce))}" if scarce and len(theorem.states) > 1 else ""
    return f"at least {needed} needed{where}: the premises are hardly ever met"


def _blunt(theorem: Theorem, tally: Tally) -> str | None:
    """What is wrong if a bound that is declared sharp did not get as close as declared."""
    for name, tight in theorem.tight.items():
        seen = tally.tightness.get(tight.of, 0.0)
        if seen < tight.at_least:
            return (
                f"{tight.of!r} is declared sharp at {name!r} to a ratio of {tight.at_least}; the largest seen is {seen}"
            )
    return None


def _with_proofs(theorem: Theorem, reason: str) -> tuple[Verdict, str, dict[str, Any]]:
    rulings = _rulings(theorem)
    verdict = _proof_verdict(rulings)
    lemmas = [ruling.name for ruling in rulings if ruling.concludes == "lemma" and ruling.status == "proved"]
    summary = {"lemmas": lemmas, "statement": [r.name for r in rulings if _concludes(r)]}
    if verdict is Verdict.ERROR:
        return (
            verdict,
            "a proof is in error: " + "; ".join(r.reason for r in rulings if r.status != "proved"),
            summary,
        )
    if verdict is Verdict.PROVED:
        return verdict, f"{reason}; proved: {', '.join(summary['statement'])}", summary
    return Verdict.HELD, f"{reason}; lemmas: {', '.join(lemmas)}" if lemmas else reason, summary


def _witnesses(theorem: Theorem, subject: Subject, tally: Tally, settings: Settings) -> dict[str, Witness] | None:
    if tally.smallest_failure is not None and tally.worst_failure is not None:
        return _named_witnesses(theorem, subject, settings, tally.smallest_failure, tally.worst_failure[1])
    return None if tally.too_small is None else _witness_both(theorem, subject, tally.too_small, settings)


def _witness_both(theorem: Theorem, subject: Subject, instance: Any, settings: Settings) -> dict[str, Witness]:
    return _named_witnesses(theorem, subject, settings, instance, instance)


def _named_witnesses(
    theorem: Theorem, subject: Subject, settings: Settings, simplest: Any, worst: Any
) -> dict[str, Witness]:
    claim = f"{theorem.id}::{subject.id}"
    found = {"simplest": simplest, "worst": worst}
    recipe = json.dumps(subject.recipe)
    return {role: Witness(claim, instance, settings.seed, VERSIONS, recipe) for role, instance in found.items()}


def replay(theorem: Theorem, subject: Subject, instance: Any, settings: Settings = Settings()) -> Result:  # noqa: B008
    """Judge one stored instance again."""
    started = time.perf_counter()
    try:
        exact = theorem.exact and subject.exact
        tally = check_instance(theorem, subject.get(), instance, exact=exact, settings=settings)
    except MeasureFailed as failure:
        return Result(theorem.id, subject.id, Verdict.ERROR, str(failure))
    verdict, reason = _observed_verdict(tally, where="the stored input")
    witness = _witnesses(theorem, subject, tally, settings)
    evidence: dict[str, Any] = {"sampled": tally.to_json()}
    if verdict is Verdict.REFUTED and _is_host_code(theorem, subject):
        evidence["diagnosis"] = diagnose(theorem, subject.get(), [instance], subject=subject.id)
    return Result(theorem.id, subject.id, verdict, reason, evidence, witness, _since(started))


# --- mutants ----------------------------------------------------------------------------------------------------


def attack_mutants(theorem: Theorem, settings: Settings = Settings()) -> MutantsResult:  # noqa: B008  # frozen
    """Let the first honest reference of the theorem's kind refute every mutant; a survivor is an error."""
    started = time.perf_counter()
    reference = references_for(theorem)[0]
    exact = theorem.exact and reference.exact
    try:
        deaths = hunt(theorem, reference.get(), exact=exact, settings=settings)
    except (MeasureFailed, GenerationFailed) as failure:
        return MutantsResult(theorem.id, Verdict.ERROR, str(failure), [], _since(started))
    verdict, reason = _hunted_verdict(deaths)
    return MutantsResult(theorem.id, verdict, reason, [death.to_json() for death in deaths.fates], _since(started))


def _hunted_verdict(deaths: Deaths) -> tuple[Verdict, str]:
    alive = [death.name for death in deaths.fates if not death.killed]
    told = f"{len(deaths.fates) - len(alive)} of {len(deaths.fates)} mutants killed"
    if not alive:
        return Verdict.HELD, told
    told = f"{told}; alive: {', '.join(alive)}"
    return (Verdict.INCONCLUSIVE, f"the time cap ended the hunt: {told}") if deaths.timed_out else (Verdict.ERROR, told)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 4)


# --- proofs -----------------------------------------------------------------------------------------------------


def prove(theorem: Theorem) -> ProofsResult:
    """Decide every proof of the theorem; without a proof, not applicable with the line that says why."""
    started = time.perf_counter()
    if not theorem.proofs:
        if theorem.no_proof:
            return ProofsResult(theorem.id, Verdict.NOT_APPLICABLE, f"no proof: {theorem.no_proof}", [], 0.0)
        return ProofsResult(theorem.id, Verdict.ERROR, "neither a proof nor a line that says why not", [], 0.0)
    rulings = _rulings(theorem)
    verdict = _proof_verdict(rulings)
    told = [f"{ruling.name}: {ruling.status}" + (f" ({ruling.reason})" if ruling.reason else "") for ruling in rulings]
    return ProofsResult(theorem.id, verdict, "; ".join(told), [ruling.to_json() for ruling in rulings], _since(started))


@lru_cache(maxsize=1024)
def _rulings(theorem: Theorem) -> tuple[Ruling, ...]:
    """The proofs decided, once a process: they depend on nothing but the theorem."""
    return tuple(rule(theorem, proof) for proof in theorem.proofs)


def _concludes(ruling: Ruling) -> bool:
    return ruling.concludes == "statement" and ruling.status == "proved"


def _proof_verdict(rulings: tuple[Ruling, ...]) -> Verdict:
    """`error` if a proof is wrong or undecided (it is meant to be decided), `proved` if one concludes the statement."""
    if any(ruling.status != "proved" for ruling in rulings):
        return Verdict.ERROR
    return Verdict.PROVED if any(map(_concludes, rulings)) else Verdict.HELD
