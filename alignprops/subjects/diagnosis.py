"""What is wrong with refuted code: its numbers beside the formula's, the mistake that gives the same, a snippet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
#: Two computations of the same thing differ by no more, in units of the dtype's rounding.
ULPS = 64.0


def diagnose(theorem: Theorem, conformer: Conformer, witnesses: Iterable[Any], *, subject: str) -> dict[str, Any]:
    """Why a theorem refutes somebody's code, as plain data for the report.

    Args:
        theorem: what was refuted.
        conformer: the code behind the interface of its kind.
        witnesses: instances that refute it, the simplest first.
        subject: how the code is reached (`package.module:attribute`), for the snippet.
    """
    conformance = kind_named(theorem.kind).conformance
    assert conformance is not None
    found = [instance for instance in witnesses if instance is not None]
    suspects = list(_suspects(theorem, conformer, conformance, found))
    bugs = [known_bug(number) for mistake in suspects for number in mistake.bugs]
    alike = bugs or list(bugs_like(theorem.kind, theorem.codes))
    from alignprops.subjects.adapters.snippet import snippet

    return {
        "property": {code: PROPERTY_CODES[code] for code in theorem.codes[:1]},
        "assumptions": list(conformer.assumptions),
        "behaves_like": [{"mistake": mistake.name, "told": mistake.told} for mistake in suspects],
        "numbers": list(_numbers(conformer, conformance, found[0])) if found else [],
        "alike": [_told(bug) for bug in dict.fromkeys(alike[:ALIKE])],
        "dead_options": _dead_options(theorem, conformer, conformance),
        "snippet": snippet(conformer, conformance, found[0], subject) if found else None,
    }


def _told(bug: KnownBug) -> dict[str, Any]:
    return {"number": bug.number, "source": bug.source, "symptom": bug.symptom, "links": list(bug.links)}


def _suspects(
    theorem: Theorem, conformer: Conformer, conformance: Conformance, witnesses: list[Any]
) -> Iterator[Mistake]:
    """The mistakes that give the subject's numbers on every instance, and not the honest ones on all."""
    instances = [*witnesses, *theorem.examples.values(), *_more(theorem)]
    honest = conformance.twin(conformer)
    seen = [_attempt(conformer, conformance, instance) for instance in instances]
    right = [_attempt(honest, conformance, instance) for instance in instances]
    for mistake in conformance.mistakes:
        wrong = mistake.plant(honest)
        if wrong is None:
            continue
        made = [_attempt(wrong, conformance, instance) for instance in instances]
        if all(map(_agree, seen, made)) and not all(map(_agree, right, made)):
            yield mistake


def _more(theorem: Theorem) -> list[Any]:
    """Examples of the kind's other theorems: a mistake that only some inputs show must not be mistaken for another."""
    from alignprops.registry import find_theorems

    others = [other for other in find_theorems() if other.kind == theorem.kind]
    examples = [example for other in others for example in other.examples.values()]
    return [example for example in examples if isinstance(example, theorem.instance_type)][:8]


def _attempt(conformer: Conformer, conformance: Conformance, instance: Any) -> Found | str:
    """What it makes of an instance, or the name of the exception that it raises."""
    try:
        with np.errstate(all="ignore"):
            case = conformance.case(conformer, instance)
            found: Found = case.run(case.call())
    except Exception as error:  # noqa: BLE001  # that is an answer too, to be compared like any other
        return type(error).__name__
    return found


def _agree(a: Found | str, b: Found | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    common = set(a.outputs) & set(b.outputs)
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
            yield {"of": conformance.main, "found": _plain(seen), "expected": _plain(right)}
        return
    for name in sorted(set(seen.outputs) & set(right.outputs)):
        yield {"of": name, "found": _plain(seen.outputs[name]), "expected": _plain(right.outputs[name])}
    for name in sorted(set(seen.gradients) & set(right.gradients)):
        told = {"found": _plain(seen.gradients[name]), "expected": _plain(right.gradients[name])}
        yield {"of": f"gradient in {name}", **told}


def _plain(value: Any) -> Any:
    return f"raises {value}" if isinstance(value, str) else np.asarray(value).tolist()


def _dead_options(theorem: Theorem, conformer: Conformer, conformance: Conformance) -> list[str]:
    if "LIVE" not in theorem.codes[:1] or not theorem.examples:
        return []
    from alignprops.conformance.liveness import liveness

    example = next(iter(theorem.examples.values()))
    return list(liveness(conformer, conformance.case(conformer, example)).dead)
