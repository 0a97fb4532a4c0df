"""Names of behaviours: file names are untrusted text, subject ids are not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alignprops._errors import UnknownNameError

# A claim id splits at its first "::".
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:/-]+|:{2,}")


def safe_name(text: str) -> str:
    """`text` as a part of a subject id: anything outside `[A-Za-z0-9_.:/-]`, and "::", becomes a hyphen."""
    return _UNSAFE.sub("-", text).strip("-") or "behaviour"


def safe_names(texts: Sequence[str]) -> list[str]:
    """Safe names that are distinct: a repeated one gets a number, in the order given."""
    taken: set[str] = set()
    names = []
    for text in texts:
        name, number = safe_name(text), 1
        while name in taken:
            number += 1
            name = f"{safe_name(text)}-{number}"
        taken.add(name)
        names.append(name)
    return names


def select(names: Sequence[str], wanted: Sequence[str] | None) -> list[int]:
    """The positions of the behaviours asked for, in the order of `names`; all if `wanted` is None."""
    if wanted is None:
        return list(range(len(names)))
    for name in wanted:
        if name not in names:
            raise UnknownNameError("behaviour", name, names)
    return [position for position, name in enumerate(names) if name in wanted]
