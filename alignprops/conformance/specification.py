"""What a function claims to compute: a named formula with its options, and the conventions that are in use for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alignprops._errors import InputError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Option:
    """A hyper-parameter of a formula.

    Attributes:
        name: the field's usual keyword.
        values: those that theorems are checked at, dyadic; the first is the default of the formula.
        aliases: other keywords in use for exactly the same number.
        told: what it is, in a few words.
        neutral: whether the default leaves the formula as it is without the option, so that code may lack it.
    """

    name: str
    values: tuple[Any, ...]
    told: str
    aliases: tuple[str, ...] = ()
    neutral: bool = True


@dataclass(frozen=True)
class Specification:
    """A formula that code may implement; the kinds derive their tables of formulas from it.

    Attributes:
        name: as `--loss` spells it.
        title: in the words of the field.
        source: the paper, and the place in it.
        options: its hyper-parameters.
        variants: the documented conventions by name, the most usual first, and what each means. One if there is no
            choice; a subject follows exactly one of them.
        traits: what theorems may ask of it ("logistic", "monotone", "reference-free" …).
    """

    name: str
    title: str
    source: str
    options: tuple[Option, ...] = ()
    variants: Mapping[str, str] = field(default_factory=lambda: {"": ""})
    traits: frozenset[str] = frozenset()

    def option(self, name: str) -> Option:
        """The option of that name.

        Raises:
            UnknownNameError: the formula has none.
        """
        for option in self.options:
            if option.name == name:
                return option
        raise UnknownNameError(f"option of {self.name}", name, [option.name for option in self.options])

    def variant(self, name: str | None) -> str:
        """The variant of that name, or the usual one.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if name is None:
            return next(iter(self.variants))
        if name not in self.variants:
            raise UnknownNameError(f"convention of {self.name}", name, self.variants)
        return name

    def chosen(self, choices: Any, taken: frozenset[str], constants: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the options for a problem's `choices`.

        What a subject does not take is constant, or else has its default.

        Raises:
            InputError: the problem has fewer choices than the formula has options.
        """
        if len(choices) < len(self.options):
            raise InputError(f"{self.name} has {len(self.options)} options; got {len(choices)} choices")
        picked: dict[str, Any] = {}
        for option, choice in zip(self.options, choices, strict=False):
            at = int(choice) % len(option.values) if option.name in taken else 0
            picked[option.name] = option.values[at]
        return {**picked, **constants}
