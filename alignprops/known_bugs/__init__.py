"""Known bugs of alignment libraries, as data: what a refutation looks like, and where the same mistake was made before.

`bugs.toml` has one table a bug: the source with its links, the symptom, the mistake ("wrong -> right", a paraphrase),
the codes of the properties that catch it, what input exposes it, and the kinds of subject in which it can be made.
Only the standard library is imported, and the file is read when it is first asked for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from alignprops._errors import UnknownNameError

#: What a property demands, by the code that bugs, theorems and reports name it with.
PROPERTY_CODES: Mapping[str, str] = MappingProxyType(
    {
        "PAD": "what lies at a masked position changes neither loss nor metrics, and gets no gradient",
        "REF": "value and gradient are those of the formula in float64, at options other than the defaults",
        "EXT": "value and gradient stay finite and right at extremes: huge margins, empty rows, groups of one",
        "LIVE": "every option changes something or is refused, and its spellings agree",
        "PART": "a batch is the documented aggregate of its micro-batches, in whatever order its rows come",
        "MET": "a logged metric is its definition, on the values that the loss used",
        "LEN": "sums grow with the length of a sequence, means do not, and modes keep their ratio on ragged masks",
        "OFF": "the logits at t - 1 move the log-probability of token t and no other; each answer token counts once",
        "SGN": "gradients point where the theory says, and everything that is trained gets one",
        "KL": "estimators of KL have its expectation and its gradient, and vanish where the policies agree",
        "ADV": "advantages centre and scale within their group, and returns obey their recursion",
        "RM": "a policy equal to its reference earns no reward, and what only the prompt decides cancels",
        "DAT": "chosen and rejected share their prompt, keep an answer token each, and are labelled by ids or -100",
        "SYM": "swapping the answers mirrors the loss, and end points of a parameter are reached continuously",
        "IS": "importance ratios are 1 while the policy is the one that sampled",
        "PURE": "inputs are left as they were, calls repeat, and 0 is a value like any other",
    }
)


@dataclass(frozen=True, slots=True)
class KnownBug:
    """A public bug of an alignment library.

    Attributes:
        number: its row in the list, from 1.
        source: repository, issue, pull request or commit, and date, in words.
        links: the addresses of what `source` names.
        symptom: what was seen.
        mistake: "wrong -> right", a paraphrase in symbols (lp: log-probability, h: margin / beta, m: mask,
            sg: stop-gradient).
        codes: the properties that catch it, the most direct first (keys of `PROPERTY_CODES`).
        kinds: the kinds of subject in which it can be made; none if it takes a whole trainer.
        formulas: the only formulas (names of specifications) that it can be made in; none if it can be in any.
        exposed_by: the input that shows it.
    """

    number: int
    source: str
    links: tuple[str, ...]
    symptom: str
    mistake: str
    codes: tuple[str, ...]
    kinds: tuple[str, ...]
    exposed_by: str = ""
    formulas: tuple[str, ...] = ()


@cache
def known_bugs() -> tuple[KnownBug, ...]:
    """Every bug of the list, by number."""
    rows = tomllib.loads(files(__name__).joinpath("bugs.toml").read_text("utf-8"))["bug"]
    return tuple(sorted((_bug(row) for row in rows), key=lambda bug: bug.number))


def _bug(row: Mapping[str, Any]) -> KnownBug:
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return KnownBug(**given)


def known_bug(number: int) -> KnownBug:
    """The bug of that number.

    Raises:
        UnknownNameError: there is none.
    """
    bugs = known_bugs()
    if not 1 <= number <= len(bugs):
        raise UnknownNameError("known bug", str(number), [str(bug.number) for bug in bugs])
    return bugs[number - 1]


def bugs_like(kind: str, codes: Sequence[str], *, formula: str | None = None) -> tuple[KnownBug, ...]:
    """The bugs that can be made in a subject of `kind`, and in the `formula` if given, and that a property catches.

    Those with most codes in common come first; of equals, those whose first, most direct, code is among them, then
    the ones that few other properties catch, then by number.

    Raises:
        UnknownNameError: a code that is none of `PROPERTY_CODES`.
    """
    asked = set(codes)
    for code in codes:
        if code not in PROPERTY_CODES:
            raise UnknownNameError("property code", code, list(PROPERTY_CODES))
    alike = [bug for bug in known_bugs() if kind in bug.kinds and asked & set(bug.codes)]
    if formula is not None:
        alike = [bug for bug in alike if not bug.formulas or formula in bug.formulas]

    def order(bug: KnownBug) -> tuple[int, bool, int, int]:
        return -len(asked & set(bug.codes)), bug.codes[0] not in asked, len(bug.codes), bug.number

    return tuple(sorted(alike, key=order))
