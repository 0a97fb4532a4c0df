"""What is wrong with refuted code: its numbers beside the formula's, the mistake that gives the same, a snippet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from alignprops.known_bugs import PROPERTY_CODES, bugs_like, known_bug
from alignprops.subjects.kinds import kind_named

if TYPE_CHECKING:
    from alignprops.conformance.call import Found
    from alignprops.conformance.conformer import Conformer
    from alignprops.known_bugs import KnownBug
    from alignprops.subjects.conformance import Conformance
    from alignprops.subjects.mistakes.mistake import Mistake
    from alignprops.theorems import Theorem

#: Known bugs that are told at most.
ALIKE = 3
#: Instances that a mistake is compared on.
INSTANCES = 12


def diagnose(theorem: Theorem, conformer: Conformer, witnesses: Iterable[Any], *, subject: str) -> dict[str, Any]:
    """Why a theorem refutes somebody's code, as plain data for the report.

    Args:
        theorem: what was refuted.
        conformer: the code behind the interface of its kind.
        witnesses: instances that refute it, the simplest first.
        subject: how the code is reached (`package.module:attribute`), for the snippet.
    """
    from alignprops.subjects.adapters.snippet import snippet

    conformance = kind_named(theorem.kind).conformance
    assert conformance is not None
    called = [instance for instance in witnesses if isinstance(instance, conformance.called)]
    own = [instance for instance in called if isinstance(instance, conformance.problem)]
    suspects = list(_suspects(theorem, conformer, own))
    bugs = [known_bug(number) for mistake in suspects for number in mistake.bugs]
    alike = bugs or _bugs_of_the_property(theorem, conformer)
    shown = called[0] if called else _telling(conformer, conformance, _examples(theorem.kind))
    return {
        "property": {code: PROPERTY_CODES[code] for code in theorem.codes[:1]},
        "assumptions": list(conformer.assumptions),
        "behaves_like": [{"mistake": mistake.name, "told": mistake.told} for mistake in suspects],
        "numbers": [] if shown is None else list(_numbers(conformer, conformance, shown)),
        "alike": [_told(bug) for bug in list(dict.fromkeys(alike))[:ALIKE]],
        "dead_options": _dead_options(theorem, conformer, conformance),
        "snippet": None if shown is None else snippet(conformer, conformance, shown, subject),
        "snippet_has_witness": any(shown is instance for instance in own),
    }


def _bugs_of_the_property(theorem: Theorem, conformer: Conformer) -> list[KnownBug]:
    """Known bugs that can be made in the subject's formula, and broke first of all what the theorem demands."""
    bugs = bugs_like(theorem.kind, theorem.codes, formula=conformer.specification.name)
    return [bug for bug in bugs if bug.codes[0] == theorem.codes[0]]


def _told(bug: KnownBug) -> dict[str, Any]:
    return {"number": bug.number, "source": bug.source, "symptom": bug.symptom, "links": list(bug.links)}


def _suspects(theorem: Theorem, conformer: Conformer, witnesses: list[Any]) -> Iterator[Mistake]:
    """The mistakes that give the subject's numbers on the kind's examples and on the witnesses."""
    conformance = kind_named(theorem.kind).conformance
    assert conformance is not None
    honest = conformance.twin(conformer)
    candidates = _candidates(theorem.kind, conformer)
    if not candidates and "EXT" in theorem.codes:
        candidates = _lossy(theorem.kind, conformer)
    for mistake in candidates:
        wrong = mistake.plant(honest)
        if wrong is not None and all(_same(conformer, wrong, conformance, instance) for instance in witnesses):
            yield mistake


@lru_cache(maxsize=16)
def _candidates(kind: str, conformer: Conformer) -> tuple[Mistake, ...]:
    """The mistakes that give the subject's numbers on every example of the kind, and not the honest ones on all."""
    conformance = kind_named(kind).conformance
    assert conformance is not None
    honest, examples = conformance.twin(conformer), _examples(kind)
    seen = [_attempt(conformer, conformance, example) for example in examples]
    right = [_attempt(honest, conformance, example) for example in examples]
    found: list[Mistake] = []
    for mistake in conformance.mistakes:
        wrong = mistake.plant(honest)
        made = [] if wrong is None else [_attempt(wrong, conformance, example) for example in examples]
        # A mistake in an output that the subject does not return is none of its own.
        if made and all(map(_agree, seen, made)) and not all(map(_agree, right, made, seen)):
            found.append(mistake)
    return tuple(found)


@lru_cache(maxsize=16)
def _lossy(kind: str, conformer: Conformer) -> tuple[Mistake, ...]:
    """The mistakes that are off by less than numbers are compared to, and give the subject's to the last bit."""
    conformance = kind_named(kind).conformance
    assert conformance is not None
    honest, examples = conformance.twin(conformer), _examples(kind)
    seen = [_attempt(conformer, conformance, example) for example in examples]
    right = [_attempt(honest, conformance, example) for example in examples]
    if all(map(_identical, seen, right)):
        return ()
    wrong = {mistake: mistake.plant(honest) for mistake in conformance.mistakes}
    return tuple(
        mistake
        for mistake, planted in wrong.items()
        if planted is not None
        and all(_identical(s, _attempt(planted, conformance, e)) for s, e in zip(seen, examples, strict=True))
    )


def _identical(a: Found | str, b: Found | str) -> bool:
    """Whether two give the same numbers to the last bit, as far as they return the same things."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    common = set(a.outputs) & set(b.outputs)
    return all(np.array_equal(a.outputs[name], b.outputs[name], equal_nan=True) for name in common)


def _same(a: Conformer, b: Conformer, conformance: Conformance, instance: Any) -> bool:
    return _agree(_attempt(a, conformance, instance), _attempt(b, conformance, instance))


def _examples(kind: str) -> list[Any]:
    """Instances of the kind that mistakes show on: the explicit ones of its theorems, each once."""
    from alignprops.registry import theorems_about

    conformance = kind_named(kind).conformance
    assert conformance is not None
    examples = [example for theorem in theorems_about(kind) for example in theorem.examples.values()]
    return [example for example in dict.fromkeys(examples) if isinstance(example, conformance.problem)][:INSTANCES]


def _telling(conformer: Conformer, conformance: Conformance, instances: list[Any]) -> Any | None:
    """The first instance on which the numbers are not those of the honest twin."""
    honest = conformance.twin(conformer)
    for instance in instances:
        if not _agree(_attempt(conformer, conformance, instance), _attempt(honest, conformance, instance)):
            return instance
    return None


def _attempt(conformer: Conformer, conformance: Conformance, instance: Any) -> Found | str:
    """What it makes of an instance, or the name of the exception that it raises."""
    try:
        with np.errstate(all="ignore"):
            case = conformance.case(conformer, instance)
            found: Found = case.run(case.call())
    except Exception as error:  # noqa: BLE001  # that is an answer too, to be compared like any other
        return type(error).__name__
    return found


def _agree(a: Found | str, b: Found | str, subject: Found | str = "") -> bool:
    """Whether two give the same, as far as they return the same things (and the `subject` does)."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    common = set(a.outputs) & set(b.outputs)
    if not isinstance(subject, str):
        common &= set(subject.outputs)
    pairs = [(a.outputs[name], b.outputs[name]) for name in common]
    pairs += [(a.gradients[name], b.gradients[name]) for name in set(a.gradients) & set(b.gradients)]
    attached = all(a.attached[name] == b.attached[name] for name in common)
    return attached and a.modified == b.modified and all(_close(x, y) for x, y in pairs)


def _close(x: Any, y: Any) -> bool:
    """Equal up to rounding; the coarsest dtype leaves the numbers of a mistake and of the formula apart."""
    if np.size(x) != np.size(y):
        return False
    y = np.reshape(y, np.shape(x))
    return bool(np.allclose(x, y, rtol=2.0**-6, atol=2.0**-8, equal_nan=True))


def _numbers(conformer: Conformer, conformance: Conformance, instance: Any) -> Iterator[dict[str, Any]]:
    """Main output and gradients beside those of the honest twin, where they differ."""
    seen = _attempt(conformer, conformance, instance)
    right = _attempt(conformance.twin(conformer), conformance, instance)
    if isinstance(seen, str) or isinstance(right, str):
        if seen != right:
            found, expected = (_plain(_main(part, conformance.main)) for part in (seen, right))
            yield {"of": conformance.main, "found": found, "expected": expected}
        return
    for name in sorted(set(seen.outputs) & set(right.outputs)):
        yield {"of": name, "found": _plain(seen.outputs[name]), "expected": _plain(right.outputs[name])}
    for name in sorted(set(seen.gradients) & set(right.gradients)):
        told = {"found": _plain(seen.gradients[name]), "expected": _plain(right.gradients[name])}
        yield {"of": f"gradient in {name}", **told}


def _main(attempt: Found | str, name: str) -> Any:
    """The main output, or the first that there is; the name of the exception if it raised."""
    if isinstance(attempt, str):
        return attempt
    return attempt.outputs[name] if name in attempt.outputs else next(iter(attempt.outputs.values()))


def _plain(value: Any) -> Any:
    return f"raises {value}" if isinstance(value, str) else np.asarray(value).tolist()


def _dead_options(theorem: Theorem, conformer: Conformer, conformance: Conformance) -> list[str]:
    if "LIVE" not in theorem.codes[:1] or not theorem.examples:
        return []
    from alignprops.conformance.liveness import liveness

    example = next(iter(theorem.examples.values()))
    return list(liveness(conformer, conformance.case(conformer, example)).dead)
