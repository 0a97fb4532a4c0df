"""Rule 9: certificates decide inequalities on boxes, give up honestly, and tell their domain."""

from __future__ import annotations

import pytest
import sympy as sp
from specimens import SQUARE, X, declare, squares
from sympy import Abs, Eq, Ge, Gt, Le, Lt, Rational, cos, cosh, exp, log, pi, sin, sqrt, tanh

from alignprops import Certificate, TheoremError, Verdict
from alignprops.atoms import log1mexp, log_cosh, sigmoid, softplus, tanhc
from alignprops.engine import prove
from alignprops.evidence.certificate import certify

u, v = sp.symbols("u v", real=True)
HALF = Rational(1, 2)

TRUE = {
    "tanh below the line": Certificate(Lt(tanh(u), u), {u: (Rational(1, 8), 4)}),
    "away from the edge": Certificate(Ge(exp(u), 1 + u + u**2 / 3), {u: (Rational(1, 100), 2)}),
    "two variables": Certificate(Gt(u**2 + v**2 + 1, 2 * u * v + HALF), {u: (-1, 1), v: (-1, 1)}),
    "a thin gap": Certificate(Ge(u**2 - 2 * u + 1 + Rational(1, 10**6), 0), {u: (0, 2)}),
    "irrational ends": Certificate(Gt(sin(u), 0), {u: (Rational(1, 10), 3)}),
    "ends as expressions": Certificate(Gt(cos(u), 0), {u: (-pi / 3, sqrt(2))}),
    "atoms": Certificate(Lt(softplus(u), log(2) + u / 2 + u**2 / 8 + Rational(1, 100)), {u: (-8, 8)}),
    "a bounded slope": Certificate(Le(sigmoid(u) * sigmoid(-u), Rational(26, 100)), {u: (-30, 30)}),
    "hyperbolic": Certificate(Lt(cosh(u), exp(u**2 / 2)), {u: (Rational(1, 4), 3)}),
    "a kink is no matter": Certificate(Gt(log1mexp(u), -40), {u: (Rational(1, 1000), 1)}),
}
ATTAINED = {
    "even order": (Le(log_cosh(u), u**2 / 2), (-4, 4), (0, HALF), "derivative 4"),
    "second order": (Ge(exp(u), 1 + u), (-3, 3), (0, 1), "derivative 2"),
    "odd order at an end": (Le(tanh(u), u), (0, 5), (0, HALF), "derivative 3"),
    "odd order at the other end": (Ge(tanh(u), u), (-5, 0), (0, HALF), "derivative 3"),
    "first order at an end": (Ge(u, tanh(u) / 2), (0, 3), (0, 1), "derivative 1"),
    "inside, not at 0": (Ge(u**2, 2 * u - 1), (0, 3), (1, HALF), "derivative 2"),
    "at an irrational point": (Ge(u**2 + 2, 2 * sqrt(2) * u), (0, 3), (sqrt(2), HALF), "derivative 2"),
}
FALSE = {
    "false everywhere": Certificate(Le(u + 1, u**2 / 100), {u: (0, 1)}),
    "false in the middle": Certificate(Ge((u - 1) ** 2, Rational(1, 10**4)), {u: (0, 2)}),
    "false at an end only": Certificate(Le(u, Rational(99, 100)), {u: (0, 1)}),
    "attained inside, not said": Certificate(Ge((u - Rational(1, 3)) ** 2, 0, evaluate=False), {u: (0, 1)}),
    "strict and attained": Certificate(Gt(u**2, 0), {u: (-1, 1)}),
    "strict and attained at an end": Certificate(Gt(u, 0), {u: (0, 1)}),
    "a constant in excess": Certificate(Le(tanh(u), u * Rational(999, 1000)), {u: (0, 4)}, attained_at=(0, HALF)),
    "odd order inside": Certificate(Le(tanh(u), u), {u: (-1, 1)}, attained_at=(0, HALF)),
    "attained, and false far away": Certificate(Le(u**2, u**3), {u: (0, 2)}, attained_at=(0, Rational(1, 8))),
    "undefined inside": Certificate(Ge(1 / u**2, 1), {u: (-1, 1)}),
    "undefined on a half": Certificate(Ge(log(u), -100), {u: (-1, 1)}),
    "false in two variables": Certificate(Ge(u**2 + v**2, 2 * u * v + Rational(1, 10**6)), {u: (0, 1), v: (0, 1)}),
}


@pytest.mark.parametrize("certificate", TRUE.values(), ids=TRUE)
def test_what_is_true_on_a_box_is_certified(certificate: Certificate) -> None:
    """Branch and bound ends, and says in how many pieces."""
    method = certify(certificate)

    assert method is not None
    assert method.startswith("branch and bound, ")
    assert method.endswith(" pieces at 128 bits")


@pytest.mark.parametrize(("relation", "box", "at", "told"), ATTAINED.values(), ids=ATTAINED)
def test_an_attained_bound_is_certified_by_a_derivative(
    relation: sp.Rel, box: tuple[int, int], at: tuple[sp.Expr, sp.Expr], told: str
) -> None:
    """Even and odd orders of contact, at ends and inside."""
    method = certify(Certificate(relation, {u: box}, attained_at=at))

    assert method is not None
    assert method.startswith(f"{told} near u = {at[0]}, branch and bound")


@pytest.mark.parametrize("certificate", FALSE.values(), ids=FALSE)
def test_what_is_false_or_unsettled_is_given_up(certificate: Certificate) -> None:
    """None is an answer; a certificate of something false is not."""
    assert certify(certificate) is None


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        (Certificate(Eq(tanh(u), u), {u: (0, 1)}), "a certificate is for an inequality"),
        (Certificate(Le(u * v, 1), {u: (0, 1)}), "the box must give an interval for each of its symbols"),
        (Certificate(Le(u, 5), {u: (0, 1), v: (0, 1)}), "the box must give an interval for each of its symbols"),
        (Certificate(Le(u, -5), {u: (1, 0)}), "the interval .* of u is empty or a point"),
        (Certificate(Le(u, -5), {u: (1, 1)}), "the interval .* of u is empty or a point"),
        (Certificate(Le(u, 0), {u: (1, 0)}, attained_at=(HALF, Rational(1, 10))), "is empty or a point"),
        (Certificate(Le(u, 0), {u: (0, 1)}, attained_at=(5, HALF)), "attained_at is no point of"),
        (Certificate(Le(u, 0), {u: (0, 1)}, attained_at=(0, 0)), "attained_at is no point of .* with a radius above 0"),
        (Certificate(Gt(u**2, 0), {u: (0, 1)}, attained_at=(0, HALF)), "a strict relation is not attained"),
        (Certificate(Ge(u + v, 0), {u: (0, 1), v: (0, 1)}, attained_at=(0, HALF)), "`attained_at` is for one symbol"),
        (Certificate(Le(u, 5), {u: (0, sp.oo)}), "Infinity has no numeric form"),
        (Certificate(Le(sp.atan(u), 5), {u: (0, 1)}), "atan has no numeric form"),
    ],
    ids=str,
)
def test_a_certificate_that_makes_no_sense_is_an_error(certificate: Certificate, told: str) -> None:
    """An empty box would certify anything."""
    with pytest.raises(TheoremError, match=told):
        certify(certificate)


def test_functions_with_kinks_are_enclosed_without_their_slope() -> None:
    """|u| has no derivative form; the direct enclosure still decides, or the error says what is missing."""
    with pytest.raises(TheoremError, match=r"sign has no numeric form"):
        certify(Certificate(Le(Abs(u), 2), {u: (-1, 1)}))


def test_the_domain_is_part_of_the_report() -> None:
    """A reader sees on what box the inequality was certified."""
    claim = declare(Ge(SQUARE, 2 * X - 1), squares)
    claim.proof("log cosh", domain="|u| ≤ 4", lemma=True)(
        lambda: Certificate(Le(log_cosh(u), u**2 / 2), {u: (-4, 4)}, attained_at=(0, HALF))
    )
    claim.proof("tanhc", domain="1/8 ≤ u ≤ 4", lemma=True)(
        lambda: Certificate(Lt(tanhc(u), 1), {u: (Rational(1, 8), 4)})
    )
    found = prove(claim).to_json()

    assert found["verdict"] == "held"
    assert [proof["domain"] for proof in found["proofs"]] == ["|u| ≤ 4", "1/8 ≤ u ≤ 4"]
    assert "derivative 4 near u = 0" in found["proofs"][0]["method"]


def test_a_false_certificate_makes_the_proof_an_error() -> None:
    """It is refuted at a point of its box before any box is split."""
    claim = declare(Ge(SQUARE, 2 * X - 1), squares)
    claim.proof("wrong", domain="0 ≤ u ≤ 1", lemma=True)(lambda: Certificate(Le(u, HALF), {u: (0, 1)}))
    found = prove(claim)

    assert found.verdict is Verdict.ERROR
    assert "the relation u <= 1/2 is false at {'u': " in found.reason
