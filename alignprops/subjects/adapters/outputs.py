"""What a host's code returns, under the kind's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignprops._errors import InputError
from alignprops.atoms import is_tensor

#: What a place of a returned tuple is called that nobody looks at.
IGNORED = "_"


@dataclass(frozen=True, slots=True)
class Returned:
    """An output of the kind, with other names in use for it; the first of a kind's is its main one."""

    name: str
    aliases: tuple[str, ...] = ()


def named_outputs(result: Any, known: Sequence[Returned], names: tuple[str, ...] | None) -> dict[str, Any]:
    """Outputs by the kind's names.

    `names` are the user's, in the order of the returned tuple. Without them a tensor is the main output, a mapping
    and a named tuple are read by their names, and a plain tuple in the order of the kind as far as it holds tensors.

    Raises:
        InputError: the result has another form, or no main output.
    """
    outputs = _by_the_users_names(result, known, names) if names else _by_form(result, known)
    main = known[0].name
    if main not in outputs:
        raise InputError(f"{_told(result)} came back, with no {main!r} in it; say what is returned with --returns")
    if not is_tensor(outputs[main]):
        raise InputError(f"{main!r} is a {type(outputs[main]).__name__}; expected a tensor (or see --returns)")
    return outputs


def _by_the_users_names(result: Any, known: Sequence[Returned], names: tuple[str, ...]) -> dict[str, Any]:
    allowed = [output.name for output in known]
    if wrong := [name for name in names if name not in (*allowed, IGNORED)]:
        raise InputError(f"--returns names {', '.join(wrong)}; expected {', '.join(allowed)} or {IGNORED}")
    parts = result if isinstance(result, tuple | list) else (result,)
    if len(parts) < len(names):
        raise InputError(f"--returns names {len(names)} outputs; {_told(result)} came back")
    return {name: part for name, part in zip(names, parts, strict=False) if name != IGNORED}


def _by_form(result: Any, known: Sequence[Returned]) -> dict[str, Any]:
    if is_tensor(result):
        return {known[0].name: result}
    if isinstance(result, Mapping):
        return _by_name(result, known)
    if hasattr(result, "_asdict"):
        return _by_name(result._asdict(), known)
    if hasattr(result, "__dataclass_fields__"):
        return _by_name(vars(result), known)
    if isinstance(result, tuple | list):
        return _by_order(result, known)
    raise InputError(f"{_told(result)} came back; expected a tensor, a tuple of them, or a mapping")


def _by_order(parts: Sequence[Any], known: Sequence[Returned]) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    order = iter(known)
    for part in parts:
        if isinstance(part, Mapping):
            outputs |= {name: value for name, value in _by_name(part, known).items() if name not in outputs}
        elif is_tensor(part):
            output = next(order, None)
            if output is not None:
                outputs[output.name] = part
        else:
            next(order, None)
    return outputs


def _by_name(mapping: Mapping[str, Any], known: Sequence[Returned]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for output in known:
        name = next((name for name in (output.name, *output.aliases) if name in mapping), None)
        if name is not None:
            found[output.name] = mapping[name]
    return found


def _told(result: Any) -> str:
    if isinstance(result, tuple | list):
        return f"a {type(result).__name__} of {len(result)}"
    if isinstance(result, Mapping):
        return "a mapping of " + ", ".join(map(str, result))
    return f"a {type(result).__name__}"
