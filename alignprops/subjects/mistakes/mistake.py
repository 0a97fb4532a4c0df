"""A mistake: what is wrong, where it was seen, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alignprops.conformance.conformer import Conformer


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake of real code.

    Attributes:
        name: of the counterfeit, `[a-z0-9-]`.
        told: what the code does wrong, as a clause for "it behaves exactly like code that …".
        bugs: numbers of known bugs that are this mistake (`alignprops.known_bugs`).
        plant: makes the wrong conformer from an honest one of the same formula, form and reduction; None if the
            mistake cannot be made there.
    """

    name: str
    told: str
    bugs: tuple[int, ...]
    plant: Callable[[Conformer], Conformer | None]
