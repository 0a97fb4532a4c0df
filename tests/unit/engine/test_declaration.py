"""Declaring a theorem: what is accepted, what is refused, and what it then knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import sympy as sp
from specimens import IDENTITY, SQUARE, Number, X, declare, numbers, squares
from sympy import Eq, Ge, Le

from alignprops import Mutant, Ref, Rounding, Theorem, TheoremError, Tight, theorem
from alignprops.theorems import Under, mutant_given, mutant_states

HIDDEN = sp.Symbol("hidden", real=True)


def decorate(measure: Any, **fields: Any) -> Theorem:
    """Declare a theorem the plain way."""
    given = {
        "states": Eq(SQUARE, X**2),
        "source": Ref("euclid", where="II.4"),
        "on": numbers,
        "rounding": Rounding(2, "one product"),
        "mutants": {"off": Eq(SQUARE, X)},
        **fields,
    }
    made: Theorem = theorem("specimen.square.plain", **given)(measure)
    return made


def plain(square: Any, number: Number) -> Any:
    """A square is a square.

    With a second paragraph.
    """
    return {X: number.x, SQUARE: square(number.x)}


def test_a_theorem_reads_like_the_paper() -> None:
    """Title, text, source and instance type come from the declaration itself."""
    made = decorate(plain)

    assert made.title == "A square is a square."
    assert made.doc.endswith("With a second paragraph.")
    assert str(made.source) == "euclid, II.4"
    assert made.instance_type is Number
    assert made.module == __name__
    assert repr(made) == "<theorem specimen.square.plain>"
    assert made.kind == "last-layer"


@pytest.mark.parametrize("theorem_id", ["a.b", "learning-dynamics.update-rate.upper-bound", "a1.b2.c-3"])
def test_ids_that_are_accepted(theorem_id: str) -> None:
    """Lower-case words with hyphens, joined by dots."""
    assert declare(Eq(SQUARE, X**2), squares, theorem_id=theorem_id).id == theorem_id


@pytest.mark.parametrize(
    "theorem_id", ["", "single", "A.b", "a..b", ".a.b", "a.b.", "a_b.c", "a.b::c", "a.-b", "a b.c", "a.b\n"]
)
def test_ids_that_are_refused(theorem_id: str) -> None:
    """The message says what is expected."""
    with pytest.raises(TheoremError, match=r"theorem id .*: expected family\.assertion or family\.aspect\.assertion"):
        declare(Eq(SQUARE, X**2), squares, theorem_id=theorem_id)


def test_a_measure_needs_a_docstring() -> None:
    """Its first line is the claim in words."""

    def silent(square: Any, number: Number) -> Any:
        return {}

    with pytest.raises(TheoremError, match=r"the measure needs a docstring; its first line is the theorem's title"):
        decorate(silent)


def test_a_measure_takes_a_subject_and_an_instance() -> None:
    """Neither less nor more."""

    def single(number: Number) -> Any:
        """One argument."""

    with pytest.raises(TheoremError, match=r"the measure takes 1 arguments, expected \(subject, instance\)"):
        decorate(single)


def test_a_measure_annotates_its_instance_with_a_dataclass() -> None:
    """Witnesses are rebuilt as that type."""

    def unknown(square: Any, number):  # type: ignore[no-untyped-def]
        """No annotation."""

    def primitive(square: Any, number: float) -> Any:
        """Not a dataclass."""

    for measure in (unknown, primitive):
        with pytest.raises(TheoremError, match=r"annotate 'number' with the dataclass of its instances, not"):
            decorate(measure)


def test_symbols_are_those_of_everything_that_is_measured() -> None:
    """Statement, premises (also of one relation alone) and mutants; no others."""
    first, second, third, fourth = sp.symbols("p q r t", real=True)
    made = declare(
        {"one": Eq(SQUARE, X**2), "two": Under({"own": Ge(first, X)}, Ge(SQUARE, X - second))},
        squares,
        given={"all": Ge(third, X)},
        mutants={"m": {"one": Eq(SQUARE, X)}, "n": Mutant(given={"all": Ge(fourth, X)})},
    )

    assert made.symbols == {SQUARE, X, first, second, third, fourth}
    assert HIDDEN not in made.symbols


def test_a_mutant_takes_from_the_theorem_what_it_does_not_say() -> None:
    """States or premises."""
    made = declare(
        Ge(SQUARE, X), squares, given={"large": Ge(X, 1)},
        mutants={"states": Ge(SQUARE, X + 1), "premise": Mutant(given={"large": Ge(X, 0)})},
    )  # fmt: skip
    states, premise = made.mutants["states"], made.mutants["premise"]

    assert mutant_states(made, states) == {"statement": Ge(SQUARE, X + 1)}
    assert mutant_given(made, states) == made.given
    assert mutant_states(made, premise) == made.states
    assert mutant_given(made, premise) == {"large": Ge(X, 0)}


def test_a_mutant_of_one_of_several_relations_is_named_after_it() -> None:
    """Where relations have premises of their own, the name tells which apply."""
    states = {"one": Eq(SQUARE, X**2), "two": Under({"own": Ge(X, 1)}, Ge(SQUARE, X))}
    with pytest.raises(
        TheoremError, match=r"mutant 'm' states \['three'\], expected the name of the relation that it breaks"
    ):
        declare(states, squares, mutants={"m": {"three": Ge(SQUARE, 2 * X)}, "n": {"two": Ge(SQUARE, 3 * X)}})


def test_a_tight_instance_belongs_to_a_relation() -> None:
    """A name that the theorem does not state is refused."""
    with pytest.raises(TheoremError, match=r"tight instance 'edge' is of 'other', expected statement"):
        declare(Le(SQUARE, X), squares, tight={"edge": Tight(Number(1.0), 1.0, of="other")})


def test_rounding_counts_a_number_or_a_function() -> None:
    """With the reason beside it."""
    assert Rounding(3, "why").count(Number(1.0)) == 3.0
    assert Rounding(lambda number: number.x * 2, "why").count(Number(4.0)) == 8.0


def test_theorems_are_compared_by_identity() -> None:
    """Two declarations are two theorems, also with the same content."""
    assert declare(Eq(SQUARE, X**2), squares) != declare(Eq(SQUARE, X**2), squares)
    assert len({IDENTITY, IDENTITY}) == 1


def test_a_measure_may_be_local_to_a_test() -> None:
    """Its annotation is resolved where it stands, if it is a type."""

    @dataclass(frozen=True)
    class Local:
        x: float

    def measured(square: Any, number: Any) -> Any:
        """A specimen."""
        return {X: number.x, SQUARE: square(number.x)}

    measured.__annotations__["number"] = Local

    assert decorate(measured, on=numbers.map(lambda number: Local(number.x))).instance_type is Local
