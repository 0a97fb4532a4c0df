"""How host modules make subjects: which version is installed, wrappers with the field's names, assumptions."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from alignprops._errors import InputError
from alignprops.subjects.adapters import Adaptation
from alignprops.subjects.kinds import kind_named
from alignprops.subjects.subject import Subject

#: The four log-probabilities of a preference pair, in the order that the field gives them in.
POLICY = ("policy_chosen_logps", "policy_rejected_logps")
PAIR = (*POLICY, "reference_chosen_logps", "reference_rejected_logps")
MASKS = ("chosen_mask", "rejected_mask")


@dataclass(frozen=True)
class Host:
    """An installed host: its name, its version, and what was done to import it."""

    name: str
    version: str
    told: tuple[str, ...] = ()

    def subject(self, name: str, kind: str, code: Callable[..., Any], *told: str, **adaptation: Any) -> Subject:
        """A subject `host:name` of a kind.

        Args:
            name: of the host's callable, and after a slash which of its settings.
            kind: of host code.
            code: the callable, or a wrapper of it with the field's names.
            *told: what the wrapper does, a line each, for the report.
            **adaptation: parameters of the kind's adapter.

        The code is put behind the kind's interface when the subject is first asked for.
        """
        subject_id = f"{self.name}:{name}"

        @cache
        def get() -> Any:
            try:
                made = kind_named(kind).adapted(code, Adaptation.of(adaptation))
            except InputError as error:
                raise InputError(f"{subject_id} of {self.name} {self.version} cannot be called: {error}") from error
            assumed = (f"{self.name} {self.version}", *self.told, *told, *made.assumptions)
            return replace(made, assumptions=assumed)

        return Subject(subject_id, kind, get)


def installed(name: str, distribution: str, *, least: str, tried: str) -> Host:
    """The installed version of a host.

    Args:
        name: as `alignprops check` takes it.
        distribution: as pip takes it.
        least: the oldest version whose functions are known here.
        tried: the versions that the adapters were tried with, for the message.

    Raises:
        InputError: it is not installed, or too old.
    """
    told = f"the adapters were tried with {distribution} {tried}"
    try:
        found = version(distribution)
    except PackageNotFoundError as error:
        raise InputError(
            f"{name} is not installed in this environment: pip install {distribution} "
            f"(with --no-deps where it asks for packages that cannot be had; {told})"
        ) from error
    if _numbers(found) < _numbers(least):
        raise InputError(f"{name} {found} is too old, {least} is the oldest that can be checked; {told}")
    return Host(name, found)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


def load(host: Host, module: str) -> Any:
    """A module of the host.

    Raises:
        InputError: it cannot be imported; the message says what is missing.
    """
    try:
        return importlib.import_module(module)
    except InputError:
        raise
    except Exception as error:  # whatever its import raises
        told = f"{type(error).__name__}: {error}"
        missing = f"; pip install {error.name}" if isinstance(error, ModuleNotFoundError) and error.name else ""
        raise InputError(f"{module} of {host.name} {host.version} cannot be imported ({told}){missing}") from error


def found_in(host: Host, places: Sequence[str], name: str) -> Any:
    """What has that name in the first of the modules that the installed version has; None if it has none of them.

    Raises:
        InputError: one of them is there and cannot be imported.
    """
    for place in places:
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            if place.startswith(error.name or " "):  # a release that keeps it elsewhere
                continue
            load(host, place)
        except Exception:  # noqa: BLE001  # to be told by `load`
            load(host, place)
        else:
            if hasattr(module, name):
                return getattr(module, name)
    return None


def wrapper(call: Callable[..., Any], inputs: Sequence[str], options: Sequence[str] = ()) -> Callable[..., Any]:
    """A function with the named arguments that calls `call` with them, by keyword."""

    def wrapped(**given: Any) -> Any:
        return call(**given)

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, kind) for name in (*inputs, *options)]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return wrapped
