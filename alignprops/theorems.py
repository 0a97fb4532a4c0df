"""A theorem as an executable statement: a sympy relation, its premises, and a measure that gives it values.

A theorem is declared with `@theorem(...)` over its measuring function. The relation is the one source of truth:
the sampled check evaluates it, the proofs decide it, the documentation renders it, and the mutants are edits of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, get_type_hints

import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.expressions import require_numeric_form
from alignprops.telling_apart import surely_differ, surely_varies

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: (subject, instance) -> values of the statement's symbols
Measure: TypeAlias = Callable[[Any, Any], Mapping[sp.Symbol, Any]]

#: the object of a subject -> why a theorem does not speak of it, or None
About: TypeAlias = Callable[[Any], str | None]

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
#: Names of the other items of a theorem; no subject may bear them.
RESERVED_SUBJECTS = frozenset({"mutants", "proof"})


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a statement comes from: a bibliography key and the place in it."""

    key: str
    where: str

    def __str__(self) -> str:
        return f"{self.key}, {self.where}"


@dataclass(frozen=True, slots=True)
class Rounding:
    """How far a measured float may be from the true value: eps × `operations` × its size, and why.

    `operations` is a number, or a function of the instance. A measure overrides it, symbol by symbol, with
    `alignprops.bounded(value, error)` where the size of the value does not tell (cancellation).
    """

    operations: float | Callable[[Any], float]
    reason: str

    def count(self, instance: Any) -> float:
        return float(self.operations(instance)) if callable(self.operations) else float(self.operations)


@dataclass(frozen=True, slots=True)
class Under:
    """One relation of several that needs premises of its own, beside those of the whole theorem."""

    given: Mapping[str, Relational]
    relation: Relational


@dataclass(frozen=True, slots=True)
class Mutant:
    """A statement made wrong on purpose: other relations, other premises, or both.

    A relation stands under the name of the one that it breaks, and keeps the premises which that one has of its own.
    What is left None is as in the theorem. `on` is where to look for its counter-example, if the theorem's own
    instances would hardly ever show it.
    """

    states: Mapping[str, Relational] | Relational | None = None
    given: Mapping[str, Relational] | None = None
    on: SearchStrategy[Any] | None = None


@dataclass(frozen=True, slots=True)
class Tight:
    """An instance on which a bound is claimed to be sharp: the ratio of its sides reaches `at_least` there.

    `of` names the relation, where the theorem states several.
    """

    instance: Any
    at_least: float
    of: str = "statement"


@dataclass(frozen=True, slots=True)
class Proof:
    """A symbolic proof: of the statement (`concludes="statement"`) or of a lemma it rests on."""

    name: str
    concludes: str
    domain: str
    build: Callable[[], Any]


@dataclass(frozen=True, eq=False)
class Theorem:
    """An executable statement. Made by `@theorem`; see there for the meaning of the fields."""

    id: str
    title: str
    doc: str
    states: Mapping[str, Relational]
    given: Mapping[str, Relational]
    under: Mapping[str, Mapping[str, Relational]]
    source: Ref
    on: SearchStrategy[Any]
    instance_type: type
    measure: Measure
    kind: str
    rounding: Rounding
    mutants: Mapping[str, Mutant]
    examples: Mapping[str, Any]
    tight: Mapping[str, Tight]
    min_effective: int
    effort: float
    behaviours: tuple[int, int | None]
    exact: bool
    tier: str
    module: str
    no_proof: str | None
    counterfeits: bool
    codes: tuple[str, ...]
    about: About | None
    proofs: list[Proof] = field(default_factory=list)

    def proof(self, name: str, *, domain: str, lemma: bool = False) -> Callable[[Callable[[], Any]], None]:
        """Register a symbolic proof.

        The decorated function takes no argument. A proof of the statement returns a mapping from the statement's
        symbols to the expressions that define them (or one such mapping for each relation, by its name); the engine
        substitutes these in the theorem's own relations, decides them, and does the same with every mutant, which
        must not be provable. A lemma returns one or
        several unevaluated relations (`evaluate=False`), or `alignprops.Certificate`s; all must be decided.
        `domain` says in words where the proof is valid.
        """
        if any(known.name == name for known in self.proofs):
            raise TheoremError(f"{self.id}: two proofs are named {name!r}")

        def register(build: Callable[[], Any]) -> None:
            self.proofs.append(Proof(name, "lemma" if lemma else "statement", domain, build))

        return register

    @cached_property
    def symbols(self) -> frozenset[sp.Symbol]:
        """Every symbol that the measure must give a value: of the statement, the premises and the mutants."""
        relations: list[Relational] = [*self.states.values(), *self.given.values()]
        relations += [premise for premises in self.under.values() for premise in premises.values()]
        for mutant in self.mutants.values():
            relations += [*mutant_states(self, mutant).values(), *mutant_given(self, mutant).values()]
        return frozenset().union(*(relation.free_symbols for relation in relations))

    def __repr__(self) -> str:
        return f"<theorem {self.id}>"


def theorem(
    theorem_id: str,
    *,
    states: Relational | Mapping[str, Relational | Under],
    source: Ref,
    on: SearchStrategy[Any],
    rounding: Rounding,
    given: Mapping[str, Relational] | None = None,
    kind: str = "last-layer",
    mutants: Mapping[str, Relational | Mapping[str, Relational] | Mutant] | None = None,
    examples: Mapping[str, Any] | None = None,
    tight: Mapping[str, Tight] | None = None,
    min_effective: int = 10,
    effort: float = 1.0,
    behaviours: tuple[int, int | None] = (1, 1),
    exact: bool = True,
    tier: str = "toy",
    no_proof: str | None = None,
    counterfeits: bool = False,
    codes: tuple[str, ...] = (),
    about: About | None = None,
) -> Callable[[Measure], Theorem]:
    """Declare a theorem over its measuring function.

    The decorated function takes `(subject, instance)` and returns a mapping from symbols to numbers or arrays
    (each relation is checked element by element, its symbols and premises broadcast against each other). Its first
    docstring line is the theorem's title; the annotation of its second argument is the dataclass of the instances.

    Args:
        theorem_id: `family.aspect.assertion`, from `[a-z0-9.-]`.
        states: one sympy relation, or several by name (`Under` where one needs premises of its own). They must not
            collapse to true or false.
        source: where the statement comes from.
        on: Hypothesis strategy for the instances.
        rounding: how many roundings a measured float carries, and the reason.
        given: the premises by name; evaluated and counted on every instance, element by element.
        kind: the kind of subject that the measure takes.
        mutants: wrong versions by name; the honest subject must refute each.
        examples: instances that are always tried first, by name (also by the mutants).
        tight: instances on which the bound is sharp, by name.
        min_effective: with fewer instances that meet the premises the claim is vacuous.
        effort: share of the usual number of examples that is generated, below 1 where the measure is costly.
        behaviours: of how many behaviours at once the statement speaks, at least and at most (None: any number),
            for the choice of what a real model is observed on.
        exact: whether the measure can be run again on python-flint balls.
        tier: `toy`, or `model` if it needs a language model.
        no_proof: in one line why nothing of the statement is symbolic; required where there is no proof.
        counterfeits: the theorem is expected to refute wrong subjects of its kind (it then needs one mutant only).
        codes: the properties that it is a case of (`alignprops.known_bugs.PROPERTY_CODES`), the main one first.
        about: told the subject's object, why the theorem does not speak of it, or None if it does.

    Raises:
        TheoremError: the declaration breaks one of these rules.
    """

    def declare(measure: Measure) -> Theorem:
        doc = inspect.cleandoc(measure.__doc__ or "")
        relations, under = _split(states)
        made = Theorem(
            id=theorem_id,
            title=doc.partition("\n")[0],
            doc=doc,
            states=relations,
            given=dict(given or {}),
            under=under,
            source=source,
            on=on,
            instance_type=_instance_type(theorem_id, measure),
            measure=measure,
            kind=kind,
            rounding=rounding,
            mutants={name: _as_mutant(mutant) for name, mutant in (mutants or {}).items()},
            examples=dict(examples or {}),
            tight=dict(tight or {}),
            min_effective=min_effective,
            effort=effort,
            behaviours=behaviours,
            exact=exact,
            tier=tier,
            module=measure.__module__,
            no_proof=no_proof,
            counterfeits=counterfeits,
            codes=codes,
            about=about,
        )
        _validate(made)
        return made

    return declare


def mutant_states(theorem: Theorem, mutant: Mutant) -> Mapping[str, Relational]:
    """The relations of a mutant: its own, or the theorem's if only its premises differ."""
    return theorem.states if mutant.states is None else _named(mutant.states)


def mutant_given(theorem: Theorem, mutant: Mutant) -> Mapping[str, Relational]:
    """The premises of a mutant: its own, or the theorem's."""
    return theorem.given if mutant.given is None else mutant.given


# --- the rules of declaration -----------------------------------------------------------------------------------


def _named(states: Relational | Mapping[str, Relational]) -> Mapping[str, Relational]:
    return dict(states) if isinstance(states, Mapping) else {"statement": states}


def _split(
    states: Relational | Mapping[str, Relational | Under],
) -> tuple[Mapping[str, Relational], Mapping[str, Mapping[str, Relational]]]:
    """The relations by name, and the premises that some of them have of their own."""
    parts = states if isinstance(states, Mapping) else {"statement": states}
    relations = {name: part.relation if isinstance(part, Under) else part for name, part in parts.items()}
    return relations, {name: dict(part.given) for name, part in parts.items() if isinstance(part, Under)}


def _as_mutant(mutant: Relational | Mapping[str, Relational] | Mutant) -> Mutant:
    made = mutant if isinstance(mutant, Mutant) else Mutant(states=mutant)
    return made if made.states is None else replace(made, states=_named(made.states))


def _instance_type(theorem_id: str, measure: Measure) -> type:
    parameters = list(inspect.signature(measure).parameters)
    if len(parameters) != 2:
        raise TheoremError(f"{theorem_id}: the measure takes {len(parameters)} arguments, expected (subject, instance)")
    hint = get_type_hints(measure).get(parameters[1])
    if not isinstance(hint, type) or not hasattr(hint, "__dataclass_fields__"):
        raise TheoremError(
            f"{theorem_id}: annotate {parameters[1]!r} with the dataclass of its instances, not {hint!r}"
        )
    return hint


def _validate(made: Theorem) -> None:
    if not _ID.fullmatch(made.id):
        raise TheoremError(
            f"theorem id {made.id!r}: expected family.assertion or family.aspect.assertion, "
            "in lower-case letters, digits and '-'"
        )
    if not made.title:
        raise TheoremError(f"{made.id}: the measure needs a docstring; its first line is the theorem's title")
    if not made.states:
        raise TheoremError(f"{made.id} states nothing: give it a relation")
    _require_relations(made.id, "statement", made.states)
    _require_relations(made.id, "premise", made.given)
    for name, premises in made.under.items():
        _require_relations(made.id, f"premise of {name!r}", premises)
    for name, mutant in made.mutants.items():
        _require_known_names(made, name, mutant)
        _require_relations(made.id, f"mutant {name!r}", mutant_states(made, mutant))
        _require_relations(made.id, f"premise of mutant {name!r}", mutant_given(made, mutant))
        _require_difference(made, name, mutant)
    for name, tight in made.tight.items():
        if tight.of not in made.states:
            known = " or ".join(made.states)
            raise TheoremError(f"{made.id}: tight instance {name!r} is of {tight.of!r}, expected {known}")
    if both := sorted(set(made.examples) & set(made.tight)):
        raise TheoremError(f"{made.id}: {both} are names of an example and of a tight instance; rename one")
    _require_enough_mutants(made)


def _require_relations(theorem_id: str, what: str, relations: Mapping[str, Relational]) -> None:
    for name, relation in relations.items():
        if not isinstance(relation, Relational):
            raise TheoremError(
                f"{theorem_id}: {what} {name!r} is {relation!r}, not a sympy relation: "
                "sympy collapsed it while it was built, so it would check nothing; build it from distinct sides"
            )
        if isinstance(relation, sp.Ne):
            raise TheoremError(f"{theorem_id}: {what} {name!r}, {relation}: rounding would always grant an inequation")
        for side in relation.args:
            require_numeric_form(side)
        decided = relation.func(*relation.args) in (sp.true, sp.false)
        if decided or (not surely_varies(relation) and sp.expand(relation.lhs - relation.rhs).is_number):
            raise TheoremError(f"{theorem_id}: {what} {name!r}, {relation}, is decided before anything is measured")


def _require_known_names(made: Theorem, name: str, mutant: Mutant) -> None:
    unknown = set(mutant_states(made, mutant)) - set(made.states)
    if made.under and unknown:
        raise TheoremError(
            f"{made.id}: mutant {name!r} states {sorted(unknown)}, expected the name of the relation that it breaks "
            f"({', '.join(made.states)}): some of them have premises of their own"
        )


def _require_difference(made: Theorem, name: str, mutant: Mutant) -> None:
    honest = made.states
    same_states = all(
        _same(relation, honest[key]) if key in honest else any(_same(relation, each) for each in honest.values())
        for key, relation in mutant_states(made, mutant).items()
    )
    if same_states and _same_premises(mutant_given(made, mutant), made.given):
        raise TheoremError(f"{made.id}: mutant {name!r} equals the statement it should break")


def _same_premises(some: Mapping[str, Relational], others: Mapping[str, Relational]) -> bool:
    return some == others or _normals(some) == _normals(others)


def _same(one: Relational, other: Relational) -> bool:
    return not surely_differ(one, other) and _normal(one) == _normal(other)


def _normals(relations: Mapping[str, Relational]) -> set[tuple[type, sp.Expr]]:
    return {_normal(relation) for relation in relations.values()}


def _normal(relation: Relational) -> tuple[type, sp.Expr]:
    if isinstance(relation, sp.Eq):
        difference = sp.expand(relation.lhs - relation.rhs)
        return sp.Eq, max(difference, -difference, key=sp.default_sort_key)
    strict = isinstance(relation, sp.StrictLessThan | sp.StrictGreaterThan)
    return (sp.Lt if strict else sp.Le), sp.expand(relation.gts - relation.lts)


def _require_enough_mutants(made: Theorem) -> None:
    identity = all(isinstance(relation, sp.Eq) for relation in made.states.values())
    needed = 1 if identity or made.counterfeits else 2
    if len(made.mutants) < needed and not (made.counterfeits and identity):
        raise TheoremError(
            f"{made.id}: {len(made.mutants)} mutants, at least {needed} needed: a theorem must be seen to fail"
        )
