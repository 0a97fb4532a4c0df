"""Which argument of a host's code gets what: by the user's word, or by a name that has one meaning only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alignprops._errors import InputError, UnknownNameError
from alignprops.conformance.specification import Specification
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.stand_in import is_method, stand_in

SELF, INIT = "self", "init"


@dataclass(frozen=True, slots=True)
class Role:
    """Something that code of a kind may be called with.

    Attributes:
        name: the kind's own name, which is the field's usual one.
        aliases: other argument names in use that mean exactly this.
        required: whether code of the kind cannot do without it.
        told: what it is, in a few words, for messages.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    told: str = ""


@dataclass(frozen=True)
class Binding:
    """How to call the code.

    Attributes:
        code: the function or class.
        roles: name of the kind -> where it goes: an argument's name, `self.attribute` or `init.argument`.
        fixed: argument -> constant value.
        extras: keywords of the code that nothing is bound to, with their defaults.
        told: what was assumed, a line each.
        positional: arguments that can only be given by position, in order.
        stand_in: whether the code is a method that is given a stand-in `self`.
        constructed: whether it is a class, made anew for every call.
        mask_dtype: what masks are given as.
    """

    code: Callable[..., Any]
    roles: Mapping[str, str]
    fixed: Mapping[str, Any]
    extras: Mapping[str, Any]
    told: tuple[str, ...]
    positional: tuple[str, ...] = ()
    stand_in: bool = False
    constructed: bool = False
    mask_dtype: str = "bool"

    def takes(self, role: str) -> bool:
        """Whether the code is given that."""
        return role in self.roles

    def __call__(self, values: Mapping[str, Any], extras: Mapping[str, Any] | None = None) -> Any:
        """What the code returns, called with the values of its roles."""
        return self.called(values, extras)[0]

    def called(self, values: Mapping[str, Any], extras: Mapping[str, Any] | None = None) -> tuple[Any, bool]:
        """What the code returns, and whether it changed the object that it is a method of."""
        places = {where: values[role] for role, where in self.roles.items() if role in values}
        places |= {**self.fixed, **(extras or {})}
        init = {name.partition(".")[2]: value for name, value in places.items() if name.startswith(f"{INIT}.")}
        attributes = {name.partition(".")[2]: value for name, value in places.items() if name.startswith(f"{SELF}.")}
        plain = {name: value for name, value in places.items() if "." not in name}
        by_position = [plain.pop(name) for name in self.positional if name in plain]
        if self.constructed:
            made = self.code(**init)
            before = _settings(made)
            return made(*by_position, **plain), _settings(made) != before
        if self.stand_in:
            me = stand_in(self.code, attributes)
            before = _settings(me)
            return self.code(me, *by_position, **plain), _settings(me) != before
        return self.code(*by_position, **plain), False


def _settings(thing: Any) -> dict[str, Any]:
    """The numbers, texts and switches that an object has for attributes: its options."""
    attributes = getattr(thing, "__dict__", {})  # none of an object with slots
    return {name: value for name, value in attributes.items() if isinstance(value, bool | int | float | str)}


def bind(code: Any, roles: Iterable[Role], adaptation: Adaptation) -> Binding:
    """Find the place of every role.

    Raises:
        InputError: the code is not callable, a required role has no place, or an argument of the code has no value.
        UnknownNameError: the user's map names a role or an argument that does not exist.
    """
    known = {role.name: role for role in roles}
    if not callable(code):
        raise InputError(f"{code!r} is not callable; expected a function, a method or a class of callable objects")
    places = _places(code)
    bound, told = _by_the_users_word(known, adaptation, places)
    for role in known.values():
        name = next((name for name in (role.name, *role.aliases) if _free(name, places, bound, adaptation)), None)
        if role.name not in bound and name is not None:
            bound[role.name] = places[name].where
            if name != role.name:
                told.append(f"{name} is {role.name}: {role.told or 'by its name'}")
    _require_all(code, known, bound, adaptation, places)
    taken = {*bound.values(), *adaptation.fixed}
    extras = {place.where: place.default for place in places.values() if place.optional and place.where not in taken}
    fixed = {(places[name].where if name in places else name): value for name, value in adaptation.fixed.items()}
    told += [f"{name} is always {value!r}: given" for name, value in adaptation.fixed.items()]
    return Binding(
        code,
        bound,
        fixed,
        extras,
        tuple(told),
        positional=tuple(place.where for place in places.values() if place.positional),
        stand_in=is_method(code),
        constructed=inspect.isclass(code),
        mask_dtype=adaptation.mask_dtype,
    )


def arguments_of(code: Any) -> dict[str, bool]:
    """The arguments of the code by name, and whether each must be given.

    Raises:
        InputError: the code is not callable, or its arguments cannot be read.
    """
    if not callable(code):
        raise InputError(f"{code!r} is not callable; expected a function, a method or a class of callable objects")
    return {name: not place.optional for name, place in _places(code).items()}


@dataclass(frozen=True, slots=True)
class _Place:
    """An argument of the code."""

    where: str
    default: Any
    optional: bool
    positional: bool


def options_of(
    specification: Specification, binding: Binding, adaptation: Adaptation
) -> tuple[frozenset[str], dict[str, Any]]:
    """The options of the formula that the code takes, and the values of those that it has built in.

    Raises:
        InputError: an option without a neutral default has no place and no value.
    """
    taken = frozenset(option.name for option in specification.options if binding.takes(option.name))
    constants = {specification.option(name).name: value for name, value in adaptation.assume.items()}
    known = {*taken, *constants}
    lacking = [option for option in specification.options if not option.neutral and option.name not in known]
    if lacking:
        raise InputError(
            "; ".join(
                f"{_name(binding.code)} takes no {option.name} ({option.told}); which of its arguments is it, "
                f"--map {option.name}=ARGUMENT, or which value has it there, --assume {option.name}=VALUE?"
                for option in lacking
            )
            + _elsewhere(binding.code)
        )
    return taken, constants


def _places(code: Any) -> dict[str, _Place]:
    """The arguments by name; of a class those of its constructor and of its instances' call."""
    try:
        if not inspect.isclass(code):
            return _of_signature(code, "", skip_self=is_method(code))
        called = getattr(code, "forward", None) or code.__call__
        return _of_signature(code.__init__, f"{INIT}.", skip_self=True) | _of_signature(called, "", skip_self=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"the arguments of {code!r} cannot be read ({error}); wrap it in a function") from error


def _of_signature(code: Any, prefix: str, *, skip_self: bool) -> dict[str, _Place]:
    made: dict[str, _Place] = {}
    for at, parameter in enumerate(inspect.signature(code).parameters.values()):
        if (skip_self and at == 0) or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        optional = parameter.default is not parameter.empty
        only = parameter.kind is parameter.POSITIONAL_ONLY
        made[parameter.name] = _Place(prefix + parameter.name, parameter.default, optional, only)
    return made


def _by_the_users_word(
    known: Mapping[str, Role], adaptation: Adaptation, places: Mapping[str, _Place]
) -> tuple[dict[str, str], list[str]]:
    bound: dict[str, str] = {}
    for role, argument in adaptation.map.items():
        if role not in known:
            raise UnknownNameError("input or option of this kind", role, known)
        is_self = argument.startswith(f"{SELF}.")
        plain = argument.removeprefix(f"{INIT}.")
        if not is_self and plain not in places:
            raise UnknownNameError("argument of the subject", argument, places)
        bound[role] = argument if is_self else places[plain].where
    return bound, [f"{argument} is {role}: given" for role, argument in adaptation.map.items()]


def _free(name: str, places: Mapping[str, _Place], bound: Mapping[str, str], adaptation: Adaptation) -> bool:
    return name in places and places[name].where not in bound.values() and name not in adaptation.fixed


def _require_all(
    code: Any,
    known: Mapping[str, Role],
    bound: Mapping[str, str],
    adaptation: Adaptation,
    places: Mapping[str, _Place],
) -> None:
    """Ask for everything that is missing at once: required roles, and arguments that nothing is known of."""
    missing = [role.name for role in known.values() if role.required and role.name not in bound]
    taken = {*bound.values(), *adaptation.fixed, *(f"{INIT}.{name}" for name in adaptation.fixed)}
    open_ones = [place.where for place in places.values() if not place.optional and place.where not in taken]
    if not missing and not open_ones:
        return
    told: list[str] = []
    if missing:
        mapped = " ".join(f"{name}=ARGUMENT" for name in missing)
        told.append(
            f"{_name(code)} takes {', '.join(places) or 'nothing that can be seen'}; which of them is "
            f"{' and which is '.join(missing)}? Say so with --map {mapped} (map={{...}} in Python)"
        )
    if len(open_ones) > len(missing):
        told.append(
            f"{_name(code)} also needs {', '.join(open_ones)}, and nothing says what they are; give them with "
            f"--map ROLE={open_ones[0]} or a constant with --set {open_ones[0]}=VALUE"
        )
    free = [name for name, role in known.items() if name not in bound and not role.required]
    free = [name for name in free if name not in adaptation.assume]
    if free:
        told.append(f"roles that are still free: {', '.join(free)}{_elsewhere(code)}")
    raise InputError("; ".join(told))


def _elsewhere(code: Any) -> str:
    """How an option is given that is no argument of the call."""
    attribute = f"an attribute of its object, --map ROLE={SELF}.NAME; " if is_method(code) else ""
    built = f"an argument of its constructor, --map ROLE={INIT}.NAME; " if inspect.isclass(code) else ""
    return f" (an option may also be {attribute}{built}or be built in, --assume OPTION=VALUE)"


def _name(code: Any) -> str:
    return getattr(code, "__qualname__", None) or type(code).__name__
