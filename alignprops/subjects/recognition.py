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
from alignprops.subjects.nearest import no_kind, require_known_words
from alignprops.subjects.subject import Subject


def recognised(spec: Any, adaptation: Adaptation) -> Subject:
    """The subject of the one kind that the code fits.

    Raises:
        InputError: it fits none, or more than one; the message says why, and how to tell.
    """
    code = resolve(spec) if isinstance(spec, str) else spec
    require_known_words(code, adaptation)
    fitting: list[Subject] = []
    reasons: dict[str, str] = {}
    given = {kind: with_formula(code, kind, adaptation) for kind in HOST_KINDS}
    for kind in HOST_KINDS:
        try:
            fitting.append(parse_subject(spec, kind, adaptation=given[kind]))
        except InputError as error:
            reasons[kind] = str(error)
    if len(fitting) == 1:
        kind = fitting[0].kind
        return _telling(fitting[0], f"{_article(kind)} {kind} subject: its arguments fit no other kind")
    if fitting:
        kinds = ", ".join(subject.kind for subject in fitting)
        raise InputError(f"it could be of the kinds {kinds}; say which with --kind (kind=… in Python)")
    raise no_kind(code, spec if isinstance(spec, str) else "PACKAGE.MODULE:ATTRIBUTE", given, reasons)


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
    formulas = conformance.formulas_named()
    named = [name for name in formulas if _words(name) and _within(_words(name), words)]
    longest = sorted(named, key=lambda name: len(_words(name)), reverse=True)[:1]
    return replace(adaptation, loss=formulas[longest[0]]) if longest else adaptation


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


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
