"""Options that are accepted and ignored: every keyword is varied, and must change something or be refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np

from alignprops.conformance.call import Call, Found
from alignprops.conformance.conformer import Conformer


class Case(Protocol):
    """One conformer on one generic problem, of whatever kind."""

    def call(self) -> Call:
        """A call with fresh tensors."""
        ...

    def run(self, call: Call) -> Found:
        """What the conformer makes of it, with gradients."""
        ...


@dataclass(frozen=True, slots=True)
class Liveness:
    """How many of the accepted options are alive, and the names of those that are not, or misread a spelling."""

    accepted: int
    dead: tuple[str, ...]

    @property
    def live(self) -> int:
        return self.accepted - len(self.dead)


def liveness(subject: Conformer, case: Case) -> Liveness:
    """Vary each option on the case: those of the formula over their values, others by their type.

    An option is alive if two of its values give different outputs or gradients, or if one is taken and another refused
    with an exception; beside the case's own values for the other options also their defaults are tried. One whose
    default is the member of an enum must take its value for the same thing, or refuse it.
    """
    formula = {option.name: option.values for option in subject.specification.options if option.name in subject.options}
    others = {name: tuple(_variations(default)) for name, default in subject.extras.items()}
    defaults = {name: values[0] for name, values in formula.items()}
    dead = [
        name
        for name, values in {**formula, **others}.items()
        if not any(_alive(case, name, values, surroundings) for surroundings in ({}, defaults))
    ]
    dead += [name for name, default in subject.extras.items() if name not in dead and _misread(case, name, default)]
    return Liveness(len(formula) + len(others), tuple(dead))


def _misread(case: Case, name: str, default: Any) -> bool:
    """Whether a member of an enum and its value are taken for different things."""
    members = type(default) if isinstance(default, Enum) else ()
    return any(_read_in_two_ways(case, name, member) for member in members)


def _read_in_two_ways(case: Case, name: str, member: Enum) -> bool:
    try:
        pair = [case.run(case.call().with_options(**{name: spelt})) for spelt in (member, member.value)]
    except Exception:  # noqa: BLE001  # refused, whatever is raised
        return False
    return _differ(*pair)


def _alive(case: Case, name: str, values: tuple[Any, ...], surroundings: Mapping[str, Any]) -> bool:
    """Whether a value is taken, and another gives something else or is refused: code that refuses all tells nothing."""
    taken: list[Found] = []
    refused = False
    for value in values:
        try:
            taken.append(case.run(case.call().with_options(**{**surroundings, name: value})))
        except Exception:  # noqa: BLE001  # whatever it raises, the value was not ignored
            refused = True
        if taken and (refused or _differ(taken[0], taken[-1])):
            return True
    return False


def _differ(a: Found, b: Found) -> bool:
    if set(a.outputs) != set(b.outputs):
        return True
    pairs = [(a.outputs[name], b.outputs[name]) for name in a.outputs]
    pairs += [(a.gradients[name], b.gradients[name]) for name in a.gradients]
    return any(x.shape != y.shape or not np.array_equal(x, y, equal_nan=True) for x, y in pairs)


def _variations(default: Any) -> Iterator[Any]:
    """The default, and other values of its sort."""
    yield default
    if isinstance(default, bool):
        yield not default
    elif isinstance(default, Enum):
        yield from (member for member in type(default) if member is not default)
    elif isinstance(default, int):
        yield from (default + 1, 2 * default + 3, -1 - default)
    elif isinstance(default, float):
        yield from (default + 0.25, 2 * default + 1.0, 0.0)
    elif isinstance(default, str):
        yield "no such value"
    else:
        yield from (True, 0.25, 2, "no such value")
