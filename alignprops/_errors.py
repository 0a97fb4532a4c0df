"""The errors that alignprops raises, as a tree.

AlignpropsError
├── InputError                what the user gave cannot be used (exit code 2)
│   ├── UnknownNameError      a theorem, suite, subject or option that does not exist
│   ├── DataError             preference data that is malformed or insufficient
│   ├── ModelError            a language model that does not load or does not fit
│   └── WitnessError          a stored witness that cannot be read or does not fit
└── TheoremError              a theorem that is declared or measured wrongly

Each message says what was given, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AlignpropsError(Exception):
    """The root of every error that alignprops raises on purpose."""


class InputError(AlignpropsError):
    """What the user gave cannot be used; the command line exits with code 2."""


class UnknownNameError(InputError):
    """A name that does not exist, told with the nearest names that do."""

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(given, names, n=3, cutoff=0.4)
        if near:
            advice = "did you mean " + " or ".join(repr(name) for name in near) + "?"
        elif names:
            advice = "known: " + ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        else:
            advice = "none is registered"
        super().__init__(f"unknown {kind} {given!r}; {advice}")
        self.kind = kind
        self.given = given
        self.near = near


class DataError(InputError):
    """Preference data that is malformed or insufficient."""


class ModelError(InputError):
    """A language model that does not load, or that the method does not apply to."""


class WitnessError(InputError):
    """A stored witness that cannot be read, or that does not fit its theorem."""


class TheoremError(AlignpropsError):
    """A theorem that is declared wrongly, or whose measure breaks its contract."""
