"""Reading a JSON document whose every fault is told with its place: `figures[2].panels[0].series[1].y`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import InputError
from alignprops.harmless import DIRECTION, UNPRINTABLE

Interval = tuple[float, float]

#: What JSON has no numbers for, as our writers spell it.
SPELLED = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def cleaned(value: Any) -> Any:
    """A document whose texts hold nothing that a page cannot hold (it becomes U+FFFD), at any depth."""
    if isinstance(value, str):
        return DIRECTION.sub("", UNPRINTABLE.sub("\ufffd", value))
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return value


def number(value: Any) -> float | None:
    """A JSON number, or its spelling where JSON has none; None for anything else."""
    if isinstance(value, str):
        return SPELLED.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


class Fields:
    """An object of a document, and where it stands."""

    def __init__(self, value: Any, where: str, key: str = "") -> None:
        if not isinstance(value, dict):
            raise InputError(f"{where}: {key or 'the document'} is {_told(value)}; expected an object")
        self._value, self._where, self._key = value, where, key

    def refuse(self, key: str, expected: str) -> InputError:
        """The error for the value under `key`, or for its absence."""
        place = f"{self._key}.{key}" if self._key else key
        if key not in self._value:
            return InputError(f"{self._where}: {place} is missing; expected {expected}")
        return InputError(f"{self._where}: {place} is {_told(self._value[key])}; expected {expected}")

    @property
    def place(self) -> str:
        """The file, and where in it this object stands."""
        return f"{self._where}: {self._key}" if self._key else self._where

    def has(self, key: str) -> bool:
        """Whether there is something under `key`."""
        return self._value.get(key) is not None

    def raw(self, key: str) -> Any:
        """What stands under `key`, whatever it is; None if nothing does."""
        return self._value.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        found = self._value.get(key, default)
        if not isinstance(found, str):
            raise self.refuse(key, "a text")
        return found

    def flag(self, key: str, *, default: bool) -> bool:
        found = self._value.get(key, default)
        if not isinstance(found, bool):
            raise self.refuse(key, "true or false")
        return found

    def choice(self, key: str, names: Sequence[str], default: str | None = None) -> str:
        found = self._value.get(key, default)
        if found not in names:
            raise self.refuse(key, "one of " + ", ".join(names))
        return str(found)

    def number(self, key: str) -> float:
        found = number(self._value.get(key))
        if found is None:
            raise self.refuse(key, "a number")
        return found

    def number_or_none(self, key: str) -> float | None:
        return self.number(key) if self.has(key) else None

    def numbers(self, key: str, length: int | None = None) -> NDArray[np.float64]:
        """(n,) float64; null is nan."""
        found = self._value.get(key)
        expected = "a list of numbers" if length is None else f"a list of {length} numbers"
        if not isinstance(found, list) or (length is not None and len(found) != length):
            raise self.refuse(key, expected)
        values = [math.nan if item is None else number(item) for item in found]
        if None in values:
            raise self.refuse(key, expected)
        return np.array(values, dtype=np.float64)

    def interval(self, key: str) -> Interval | None:
        """Two numbers, the lower first; None if null, absent, or an end of it is."""
        if not self.has(key):
            return None
        low, high = (float(end) for end in self.numbers(key, 2))
        if math.isnan(low) or math.isnan(high):
            return None
        if low > high:
            raise self.refuse(key, "the lower end first")
        return low, high

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._value.get(key)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self.refuse(key, "a list of texts")
        return tuple(found)

    def items(self, key: str) -> list[Fields]:
        """The objects of the list under `key`; none if it is absent."""
        found = self._value.get(key, [])
        if not isinstance(found, list):
            raise self.refuse(key, "a list of objects")
        place = f"{self._key}.{key}" if self._key else key
        return [Fields(item, self._where, f"{place}[{at}]") for at, item in enumerate(found)]

    def item(self, key: str) -> Fields | None:
        """The object under `key`; None if null or absent."""
        place = f"{self._key}.{key}" if self._key else key
        return Fields(self._value[key], self._where, place) if self.has(key) else None

    def required(self, key: str) -> Fields:
        """The object under `key`."""
        found = self.item(key)
        if found is None:
            raise self.refuse(key, "an object")
        return found

    def pairs(self, key: str) -> dict[str, Any]:
        """The object under `key` as it is; empty if absent."""
        found = self._value.get(key) or {}
        if not isinstance(found, dict):
            raise self.refuse(key, "an object")
        return found


def _told(value: Any) -> str:
    """A value in a message, short."""
    kinds = {dict: "an object", list: f"a list of {len(value)}" if isinstance(value, list) else "", type(None): "null"}
    if type(value) in kinds:
        return kinds[type(value)]
    spelled = repr(value)
    return spelled if len(spelled) <= 40 else f"{spelled[:37]}…"
