"""Toy theorems about squaring numbers, small enough to see at a glance what the engine must say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from numpy.typing import NDArray
from sympy.core.relational import Relational

from alignprops import Kind, Ref, Rounding, Settings, Subject, Theorem, register_kind, theorem

A, B, C = sp.symbols("a b c", real=True)
#: The square of x, as the subject gives it, and what it is squared from.
SQUARE, X = sp.symbols("s x", real=True)
N = sp.Symbol("n", integer=True, positive=True)

QUICK = Settings(max_examples=30, mutant_examples=60)


@dataclass(frozen=True)
class Number:
    """An instance of one number."""

    x: float


@dataclass(frozen=True)
class Numbers:
    """An instance of an array (n,)."""

    values: NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """An instance of two numbers."""

    x: float
    y: float


def square(x: Any) -> Any:
    """The honest subject: x²."""
    return x * x


def doubled(x: Any) -> Any:
    """A counterfeit: 2x."""
    return 2 * x


HONEST = Subject("toy", "specimen", lambda: square, exact=True)
#: The same function as a host would bring it: it cannot be measured again on balls.
HOST = Subject("host", "specimen", lambda: square)
COUNTERFEIT = Subject("counterfeit/doubled", "specimen", lambda: doubled, exact=True)
register_kind(Kind("specimen", "called with x, returns x²", (HONEST,), {"doubled": COUNTERFEIT}))

#: Dyadic numbers: squares and sums of a few are exact in float64.
eighths = st.integers(-64, 64).map(lambda k: k / 8)
numbers = eighths.map(Number)
pairs = st.builds(Pair, eighths, eighths)
arrays = st.lists(eighths, min_size=1, max_size=5).map(lambda row: Numbers(np.array(row)))

Gives = Callable[[Callable[[Any], Any], Any], Any]


def declare(
    states: Any,
    gives: Gives,
    *,
    on: SearchStrategy[Any] = numbers,
    of: type = Number,
    operations: float = 4,
    theorem_id: str = "specimen.square.holds",
    kind: str = "specimen",
    mutants: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Theorem:
    """A theorem over the measure `gives`, with mutants if none are given."""

    def measure(subject: Any, instance: Any) -> Any:
        """A specimen."""
        return gives(subject, instance)

    measure.__annotations__["instance"] = of
    made: Theorem = theorem(
        theorem_id,
        states=states,
        source=Ref("specimen", "here"),
        on=on,
        rounding=Rounding(operations, "a few roundings"),
        kind=kind,
        mutants=_wrong(states) if mutants is None else mutants,
        **fields,
    )(measure)
    return made


def _wrong(states: Any) -> dict[str, Any]:
    """Two wrong versions of the first relation."""
    name, relation = next(iter(states.items())) if isinstance(states, Mapping) else ("statement", states)
    relation = getattr(relation, "relation", relation)
    if not isinstance(relation, Relational):
        return {}
    return {f"{k} times": {name: relation.func(relation.lhs * k + 1, relation.rhs)} for k in (2, 3)}


def squares(subject: Any, number: Number) -> dict[sp.Symbol, Any]:
    """What most specimens measure: x, and the subject's square of it."""
    return {X: number.x, SQUARE: subject(number.x)}


IDENTITY = declare(sp.Eq(SQUARE, X**2), squares, theorem_id="specimen.square.identity")
"""s = x²: exact in floats on the grid of eighths."""


def rows(subject: Any, numbers: Numbers) -> dict[sp.Symbol, Any]:
    """The same, element by element."""
    return {X: numbers.values, SQUARE: subject(numbers.values)}
