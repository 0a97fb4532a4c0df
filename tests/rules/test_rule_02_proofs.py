"""Rule 2: what makes a theorem proved, and what a proof may not be."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp
from specimens import HONEST, HOST, QUICK, SQUARE, X, declare, squares
from sympy import Eq, Ge, Le

from alignprops import Certificate, Subject, Theorem, Verdict
from alignprops.engine import evaluate, prove

U, V = sp.symbols("u v", real=True)


def convex(**fields: Any) -> Theorem:
    """The tangent inequality s ≥ 2x − 1, true and tight at x = 1."""
    return declare(Ge(SQUARE, 2 * X - 1), squares, **fields)


def test_a_proof_of_the_statement_makes_it_proved() -> None:
    """The proof defines the statement's symbols; the engine decides the theorem's own relation."""
    claim = convex()
    claim.proof("s = x²", domain="all real x")(lambda: {SQUARE: X**2})
    proofs, found = prove(claim), evaluate(claim, HONEST, QUICK)

    assert proofs.verdict is found.verdict is Verdict.PROVED
    assert found.reason.endswith("; proved: s = x²")
    assert found.evidence["symbolic"] == {"lemmas": [], "statement": ["s = x²"]}
    told = {key: proofs.proofs[0][key] for key in ("name", "concludes", "status", "domain")}
    assert told == {"name": "s = x²", "concludes": "statement", "status": "proved", "domain": "all real x"}


def test_a_lemma_leaves_it_held_and_is_listed() -> None:
    """A lemma supports a theorem; it is not the theorem."""
    claim = convex()
    claim.proof("binomial", domain="all real x", lemma=True)(lambda: Eq((X - 1) ** 2, X**2 - 2 * X + 1, evaluate=False))
    proofs, found = prove(claim), evaluate(claim, HONEST, QUICK)

    assert proofs.verdict is found.verdict is Verdict.HELD
    assert found.reason.endswith("; lemmas: binomial")
    assert found.evidence["symbolic"] == {"lemmas": ["binomial"], "statement": []}


def test_a_refutation_outranks_a_proof() -> None:
    """A proof about x² is no help to a subject that does not square."""
    claim = convex()
    claim.proof("s = x²", domain="all real x")(lambda: {SQUARE: X**2})

    wrong = Subject("wrong", "specimen", lambda: lambda x: x * x - 1, exact=True)

    assert prove(claim).verdict is Verdict.PROVED
    assert evaluate(claim, wrong, QUICK).verdict is Verdict.REFUTED


def test_a_proof_is_of_the_statement_not_of_somebodys_code() -> None:
    """On the honest reference the theorem is proved; a host's subject is attacked, and held."""
    claim = convex()
    claim.proof("s = x²", domain="all real x")(lambda: {SQUARE: X**2})
    found = evaluate(claim, HOST, QUICK)

    assert found.verdict is Verdict.HELD
    assert found.evidence["symbolic"]["statement"] == ["s = x²"]


@pytest.mark.parametrize("literal", [True, sp.true, None, [], [True]], ids=repr)
def test_a_literal_proves_nothing(literal: Any) -> None:
    """A proof that returns `True` (or nothing) is an error, as a lemma and as a proof of the statement."""
    for lemma, told in ((True, "a literal decides nothing|nothing to decide"), (False, "expected definitions")):
        claim = convex()
        claim.proof("trust me", domain="everywhere", lemma=lemma)(lambda: literal)
        found = prove(claim)

        assert found.verdict is Verdict.ERROR
        assert found.proofs[0]["status"] == "error"
        assert any(part in found.reason for part in told.split("|")), found.reason


def test_a_relation_that_sympy_collapsed_is_an_error() -> None:
    """`Le(x, x)` is `true` before the engine sees it: it has to be built unevaluated."""
    claim = convex()
    claim.proof("collapsed", domain="everywhere", lemma=True)(lambda: Le(U, U))
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert "returned True: a literal decides nothing; return unevaluated relations (evaluate=False)" in found.reason


def test_a_proof_that_proves_a_mutant_is_an_error() -> None:
    """Definitions under which a wrong statement is just as provable say nothing of the right one."""
    mutants = {"weaker": Ge(2 * SQUARE, 4 * X - 2), "stronger": Ge(SQUARE, 2 * X + 1)}
    claim = declare(Ge(SQUARE, 2 * X - 1), squares, mutants=mutants)
    claim.proof("s = x²", domain="all real x")(lambda: {SQUARE: X**2})
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert "proof 's = x²' also proves the mutant 'weaker': it proves nothing" in found.reason
    assert evaluate(claim, HONEST, QUICK).verdict is Verdict.ERROR


def test_a_false_relation_is_refuted_at_a_random_point_before_it_is_decided() -> None:
    """Each relation is first evaluated at points of its domain."""
    claim = convex()
    claim.proof("hasty", domain="all real u", lemma=True)(lambda: Le(U**2, U**3, evaluate=False))
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert "is false at {'u': " in found.reason


def test_an_undecided_relation_is_an_error() -> None:
    """A proof is meant to be decided; one that resists is no proof."""
    claim = convex()
    claim.proof("too hard", domain="all real u, v", lemma=True)(
        lambda: Ge(sp.exp(U) + sp.exp(-U) + U**4 * sp.cos(V) ** 2, 2 + U**2, evaluate=False)
    )
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert found.proofs[0]["status"] == "undecided"
    assert "sympy could not decide" in found.reason


def test_every_relation_of_a_lemma_must_be_decided() -> None:
    """One undecided among several spoils the proof."""
    claim = convex()
    claim.proof("several", domain="all real u", lemma=True)(
        lambda: [Ge(U**2, 0 * V, evaluate=False), Ge(sp.exp(U) + sp.exp(-U) + V**2, 2 + U**2, evaluate=False)]
    )

    assert prove(claim).proofs[0]["status"] == "undecided"


def test_a_proof_that_raises_is_an_error_of_that_proof() -> None:
    """A bug in a proof is told as one, with the exception."""
    claim = convex()
    claim.proof("broken", domain="everywhere", lemma=True)(lambda: 1 / 0)
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert "broken: error (ZeroDivisionError: division by zero)" in found.reason


def test_a_definition_that_fixes_a_symbol_proves_only_a_case() -> None:
    """x = 1 is a special case of the statement: a lemma at most."""
    claim = convex()
    claim.proof("at 1", domain="x = 1")(lambda: {SQUARE: sp.Integer(1), X: sp.Integer(1)})
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert "fixes s, x: that proves a special case, a lemma" in found.reason


def test_definitions_of_foreign_symbols_are_refused() -> None:
    """A proof defines the symbols of its theorem, and no others."""
    claim = convex()
    claim.proof("foreign", domain="everywhere")(lambda: {U: X**2})

    assert "proof 'foreign' defines u, not a symbol of specimen.square.holds" in prove(claim).reason


def test_a_certificate_is_a_lemma_with_its_domain() -> None:
    """A proof by interval arithmetic tells its box."""
    claim = convex()
    relation = Le(sp.tanh(U), U, evaluate=False)
    claim.proof("tanh", domain="0 < u ≤ 4", lemma=True)(
        lambda: Certificate(relation, {U: (sp.Rational(1, 8), sp.Integer(4))})
    )
    found = prove(claim)

    assert found.verdict is Verdict.HELD
    assert "branch and bound" in found.proofs[0]["method"]
    assert found.proofs[0]["domain"] == "0 < u ≤ 4"


def test_without_a_proof_a_line_must_say_why() -> None:
    """Nothing symbolic is a statement too, and has its reason."""
    told = prove(convex(no_proof="it is a definition"))

    assert told.verdict is Verdict.NOT_APPLICABLE
    assert told.reason == "no proof: it is a definition"
    assert prove(convex()).verdict is Verdict.ERROR
    assert prove(convex()).reason == "neither a proof nor a line that says why not"


def test_two_proofs_of_one_name_are_refused() -> None:
    """Reports tell proofs apart by their names."""
    claim = convex()
    claim.proof("twice", domain="everywhere")(lambda: {SQUARE: X**2})

    with pytest.raises(Exception, match=r"specimen.square.holds: two proofs are named 'twice'"):
        claim.proof("twice", domain="everywhere")
