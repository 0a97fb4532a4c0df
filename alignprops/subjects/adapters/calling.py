"""Somebody's code called as its kind is: masks as it wants them, outputs under the kind's names, the sign turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from alignprops.conformance.call import SELF_CHANGED, Call, Normal
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding
from alignprops.subjects.adapters.outputs import Returned, named_outputs


def as_normal(
    binding: Binding,
    adaptation: Adaptation,
    returned: Sequence[Returned],
    *,
    flags: Sequence[str] = ("mask",),
    constants: Mapping[str, Any] | None = None,
    read: Callable[[Any], Any] = lambda result: result,
) -> Normal:
    """The code behind the interface of its kind.

    Args:
        binding: how it is called.
        adaptation: what the user says of it.
        returned: what code of the kind may return, the main output first.
        flags: names of bool tensors, which are given in the dtype that the user names.
        constants: values of roles that are no tensors and no options.
        read: what is looked at of a result that the user has not named the parts of.
    """
    dtype, main = getattr(torch, adaptation.mask_dtype), returned[0].name

    def called(call: Call) -> Mapping[str, Any]:
        given = {name: call.tensors[name].to(dtype) for name in flags if name in call.tensors}
        values = {**call.tensors, **given, **(constants or {}), **call.options}
        extras = {name: call.options[name] for name in binding.extras if name in call.options}
        result, changed = binding.called(values, extras)
        outputs = named_outputs(result if adaptation.returns else read(result), returned, adaptation.returns)
        turned = {main: adaptation.sign * outputs[main]} if adaptation.sign < 0 else {}
        return {**outputs, **turned, **({SELF_CHANGED: True} if changed else {})}

    return called
