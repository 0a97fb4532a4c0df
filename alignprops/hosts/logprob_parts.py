"""Subjects of the kind `sequence-logprob` that several hosts have in the same form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_TOKEN = {"form": "logits/index", "variant": "shifted", "reduction": "none"}


def of_tokens(
    host: Host, name: str, code: Callable[..., Any], *told: str, temperature: str | None = None, **adaptation: Any
) -> Subject:
    """A function of (logits, tokens) that returns the log-probability of every token, and shifts nothing."""

    def called(**given: Any) -> Any:
        settings = {} if temperature is None else {temperature: given["temperature"]}
        return code(given["logits"], given["labels"], **settings)

    options = [] if temperature is None else ["temperature"]
    code_named = wrapper(called, ("logits", "labels"), options)
    return host.subject(name, "sequence-logprob", code_named, *told, **{**_TOKEN, **adaptation})


def of_labels(
    host: Host,
    name: str,
    code: Callable[..., Any],
    *told: str,
    average: str | None = None,
    options: Sequence[str] = (),
    **adaptation: Any,
) -> list[Subject]:
    """A function of (logits, labels), that shifts itself and sums over labels that are not ignored; and its average."""
    made: list[Subject] = []
    for reduction, value in (("sum", False), ("mean", True)):
        if average is None and value:
            break

        def called(value: bool = value, **given: Any) -> Any:
            settings = {name: given[option] for option, name in _pairs(options)}
            settings |= {} if average is None else {average: value}
            return code(given["logits"], given["labels"], **settings)

        inputs = ("logits", "labels")
        code_named = wrapper(called, inputs, [option for option, _ in _pairs(options)])
        judged = {"form": "logits/labels", "variant": "shifting", "reduction": reduction, **adaptation}
        full = name if average is None else f"{name}/{reduction}"
        made.append(host.subject(full, "sequence-logprob", code_named, *told, **judged))
    return made


def _pairs(options: Sequence[str]) -> list[tuple[str, str]]:
    """`option=argument` as pairs."""
    split = [option.partition("=") for option in options]
    return [(option, argument or option) for option, _, argument in split]
