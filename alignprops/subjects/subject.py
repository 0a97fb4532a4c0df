"""A subject: the thing that a theorem is checked against."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignprops._errors import InputError
from alignprops.theorems import RESERVED_SUBJECTS

if TYPE_CHECKING:
    from alignprops.theorems import Theorem

_ID = re.compile(r"[A-Za-z0-9_.:/-]+")


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Why a theorem does not speak of a subject."""

    reason: str


def _always(theorem: Theorem) -> bool:  # noqa: ARG001  # a subject speaks of every theorem of its kind unless told
    return True


@dataclass(frozen=True, slots=True)
class Subject:
    """A named object of a kind, as the measures of that kind take it.

    Attributes:
        id: from `[A-Za-z0-9_.:/-]`; the second half of the claim id.
        kind: the name of its kind (see `alignprops.subjects.kinds`).
        get: makes the object that the measures take; called once a claim, when it is evaluated.
        exact: whether the object also works on python-flint balls, so that doubts can be measured again.
        observed: None for a subject that is attacked with generated instances; for one that brings its own (a
            real model), the function that gives a theorem its instance, or says why it has none.
        suits: whether a theorem of the kind is worth asking about this subject (told without reading a model).
        recipe: for adapted host code, the explicit parameters of its adapter, so that a witness can be replayed.
        self_contained: whether a stored instance is all that the kind's reference needs to judge it again.
    """

    id: str
    kind: str
    get: Callable[[], Any]
    exact: bool = False
    observed: Callable[[Theorem], Any | NotApplicable] | None = None
    suits: Callable[[Theorem], bool] = _always
    self_contained: bool = True
    recipe: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or self.id in RESERVED_SUBJECTS or "::" in self.id:
            raise InputError(
                f"subject id {self.id!r}: expected letters, digits and _ . : / - (no '::'), and not "
                + " or ".join(repr(name) for name in sorted(RESERVED_SUBJECTS))
            )

    def silence(self, theorem: Theorem) -> str | None:
        """Why a theorem of the kind does not speak of this subject; None if it does."""
        return None if theorem.about is None else theorem.about(self.get())

    def speaks_of(self, theorem: Theorem) -> bool:
        """Whether to ask this subject about a theorem: one of its kind that suits it."""
        return self.kind == theorem.kind and self.suits(theorem)
