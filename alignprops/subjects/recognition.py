"""Zero configuration: which kind host code is of and which formula it computes, by its arguments and its name.

Nothing is guessed silently: the code must fit exactly one kind, and bear the name of the formula that it computes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from alignprops._errors import InputError
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.kinds import HOST_KINDS, kind_named, parse_subject, resolve
from alignprops.subjects.subject import Subject


def recognised(spec: Any, adaptation: Adaptation) -> Subject:
    """The subject of the one kind that the code fits.

    Raises:
        InputError: it fits none, or more than one; the message says why, and how to tell.
    """
    code = resolve(spec) if isinstance(spec, str) else spec
    fitting: list[Subject] = []
    reasons: dict[str, str] = {}
    for kind in HOST_KINDS:
        try:
            fitting.append(parse_subject(spec, kind, adaptation=with_formula(code, kind, adaptation)))
        except InputError as error:
            reasons[kind] = str(error)
    if len(fitting) == 1:
        return _telling(fitting[0], f"a {fitting[0].kind} subject: its arguments fit no other kind")
    if fitting:
        kinds = ", ".join(subject.kind for subject in fitting)
        raise InputError(f"it could be of the kinds {kinds}; say which with --kind (kind=… in Python)")
    told = "\n".join(f"  {kind}: {reason}" for kind, reason in reasons.items())
    raise InputError(f"it fits no kind of host code; say which with --kind, and what is missing:\n{told}")


def named_kind(spec: Any, kind: str, adaptation: Adaptation) -> Subject:
    """The subject of a kind that is told; its formula by its name, if that is not told.

    Raises:
        UnknownNameError: an unknown kind.
        InputError: the code cannot be imported or adapted.
    """
    code = resolve(spec) if isinstance(spec, str) else spec
    return parse_subject(spec, kind, adaptation=with_formula(code, kind, adaptation))


def with_formula(code: Any, kind: str, adaptation: Adaptation) -> Adaptation:
    """The adaptation with the formula that the code's name names, where the user names none."""
    conformance = kind_named(kind).conformance
    if adaptation.loss is not None or conformance is None:
        return adaptation
    words = _words(getattr(code, "__name__", type(code).__name__))
    named = [formula for formula in conformance.formulas if _words(formula) and _within(_words(formula), words)]
    longest = sorted(named, key=lambda formula: len(_words(formula)), reverse=True)[:1]
    return replace(adaptation, loss=longest[0]) if longest else adaptation


def _words(name: str) -> list[str]:
    """`dpo_loss`, `DPOLoss` and `dpo-loss` are the words dpo, loss."""
    spread = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.findall(r"[a-z0-9]+", spread.lower())


def _within(few: list[str], many: list[str]) -> bool:
    return any(many[at : at + len(few)] == few for at in range(len(many) - len(few) + 1))


def _telling(subject: Subject, assumption: str) -> Subject:
    made = subject.get()
    told = replace(made, assumptions=(assumption, *made.assumptions))
    return replace(subject, get=lambda: told)  # its recipe has the formula that was recognised
