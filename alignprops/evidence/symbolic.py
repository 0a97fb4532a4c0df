"""Symbolic evidence: proofs that sympy, or a certificate in ball arithmetic, decides.

A proof of the statement gives definitions of its symbols; they are substituted in the theorem's own relations.
A lemma is any relation that the statement rests on. Nothing is taken on trust: a relation that sympy collapsed is an
error, every relation is first evaluated at random points of its domain, and no mutant may be provable the same way.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.atoms import expand_atoms
from alignprops.evidence.certificate import Certificate, certify
from alignprops.expressions import exact, is_strict
from alignprops.theorems import Proof, Theorem, mutant_states

#: Random points at which a relation is tried before it is decided, and the precision there.
POINTS, POINT_BITS = 24, 256
#: How far out they lie.
SCALES = (1, 1, sp.Rational(1, 64), 16)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The fate of a proof: `proved`, `undecided`, or `error` with the reason."""

    name: str
    concludes: str
    status: str
    method: str
    domain: str
    seconds: float
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        names = ("name", "concludes", "status", "method", "domain", "seconds", "reason")
        return {name: getattr(self, name) for name in names}


def rule(theorem: Theorem, proof: Proof) -> Ruling:
    """Run one proof of a theorem."""
    started = time.perf_counter()
    try:
        status, method = _told_as_errors(theorem, proof)
        reason = "" if status == "proved" else method
    except TheoremError as error:
        status, method, reason = "error", "", str(error)
    seconds = round(time.perf_counter() - started, 4)
    return Ruling(proof.name, proof.concludes, status, method, proof.domain, seconds, reason)


def _told_as_errors(theorem: Theorem, proof: Proof) -> tuple[str, str]:
    """Conclude; a proof is foreign code, and sympy has surprises: what they raise is an error of this proof."""
    try:
        return _conclude(theorem, proof)
    except TheoremError:
        raise
    except Exception as error:
        raise TheoremError(f"{type(error).__name__}: {error}") from error


def _conclude(theorem: Theorem, proof: Proof) -> tuple[str, str]:
    built = proof.build()
    if proof.concludes == "lemma":
        return _decide_all(_claims(theorem, proof, built))
    definitions = _definitions(theorem, proof, built)
    substituted = [_substitute(relation, definitions[name]) for name, relation in theorem.states.items()]
    status, method = _decide_all(substituted)
    if status == "proved":
        _require_mutants_unprovable(theorem, proof, definitions)
    return status, method


#: The definitions of a statement's symbols, for each of its relations by name.
Definitions = Mapping[str, Mapping[sp.Symbol, sp.Expr]]


def _definitions(theorem: Theorem, proof: Proof, built: Any) -> Definitions:
    """Hold what a proof of the statement returned to its form, and give every relation its definitions."""
    if not isinstance(built, Mapping) or not built:
        raise TheoremError(
            f"proof {proof.name!r} of the statement returned {built!r}, expected definitions of its symbols"
        )
    by_name = built if all(isinstance(key, str) for key in built) else dict.fromkeys(theorem.states, built)
    if set(by_name) != set(theorem.states):
        raise TheoremError(
            f"proof {proof.name!r} gives definitions for {sorted(by_name)}, expected all of {sorted(theorem.states)}"
        )
    symbols = {symbol for definitions in by_name.values() for symbol in definitions}
    unknown = sorted(str(symbol) for symbol in symbols if symbol not in theorem.symbols)
    if unknown:
        raise TheoremError(f"proof {proof.name!r} defines {', '.join(unknown)}, not a symbol of {theorem.id}")
    pairs = [pair for definitions in by_name.values() for pair in definitions.items()]
    fixed = sorted({str(symbol) for symbol, value in pairs if sp.sympify(value).is_number})
    if fixed:
        told = ", ".join(fixed)
        raise TheoremError(f"proof {proof.name!r} fixes {told}: that proves a special case, a lemma at most")
    return by_name


def _claims(theorem: Theorem, proof: Proof, built: Any) -> list[Relational | Certificate]:
    parts = list(built) if isinstance(built, tuple | list) else [built]
    for part in parts:
        if not isinstance(part, Relational | Certificate) or isinstance(part, sp.Ne):
            raise TheoremError(
                f"proof {proof.name!r} of {theorem.id} returned {part!r}: a literal decides nothing; "
                "return unevaluated relations (evaluate=False)"
            )
    if not parts:
        raise TheoremError(f"proof {proof.name!r} of {theorem.id} returned nothing to decide")
    return parts


def _substitute(relation: Relational, definitions: Mapping[sp.Symbol, sp.Expr]) -> Relational:
    """The relation with the definitions put in, unevaluated, so that it does not collapse unseen."""
    rules = dict(definitions)
    return relation.func(relation.lhs.xreplace(rules), relation.rhs.xreplace(rules), evaluate=False)


def _require_mutants_unprovable(theorem: Theorem, proof: Proof, definitions: Definitions) -> None:
    for name, mutant in theorem.mutants.items():
        if mutant.states is None:
            continue  # only its premises differ; they stand in the domain of the proof
        if all(
            any(_is_provable(_substitute(relation, rules)) for rules in _candidates(definitions, state))
            for state, relation in mutant_states(theorem, mutant).items()
        ):
            raise TheoremError(f"proof {proof.name!r} also proves the mutant {name!r}: it proves nothing")


def _candidates(definitions: Definitions, state: str) -> list[Mapping[sp.Symbol, sp.Expr]]:
    """The definitions of the relation that a mutant breaks; all there are if it bears another name."""
    return [definitions[state]] if state in definitions else list(definitions.values())


def _is_provable(relation: Relational) -> bool:
    return _counter_example(relation) is None and decide(relation) is not None


def _decide_all(claims: Iterable[Relational | Certificate]) -> tuple[str, str]:
    """(`proved`, the methods used), or (`undecided`, what resisted)."""
    methods: dict[str, None] = {}
    for claim in claims:
        relation = claim.relation if isinstance(claim, Certificate) else claim
        point = _counter_example(relation, box=claim.box if isinstance(claim, Certificate) else None)
        if point is not None:
            raise TheoremError(f"the relation {relation} is false at {point}")
        method = certify(claim) if isinstance(claim, Certificate) else decide(claim)
        if method is None:
            return "undecided", f"sympy could not decide {relation}"
        methods[method] = None
    return "proved", ", ".join(methods)


# --- deciding one relation --------------------------------------------------------------------------------------


def decide(relation: Relational) -> str | None:
    """The method by which `relation` is shown true for all values of its symbols, or None."""
    if isinstance(relation, sp.Eq):
        return _decide_zero(relation.lhs - relation.rhs)
    strict = isinstance(relation, sp.StrictLessThan | sp.StrictGreaterThan)
    return _decide_sign(relation.gts - relation.lts, strict=strict)


def _decide_zero(difference: sp.Expr) -> str | None:
    for method, form in _forms(difference):
        if form == 0:
            return method
    return None


def _decide_sign(difference: sp.Expr, *, strict: bool) -> str | None:
    for method, form in _forms(difference):
        if form.is_positive or (not strict and form.is_nonnegative):
            return method
    return None


def _forms(expr: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    """Ever more worked forms of an expression; each is computed only if the earlier ones did not tell."""
    yield "as written", expr
    yield "expand", sp.expand(expr)
    yield "factor", sp.factor(expr)
    elementary = expand_atoms(expr)
    yield "simplify", sp.simplify(elementary)
    exponential = sp.expand(elementary.rewrite(sp.exp))
    yield "exponential form", sp.simplify(exponential)
    yield "exponential form, factored", sp.factor(sp.together(exponential))


# --- random points ----------------------------------------------------------------------------------------------


def _counter_example(
    relation: Relational, box: Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]] | None = None
) -> dict[str, str] | None:
    """A random point of the domain at which balls show the relation false, or None.

    Raises:
        TheoremError: the relation has no finite value at any of the points.
    """
    from flint import ctx

    draw = random.Random(0)  # noqa: S311  # points to try, no secret
    symbols = sorted(relation.free_symbols, key=str)
    seen = False
    with ctx.workprec(POINT_BITS):
        for _ in range(POINTS):
            point = {symbol: _value(symbol, draw, (box or {}).get(symbol)) for symbol in symbols}
            balls = {symbol: exact(value, {}) for symbol, value in point.items()}
            false = _is_false(relation, balls)
            seen |= false is not None
            if false:
                return {str(symbol): str(value) for symbol, value in point.items()}
    if not seen:
        raise TheoremError(f"the relation {relation} has no finite value at any of {POINTS} points of its domain")
    return None


def _is_false(relation: Relational, balls: Mapping[sp.Symbol, Any]) -> bool | None:
    """Whether balls show the relation false at a point; None where a side has no finite value."""
    gap = exact(relation.rhs.doit(), balls) - exact(relation.lhs.doit(), balls)  # derivatives and sums carried out
    if not gap.is_finite():
        return None
    if isinstance(relation, sp.Eq):
        return not gap.contains(0)
    if isinstance(relation, sp.GreaterThan | sp.StrictGreaterThan):
        gap = -gap
    return bool(gap <= 0) if is_strict(relation) else bool(gap < 0)


def _value(symbol: sp.Symbol, draw: random.Random, interval: tuple[sp.Expr, sp.Expr] | None) -> sp.Expr:
    """A point of the interval, or of what the symbol's assumptions leave of the line, near 0 and far out."""
    if interval is not None:
        low, high = (sp.sympify(end) for end in interval)
        return low + (high - low) * sp.Rational(draw.randrange(0, 1001), 1000)
    if symbol.is_integer:
        size = sp.Integer(draw.randrange(1, 12))
    else:
        size = sp.Rational(draw.randrange(1, 4000), 1000) * draw.choice(SCALES)
    if symbol.is_nonnegative:
        return size
    return -size if symbol.is_nonpositive else size * draw.choice((-1, 1))
