"""What is settled by calling the code once on a probe: its reduction, its outputs, the convention that it follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.conformance.call import SELF_CHANGED, Call
from alignprops.conformance.conformer import Conformer
from alignprops.expressions import Rounded
from alignprops.subjects.adapters.adaptation import Adaptation


@dataclass(frozen=True, slots=True)
class Probe:
    """A small generic input of a kind, on which conventions and reductions differ.

    Attributes:
        main: the name of the main output.
        shape: of the main output where nothing is reduced, for a conformer.
        call: the probe as a call of a conformer.
        compare: what a conformer's main output is, and what it should be, under its convention and reduction.
        reducible: whether code of the kind may reduce its main output to one number.
        forms: the kind's forms with what their inputs look like, for messages.
    """

    main: str
    shape: Callable[[Conformer], tuple[int, ...]]
    call: Callable[[Conformer], Call]
    compare: Callable[[Conformer], tuple[Any, Rounded]]
    reducible: bool = True
    forms: Mapping[str, str] = field(default_factory=dict)


def settle(conformer: Conformer, adaptation: Adaptation, probe: Probe) -> Conformer:
    """The conformer with its outputs, its reduction and its convention, and how they were found.

    Raises:
        InputError: the code does not run on the probe, or its main output has none of the shapes that it may have.
    """
    try:
        outputs = conformer.function(probe.call(conformer))
    except InputError:
        raise
    except Exception as error:  # whatever somebody's code raises: without it nothing can be checked
        raise InputError(_raised(error, conformer, probe)) from error
    reductions = _reductions(tuple(outputs[probe.main].shape), conformer, adaptation, probe)
    candidates = [
        replace(
            conformer, variant=variant, reduction=reduction, outputs=frozenset(outputs) - {probe.main, SELF_CHANGED}
        )
        for variant in ([conformer.variant] if adaptation.variant else conformer.specification.variants)
        for reduction in reductions
    ]
    matching = [candidate for candidate in candidates if matches(candidate, probe)]
    settled = (matching or candidates)[0]
    return replace(settled, assumptions=(*settled.assumptions, *_told(settled, matching, reductions, adaptation)))


def _raised(error: Exception, conformer: Conformer, probe: Probe) -> str:
    """What was raised, what the code was given, and what to do where a mask may be the reason."""
    tensors = probe.call(conformer).tensors
    taken = {name: t for name, t in tensors.items() if conformer.binding is None or conformer.binding.takes(name)}
    given = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in taken.items())
    form = f", the form {conformer.form!r}" if conformer.form else ""
    told = f"it raised on a small float64 input: {type(error).__name__}: {error} (it was given {given}{form})"
    others = [f"{name} ({what})" for name, what in probe.forms.items() if name != conformer.form.partition(", ")[0]]
    if others:
        told += f"; the kind's other forms, --form: {'; '.join(others)}"
    flags = any(str(tensor.dtype) == "torch.bool" for tensor in taken.values())
    if flags and getattr(conformer.binding, "mask_dtype", "") == "bool" and "bool" in str(error).lower():
        told += "; masks were given as bool: --mask-dtype float32 or --mask-dtype int64 gives them as numbers"
    return told


def _reductions(shape: tuple[int, ...], conformer: Conformer, adaptation: Adaptation, probe: Probe) -> list[str]:
    whole = probe.shape(conformer)
    asked = adaptation.reduction
    if shape == whole:
        if asked in ("mean", "sum"):
            raise InputError(f"reduction is {asked!r}, but it returns {probe.main!r} of shape {shape}, not reduced")
        return ["none"]
    if shape not in ((), (1,)) or not probe.reducible:
        allowed = f"{whole} or ()" if probe.reducible else f"{whole}"
        raise InputError(f"its {probe.main} has shape {shape} where {allowed} was expected; see --returns and --form")
    if asked == "none":
        raise InputError(f"reduction is 'none', but its {probe.main} is one number for the whole batch")
    return [asked] if asked else ["mean", "sum"]


def matches(candidate: Conformer, probe: Probe) -> bool:
    """Whether its values on the probe are those of the formula, under its convention and reduction."""
    try:
        found, expected = probe.compare(candidate)
    except Exception:  # noqa: BLE001  # a backward pass that fails: the claims will meet it, and tell it
        return False
    return near(np.asarray(found).reshape(np.shape(expected.value)), expected)


def near(found: Any, expected: Rounded) -> bool:
    """Whether numbers are the expected ones, up to honest errors and what single precision does not show."""
    return bool(np.all(np.abs(found - expected.value) <= np.maximum(expected.error, 1e-6 * np.abs(expected.value))))


def _told(
    settled: Conformer, matching: list[Conformer], reductions: list[str], adaptation: Adaptation
) -> Iterator[str]:
    if adaptation.reduction is None:
        how = "not reduced" if settled.reduction == "none" else f"the {settled.reduction} over the batch"
        measured = " (its value on a probe says so)" if matching and len(reductions) > 1 else ""
        yield f"what it returns is {how}{measured}"
    if adaptation.variant is None and len(settled.specification.variants) > 1:
        yield _told_variant(settled, {candidate.variant for candidate in matching})
    if adaptation.returns is None and settled.outputs:
        beside = ", ".join(sorted(settled.outputs))
        yield f"beside it, {beside} are read off what it returns, by name or else in the usual order (see --returns)"
    if not matching:
        yield "on a small probe its value is not that of the formula, in any documented convention"


def _told_variant(settled: Conformer, matching: set[str]) -> str:
    name, meaning = settled.variant, settled.specification.variants[settled.variant]
    if len(matching) == 1:
        return f"follows the convention {name!r}, {meaning}: its value on a probe is that of no other"
    if matching:
        return f"judged by the convention {name!r}, {meaning}; the documented ones do not differ in this form"
    return f"judged by the usual convention {name!r}, {meaning}; say another with --convention"
