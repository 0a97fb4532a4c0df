"""Rule 12: `held` is not a proof, and what is reported lets nobody take it for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from specimens import HONEST, QUICK, SQUARE, Number, X, declare, squares
from sympy import Eq, Ge, Le

from alignprops import Settings, Tight, Verdict
from alignprops.engine import attack_mutants, evaluate, prove


def test_a_false_statement_can_be_held() -> None:
    """No instance of the strategy shows it: only more or other instances, or a proof, could tell."""
    found = evaluate(declare(Le(SQUARE, 64), squares), HONEST, QUICK)

    assert found.verdict is Verdict.HELD
    assert evaluate(declare(Le(SQUARE, 64), squares, examples={"far": Number(9.0)}), HONEST, QUICK).verdict.fails


def test_how_many_inputs_were_effective_is_told() -> None:
    """In the reason and in the evidence."""
    found = evaluate(declare(Ge(SQUARE, X), squares, given={"large": Ge(X, 1)}, min_effective=1), HONEST, QUICK)
    told = found.evidence["sampled"]

    assert 0 < told["effective"] < told["examples"] == QUICK.max_examples
    assert found.reason == f"{told['effective']} effective of {told['examples']} examples"


def test_how_close_a_bound_came_is_told() -> None:
    """Tightness 1 is attained; a loose bound shows a small ratio and a large slack."""
    tight = evaluate(declare(Le(X, 8), squares), HONEST, Settings(max_examples=200)).evidence["sampled"]
    loose = evaluate(declare(Le(X, 800), squares), HONEST, Settings(max_examples=200)).evidence["sampled"]

    assert tight["tightness"] == 1.0
    assert tight["slack"] == 0.0
    assert loose["tightness"] <= 0.01
    assert loose["slack"] > 1e10


def test_an_identity_has_no_tightness() -> None:
    """There is nothing to be close to."""
    told = evaluate(declare(Eq(SQUARE, X**2), squares), HONEST, QUICK).evidence["sampled"]

    assert told["tightness"] is None


def test_a_bound_that_is_declared_sharp_must_be_seen_to_be() -> None:
    """A tight instance that does not get as close as declared is an error in the theorem."""
    sharp = declare(Le(X, SQUARE), squares, given={"large": Ge(X, 1)}, tight={"one": Tight(Number(1.0), 1.0)})
    blunt = declare(Le(X, SQUARE + 1), squares, given={"large": Ge(X, 1)}, tight={"one": Tight(Number(1.0), 0.9)})

    assert evaluate(sharp, HONEST, Settings(max_examples=100)).verdict is Verdict.HELD
    found = evaluate(blunt, HONEST, Settings(max_examples=100))
    assert found.verdict is Verdict.ERROR
    assert "'statement' is declared sharp at 'one' to a ratio of 0.9; the largest seen is 0." in found.reason


def test_a_subject_of_a_user_need_not_be_sharp() -> None:
    """That a bound is attained is a claim about the theorem, checked on the honest reference only."""
    from alignprops import Subject

    timid = Subject("timid", "specimen", lambda: lambda x: x * x + 9)
    sharp = declare(Le(X, SQUARE), squares, given={"large": Ge(X, 1)}, tight={"one": Tight(Number(1.0), 1.0)})

    assert evaluate(sharp, timid, Settings(max_examples=100)).verdict is Verdict.HELD


def test_lemmas_are_not_a_proof_of_the_statement() -> None:
    """A theorem whose lemmas are all proved is held, with its lemmas listed."""
    claim = declare(Ge(SQUARE, 2 * X - 1), squares)
    claim.proof("binomial", domain="all real x", lemma=True)(lambda: Ge((X - 1) ** 2, 0 * SQUARE, evaluate=False))
    found = evaluate(claim, HONEST, QUICK)

    assert prove(claim).verdict is found.verdict is Verdict.HELD
    assert found.reason.endswith("; lemmas: binomial")


def test_results_are_no_truth_values() -> None:
    """`assert evaluate(…)` would pass whatever came out."""
    claim = declare(Eq(SQUARE, X**2), squares, no_proof="a definition")
    for result in (evaluate(claim, HONEST, QUICK), attack_mutants(claim, QUICK), prove(claim)):
        with pytest.raises(TypeError, match=r"a result is no truth value; compare .* verdict"):
            bool(result)


def test_the_documentation_says_how_to_read_it() -> None:
    """Where the verdicts are explained, `held` is told from a proof."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("| `held`")]

    assert "not a proof" in line
    assert "effective" in line
    assert "tight" in line
