"""Code of no kind that can be told: which kinds know most of its arguments, and what to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignprops._errors import InputError, UnknownNameError
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Role, arguments_of
from alignprops.subjects.kinds import HOST_KINDS, kind_named

#: Kinds that are told in full.
TOLD = 2


def require_known_words(code: Any, adaptation: Adaptation) -> None:
    """Refuse roles, arguments and formulas that exist in no kind, before anything is said of kinds.

    Raises:
        UnknownNameError: a role, an argument or a formula that does not exist, with the nearest that does.
        InputError: the code is not callable.
    """
    known = {role.name for kind in HOST_KINDS for role in _roles_of(kind)}
    formulas = {formula for kind in HOST_KINDS for formula in _formulas(kind)}
    arguments = arguments_of(code)
    for role, argument in adaptation.map.items():
        if role not in known:
            raise UnknownNameError("role in --map (ROLE=ARGUMENT)", role, known)
        if not argument.startswith("self.") and argument.removeprefix("init.") not in arguments:
            raise UnknownNameError("argument of the subject", argument, arguments)
    if adaptation.loss is not None and adaptation.loss not in formulas:
        raise UnknownNameError("formula", adaptation.loss, formulas)


def no_kind(code: Any, spec: str, given: Mapping[str, Adaptation], reasons: Mapping[str, str]) -> InputError:
    """What is said of code that fits no kind.

    Args:
        code: the function or class.
        spec: as the user names it.
        given: by kind, what the user says of it, with the formula that its name names.
        reasons: by kind, why it does not fit.
    """
    arguments = arguments_of(code)
    near = sorted((_Near.of(kind, arguments, given[kind]) for kind in reasons), key=lambda one: one.rank)
    told = [one for one in near if one.told][:TOLD]
    told = [one for one in told if one.rank[:2] == told[0].rank[:2] or 2 * len(one.known) >= len(arguments)]
    lines = [f"{_question(told)}, by its name and its arguments ({', '.join(arguments)})"]
    known = {name for kind in HOST_KINDS for role in _roles_of(kind) for name in (role.name, *role.aliases)}
    taken = {where.rpartition(".")[2] for where in next(iter(given.values())).map.values()}
    strange = [name for name, needed in arguments.items() if needed and name not in known | taken]
    if strange:
        lines.append(
            f"  no kind knows {', '.join(strange)}: say which role each has, --map ROLE=ARGUMENT, or a "
            f"constant for it, --set {strange[0]}=VALUE"
        )
    for one in told:
        lines += one.lines(spec, reasons[one.kind], [] if one.missing else strange)
    others = [kind for kind in HOST_KINDS if kind not in [one.kind for one in told]]
    lines.append(f"  {'other kinds' if told else 'say which with --kind'}: {', '.join(others)}")
    if not told:
        example = next(one for one in near if one.kind == HOST_KINDS[0])
        lines.append(f"  for instance:\n{example.command(spec, [])}")
    return InputError("\n".join(lines))


def _question(told: Sequence[_Near]) -> str:
    """What is to be found out: the kind, or only how code of a kind that is plain is called."""
    plain = len(told) == 1 and told[0].adaptation.loss is not None and not told[0].missing
    if plain:
        return f"it looks like {told[0].kind}, {told[0].adaptation.loss}, and cannot be checked as it stands"
    return "which kind is it? It fits none as it stands"


@dataclass(frozen=True, slots=True)
class _Near:
    """A kind beside the code: the arguments that it knows, and the required roles that nothing has."""

    kind: str
    adaptation: Adaptation
    known: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, arguments: Mapping[str, bool], adaptation: Adaptation) -> _Near:
        """How near the kind is."""
        names = {name for role in _roles_of(kind, adaptation.loss) for name in (role.name, *role.aliases)}
        mapped = {where.rpartition(".")[2] for where in adaptation.map.values()}
        first = kind_named(kind).conformance
        usual = adaptation.loss or (first.formulas[0] if first else None)
        missing = [
            role.name
            for role in _roles_of(kind, usual)
            if role.required and role.name not in adaptation.map and not {role.name, *role.aliases} & set(arguments)
        ]
        return cls(kind, adaptation, tuple(name for name in arguments if name in names | mapped), tuple(missing))

    @property
    def rank(self) -> tuple[bool, int, int]:
        """The kinds whose formula the name names first, then those that know most arguments and miss least."""
        named = self.adaptation.loss is not None and len(_formulas(self.kind)) > 1
        return (not named, -len(self.known), len(self.missing))

    @property
    def told(self) -> bool:
        """Whether anything speaks for it."""
        if self.adaptation.loss not in (None, *_formulas(self.kind)):
            return False  # the user names a formula of another kind
        return bool(self.known) or not self.rank[0]

    def lines(self, spec: str, reason: str, strange: Sequence[str]) -> Iterator[str]:
        """What speaks for it, what is missing, and a whole command."""
        loss = self.adaptation.loss
        why = f"it knows {', '.join(self.known)}" if self.known else f"by the name, {loss}"
        yield f"  {self.kind}: {why}"
        if loss is None:
            yield f"    missing: its formula, --loss, one of {', '.join(_formulas(self.kind))}"
        else:
            yield f"    but as {loss}: {reason.partition(': ')[2] or reason}"
        yield self.command(spec, strange)

    def command(self, spec: str, strange: Sequence[str]) -> str:
        """A whole command, with all roles that are still to be mapped."""
        said = [f"{role}={where}" for role, where in self.adaptation.map.items()]
        mapped = " ".join([*said, *(f"{role}=ARGUMENT" for role in self.missing)])
        constant = " ".join(f"{name}=VALUE" for name in strange)
        options = [f"--map {mapped}"] * bool(mapped) + [f"--set {constant}"] * bool(constant)
        loss = self.adaptation.loss or "NAME"
        return " ".join([f"    alignprops check {spec} --kind {self.kind} --loss {loss}", *options])


def _formulas(kind: str) -> tuple[str, ...]:
    conformance = kind_named(kind).conformance
    return conformance.formulas if conformance else ()


def _roles_of(kind: str, formula: str | None = None) -> list[Role]:
    """The roles of one formula, or of all of the kind."""
    conformance = kind_named(kind).conformance
    if conformance is None:
        return []
    names = [formula] if formula in conformance.formulas else conformance.formulas
    return [role for name in names for role in conformance.roles(name or "")]
