"""How mistakes are planted in advantages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from alignprops.conformance.advantage_torch import TorchInGroups, TorchOverTime
from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer

Plant = Callable[[Conformer], Conformer | None]


def planted(make: Any, *, forms: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Plant:
    """A plant that puts a wrong class in the place of the honest one of its family."""

    def plant(honest: Conformer) -> Conformer | None:
        family: Any = TorchOverTime if getattr(honest.specification, "over_time", False) else TorchInGroups
        fits = issubclass(make, family) and (not forms or honest.form in forms)
        if not fits or (names and honest.specification.name not in names):
            return None
        return replace(honest, function=make(honest.specification, honest.variant, honest.form))

    return plant


@dataclass(frozen=True, eq=False)
class _WithOption:
    """The honest code, called with another value of an option than it is given."""

    honest: Callable[[Call], Mapping[str, Any]]
    option: str
    value: Any

    def __call__(self, call: Call) -> Mapping[str, Any]:
        return self.honest(call.with_options(**{self.option: self.value}))


def ignored(option: str, value: Any) -> Plant:
    """A plant that accepts an option and ignores it."""

    def plant(honest: Conformer) -> Conformer | None:
        if option not in honest.options:
            return None
        return replace(honest, function=_WithOption(honest.function, option, value))

    return plant
