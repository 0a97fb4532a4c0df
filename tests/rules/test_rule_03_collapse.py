"""Rule 3: sympy must not collapse a statement, a premise or a mutant."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp
from specimens import SQUARE, Number, X, declare, squares
from sympy import Eq, Ge, Gt, Le, Lt, Ne

from alignprops import Mutant, TheoremError, Tight

POSITIVE = sp.Symbol("p", positive=True)
COLLAPSED = {
    "equal sides": Le(X, X),
    "known sign": Ge(POSITIVE, 0),
    "impossible": Lt(POSITIVE, 0),
    "a Python bool": True,
    "not a relation": X,
}
DECIDED = {
    "unevaluated equal sides": Le(X, X, evaluate=False),
    "equal after expansion": Eq((X + 1) ** 2, X**2 + 2 * X + 1, evaluate=False),
    "apart by a constant": Le(X, X + 1, evaluate=False),
    "an inequation": Ne(SQUARE, X),
    "no symbols": Le(sp.sqrt(2), sp.Rational(3, 2), evaluate=False),
}


@pytest.mark.parametrize("states", COLLAPSED.values(), ids=COLLAPSED)
def test_a_collapsed_statement_is_rejected(states: Any) -> None:
    """What sympy decided while it was built would check nothing."""
    with pytest.raises(TheoremError, match=r"statement 'statement' is .*, not a sympy relation: sympy collapsed it"):
        declare(states, squares)


@pytest.mark.parametrize("states", DECIDED.values(), ids=DECIDED)
def test_a_statement_that_is_decided_beforehand_is_rejected(states: Any) -> None:
    """An unevaluated relation is no way around it."""
    told = "(is decided before anything is measured|rounding would always grant an inequation)"
    with pytest.raises(TheoremError, match=rf"statement 'statement', .*{told}"):
        declare(states, squares)


def test_one_of_several_statements_is_named() -> None:
    """The relation that collapsed is told by its name."""
    with pytest.raises(TheoremError, match=r"statement 'second' is True|statement 'second' is true"):
        declare({"first": Eq(SQUARE, X**2), "second": Le(X, X)}, squares)


def test_a_theorem_that_states_nothing_is_rejected() -> None:
    """No relation at all would hold for ever."""
    with pytest.raises(TheoremError, match=r"specimen.square.holds states nothing"):
        declare({}, squares, mutants={"any": Le(SQUARE, X)})


@pytest.mark.parametrize("states", [Le(SQUARE, 0.1 * X), Le(SQUARE, sp.atan(X))], ids=str)
def test_what_has_no_exact_value_is_rejected(states: Any) -> None:
    """A rounded constant or an unknown function is told when the theorem is declared, not when it is run."""
    with pytest.raises(TheoremError, match=r"has no numeric form here"):
        declare(states, squares)


def test_an_example_and_a_tight_instance_of_one_name_are_rejected() -> None:
    """One of them would silently not be tried."""
    with pytest.raises(TheoremError, match=r"'edge'. are names of an example and of a tight instance; rename one"):
        declare(Le(SQUARE, X**2), squares, examples={"edge": Number(1.0)}, tight={"edge": Tight(Number(2.0), 0.5)})


def test_a_collapsed_premise_is_rejected() -> None:
    """A premise that is always true guards nothing; one that is never true lets nothing through."""
    for given in (Ge(POSITIVE, 0), Lt(POSITIVE, 0)):
        with pytest.raises(TheoremError, match=r"premise 'sign' is .*, not a sympy relation"):
            declare(Eq(SQUARE, X**2), squares, given={"sign": given})


def test_a_collapsed_mutant_is_rejected() -> None:
    """A mutant that is decided before it is measured says nothing of the measure."""
    with pytest.raises(TheoremError, match=r"mutant 'gone' 'statement' is .*, not a sympy relation"):
        declare(Eq(SQUARE, X**2), squares, mutants={"gone": Le(X, X)})
    with pytest.raises(TheoremError, match=r"premise of mutant 'gone' 'sign' is"):
        declare(Eq(SQUARE, X**2), squares, mutants={"gone": Mutant(given={"sign": Ge(POSITIVE, 0)})})


@pytest.mark.parametrize(
    "mutant",
    [
        Le(SQUARE, X**2),
        Ge(X**2, SQUARE),
        Le(SQUARE + 1, X**2 + 1),
        Le(0, X**2 - SQUARE),
        Mutant(),
        Mutant(on=None),
    ],
    ids=str,
)
def test_a_mutant_that_equals_its_statement_is_rejected(mutant: Any) -> None:
    """Written another way round it is still the statement."""
    with pytest.raises(TheoremError, match=r"mutant 'same' equals the statement it should break"):
        declare(Le(SQUARE, X**2), squares, mutants={"same": mutant, "other": Le(SQUARE, X)})


@pytest.mark.parametrize("mutant", [Lt(SQUARE, X**2), Eq(SQUARE, X**2), Gt(SQUARE, X**2)], ids=str)
def test_a_mutant_of_another_kind_is_accepted(mutant: Any) -> None:
    """Strictness and direction make a difference."""
    made = declare(Le(SQUARE, X**2), squares, mutants={"other": mutant, "more": Le(SQUARE, X)})

    assert list(made.mutants) == ["other", "more"]


def test_identities_are_compared_up_to_sign() -> None:
    """a = b and b = a are one identity."""
    with pytest.raises(TheoremError, match=r"mutant 'turned' equals the statement it should break"):
        declare(Eq(SQUARE, X**2), squares, mutants={"turned": Eq(X**2, SQUARE)})
