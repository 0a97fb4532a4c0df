"""The smallest refuting input as code that runs by itself: torch and the host's function, nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from alignprops.subjects.adapters.binding import INIT, SELF, Binding
from alignprops.subjects.adapters.stand_in import owner_of

if TYPE_CHECKING:
    from alignprops.conformance.call import Call
    from alignprops.conformance.conformer import Conformer
    from alignprops.subjects.conformance import Conformance

#: A tensor with more numbers is too long for a snippet.
LONGEST = 64
#: Characters of a line.
LINE = 88


def snippet(conformer: Conformer, conformance: Conformance, instance: Any, subject: str) -> str | None:
    """Runnable code that calls the subject on the instance and prints the main output and its gradients.

    None if the subject has no importable name, or the instance is too long to be read.
    """
    binding = conformer.binding
    if binding is None or not _importable(subject):
        return None
    case = conformance.case(conformer, instance)
    call: Call = case.call()
    if any(tensor.numel() > LONGEST for tensor in call.tensors.values()):
        return None
    upstream = getattr(case, "upstream", None)
    return "\n".join(_lines(binding, call, conformance.main, subject, upstream))


def _importable(subject: str) -> bool:
    module, colon, attribute = subject.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def _lines(binding: Binding, call: Call, main: str, subject: str, upstream: Any) -> Iterator[str]:
    module, _, attribute = subject.partition(":")
    root = attribute.partition(".")[0]
    yield from ("import torch", f"from {module} import {root}", "")
    used = {role: where for role, where in binding.roles.items() if role in call.tensors or role in call.options}
    for role in used:
        if role in call.tensors:
            yield f"{role} = {_tensor(call.tensors[role], binding, needs=role in call.differentiable)}"
    yield f"result = {_called(binding, used, call.options, attribute)}"
    yield "print(result)"
    yield from _gradient_lines(used, call, main, upstream)


def _gradient_lines(used: Mapping[str, str], call: Call, main: str, upstream: Any) -> Iterator[str]:
    leaves = [name for name in call.differentiable if name in used]
    if not leaves:
        return
    yield "parts = result.values() if isinstance(result, dict) else result"
    yield f"{main} = result if torch.is_tensor(result) else next("
    yield "    part for part in parts if torch.is_tensor(part) and part.requires_grad"
    yield ")  # of several the first with a gradient"
    weights = None if upstream is None else torch.as_tensor(upstream, dtype=torch.float64)
    if weights is None or bool((weights == 1).all()):
        yield f"{main}.sum().backward()"
    else:  # pair by pair, as the gradient was measured
        yield f"{main}.backward(torch.tensor({_spelled(weights.tolist())}).to({main}).expand_as({main}))"
    yield f"print({', '.join(f'{name}.grad' for name in leaves)})"


def _tensor(tensor: Tensor, binding: Binding, *, needs: bool) -> str:
    if tensor.dtype is torch.bool and binding.mask_dtype != "bool":
        tensor = tensor.to(getattr(torch, binding.mask_dtype))
    values = tensor.detach().double().tolist() if tensor.is_floating_point() else tensor.tolist()
    gradient = ", requires_grad=True" if needs else ""
    return f"torch.tensor({_spelled(values)}, dtype={tensor.dtype}{gradient})"


def _spelled(value: Any) -> str:
    """Numbers as Python reads them; what is not finite is no literal."""
    if isinstance(value, list):
        return f"[{', '.join(map(_spelled, value))}]"
    text = repr(value)
    return f'float("{text}")' if text in ("inf", "-inf", "nan") else text


def _called(binding: Binding, used: Mapping[str, str], options: Mapping[str, Any], attribute: str) -> str:
    """The call, with what goes to the constructor or to a stand-in `self` in its place."""
    arguments = {where: role if role not in options else _spelled(options[role]) for role, where in used.items()}
    arguments |= {where: repr(value) for where, value in binding.fixed.items()}
    init = [f"{name.partition('.')[2]}={text}" for name, text in arguments.items() if name.startswith(f"{INIT}.")]
    attributes = [f"{name.partition('.')[2]}={text}" for name, text in arguments.items() if name.startswith(f"{SELF}.")]
    positional = [arguments[name] for name in binding.positional if name in arguments]
    plain = [f"{n}={text}" for n, text in arguments.items() if "." not in n and n not in binding.positional]
    given = [*positional, *plain]
    if binding.constructed:
        return _applied(f"{attribute}({', '.join(init)})", given)
    if binding.stand_in:
        owner = attribute.rpartition(".")[0] if owner_of(binding.code) else ""
        bases = f"({owner},)" if owner else "()"
        hidden = ["__init__=lambda self: None"] if owner else []
        given.insert(0, f'type("Self", {bases}, dict({", ".join([*hidden, *attributes])}))()')
    return _applied(attribute, given)


def _applied(code: str, arguments: list[str]) -> str:
    """A call, on lines of their own where they are too many for one."""
    flat = f"{code}({', '.join(arguments)})"
    if len(flat) <= LINE:
        return flat
    return "\n".join([f"{code}(", *(f"    {argument}," for argument in arguments), ")"])
