"""Rule 4: every theorem can fail, and is seen to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st
from specimens import COUNTERFEIT, HONEST, IDENTITY, QUICK, SQUARE, Number, X, declare, numbers, squares
from sympy import Eq, Ge, Le, Lt

from alignprops import Mutant, Settings, TheoremError, Verdict
from alignprops.engine import attack_mutants, evaluate


def fates(result: Any) -> dict[str, bool]:
    """Which mutant was killed."""
    return {mutant["name"]: mutant["killed"] for mutant in result.mutants}


def test_mutants_that_die_are_told_with_their_killer() -> None:
    """The report says by what each mutant was killed, and after how many inputs."""
    found = attack_mutants(IDENTITY, QUICK)

    assert found.verdict is Verdict.HELD
    assert found.reason == "2 of 2 mutants killed"
    assert fates(found) == {"2 times": True, "3 times": True}
    assert all(mutant["by"] == "generated, balls" and mutant["examples"] >= 1 for mutant in found.mutants)


def test_a_survivor_is_an_error() -> None:
    """A mutant that lives shows a statement that could be weakened, or instances that are too tame."""
    weak = declare(Ge(SQUARE, -1), squares, mutants={"weaker": Ge(SQUARE, -2), "wrong": Ge(SQUARE, 1)})
    found = attack_mutants(weak, QUICK)

    assert found.verdict is Verdict.ERROR
    assert found.reason == "1 of 2 mutants killed; alive: weaker"
    assert [m for m in found.mutants if not m["killed"]] == [
        {"name": "weaker", "killed": False, "by": None, "examples": QUICK.mutant_examples}
    ]


def test_a_mutated_premise_is_attacked_with_the_statement() -> None:
    """A premise that is not needed can be dropped without harm: such a mutant survives."""
    needed = declare(
        Ge(SQUARE, X), squares, given={"large": Ge(X, 1)},
        mutants={"no lower end": Mutant(given={"large": Ge(X, -8)}), "square lost": Ge(X, SQUARE)},
    )  # fmt: skip
    idle = declare(
        Ge(SQUARE, 2 * X - 1), squares, given={"large": Ge(X, 1)},
        mutants={"no lower end": Mutant(given={"large": Ge(X, -8)}), "square lost": Ge(X, SQUARE)},
    )  # fmt: skip

    assert fates(attack_mutants(needed, QUICK)) == {"no lower end": True, "square lost": True}
    assert fates(attack_mutants(idle, QUICK)) == {"no lower end": False, "square lost": True}


def test_a_mutant_may_bring_its_own_instances() -> None:
    """Where the theorem's instances would hardly ever show it."""
    far = declare(
        Ge(SQUARE, X), squares, on=st.sampled_from([Number(2.0), Number(3.0)]),
        mutants={
            "far away": Mutant(states=Ge(SQUARE, X + 50), on=st.just(Number(1.0))),
            "nearby": Ge(SQUARE, X + 50),
            "beyond": Ge(SQUARE, X + 10),
        },
    )  # fmt: skip

    assert fates(attack_mutants(far, QUICK)) == {"far away": True, "nearby": True, "beyond": True}
    only = declare(
        Ge(SQUARE, X), squares, on=st.just(Number(8.0)),
        mutants={"seen": Mutant(states=Ge(SQUARE, X + 1), on=st.just(Number(1.0))), "unseen": Ge(SQUARE, X + 1)},
    )  # fmt: skip
    assert fates(attack_mutants(only, QUICK)) == {"seen": True, "unseen": False}


def test_named_examples_are_tried_on_mutants_first() -> None:
    """An instance that was found by thought kills before any is generated."""
    claim = declare(
        Ge(SQUARE, 2 * X - 1), squares, examples={"ridge": Number(1.0)},
        mutants={"1e-9": Ge(SQUARE, (2 * X - 1) + sp.Rational(1, 10**9)), "off": Ge(SQUARE, 2 * X)},
    )  # fmt: skip
    found = attack_mutants(claim, QUICK)

    assert [mutant["by"] for mutant in found.mutants] == ["ridge, balls", "ridge, balls"]


def test_a_measure_that_raises_makes_the_mutants_an_error() -> None:
    """No traceback: the verdict carries the reason."""

    def raising(subject: Any, number: Number) -> Any:
        raise ValueError(f"cannot square {number.x}")

    found = attack_mutants(declare(Eq(SQUARE, X**2), raising), QUICK)

    assert found.verdict is Verdict.ERROR
    assert found.reason.startswith("ValueError: cannot square ")


def test_a_strategy_that_raises_makes_the_mutants_an_error() -> None:
    """So does a defect in the generation of instances."""

    def failing(number: Number) -> Number:
        raise KeyError("no such cloud")

    found = attack_mutants(declare(Eq(SQUARE, X**2), squares, on=numbers.map(failing)), QUICK)

    assert found.verdict is Verdict.ERROR
    assert found.reason == "the instances cannot be generated: KeyError: 'no such cloud'"


def test_a_mutant_without_finite_sides_is_not_killed_by_that() -> None:
    """Only a finite violation kills: dividing by 0 proves nothing."""
    claim = declare(
        Ge(SQUARE, X - 1), squares, given={"not 0": Ge(sp.Abs(X), sp.Rational(1, 16))},
        mutants={"blown": Ge(SQUARE + 10, -1 / (X - X**3 / 64)), "wrong": Le(SQUARE, X)},
    )  # fmt: skip
    found = attack_mutants(claim, QUICK)

    assert fates(found)["wrong"]
    assert found.verdict in (Verdict.HELD, Verdict.ERROR)
    zero = declare(
        Ge(SQUARE, X - 1),
        squares,
        on=st.just(Number(0.0)),
        mutants={"blown": Ge(SQUARE, 1 / X), "wrong": Ge(X, SQUARE + 1)},
    )
    assert fates(attack_mutants(zero, QUICK)) == {"blown": False, "wrong": True}


def test_a_time_cap_leaves_the_hunt_inconclusive() -> None:
    """What time did not allow is not held against the theorem, nor for it."""
    weak = declare(Ge(SQUARE, -1), squares, mutants={"weaker": Ge(SQUARE, -2), "wrong": Ge(SQUARE, 99)})
    found = attack_mutants(weak, Settings(mutant_examples=10, max_seconds=0.0))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason.startswith("the time cap ended the hunt: 0 of 2 mutants killed")


@pytest.mark.parametrize(
    ("states", "mutants", "fields", "enough"),
    [
        (Le(SQUARE, X), ["a", "b"], {}, True),
        (Le(SQUARE, X), ["a"], {}, False),
        (Le(SQUARE, X), ["a"], {"counterfeits": True}, True),
        (Le(SQUARE, X), [], {"counterfeits": True}, False),
        (Eq(SQUARE, X), ["a"], {}, True),
        (Eq(SQUARE, X), [], {}, False),
        (Eq(SQUARE, X), [], {"counterfeits": True}, True),
        ({"identity": Eq(SQUARE, X), "bound": Le(SQUARE, X)}, ["a"], {}, False),
    ],
    ids=repr,
)
def test_how_many_mutants_a_theorem_needs(states: Any, mutants: list[str], fields: Any, enough: bool) -> None:
    """Two for bounds, one for identities, one less where a counterfeit is the better test."""
    wrong = {name: Lt(SQUARE + k, X) for k, name in enumerate(mutants)}
    if enough:
        assert set(declare(states, squares, mutants=wrong, **fields).mutants) == set(mutants)
        return
    with pytest.raises(
        TheoremError, match=rf"{len(mutants)} mutants, at least . needed: a theorem must be seen to fail"
    ):
        declare(states, squares, mutants=wrong, **fields)


def test_a_counterfeit_is_refuted() -> None:
    """A subject made wrong on purpose is told from the honest one."""
    assert evaluate(IDENTITY, HONEST, QUICK).verdict is Verdict.HELD
    found = evaluate(IDENTITY, COUNTERFEIT, QUICK)

    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["simplest"].instance == Number(1.0) or abs(found.witness["simplest"].instance.x) <= 1
    assert np.isfinite(found.witness["worst"].instance.x)
