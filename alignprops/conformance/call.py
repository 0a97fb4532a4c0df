"""Calling code with tensors, and what comes back: outputs, gradients, and what it did to its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alignprops._errors import TheoremError
from alignprops.atoms import is_tensor

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Call:
    """What code is called with, under the names of its kind.

    Attributes:
        tensors: inputs by name; floats in the dtype of the problem, masks and counts as int64 or bool.
        options: hyper-parameters by name, plain Python values.
        differentiable: the inputs that require a gradient.
    """

    tensors: Mapping[str, Tensor]
    options: Mapping[str, Any]
    differentiable: tuple[str, ...] = ()

    def with_tensors(self, **changed: Tensor) -> Call:
        """The same call with some inputs replaced."""
        return Call({**self.tensors, **changed}, self.options, self.differentiable)

    def with_options(self, **changed: Any) -> Call:
        """The same call with some options replaced."""
        return Call(self.tensors, {**self.options, **changed}, self.differentiable)


#: What outputs have beside their own if the code changed the object that it is a method of.
SELF_CHANGED = "self changed"
#: Code behind the interface of its kind: outputs by the kind's names.
Normal = Callable[[Call], Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Found:
    """What code makes of a call, widened exactly to float64.

    Attributes:
        outputs: by the kind's names.
        gradients: of Σ upstream · main output, in every differentiable input; zeros where it does not depend on it.
        attached: for every output whether it carries a gradient.
        modified: the inputs that are no longer what they were, and "self" if the object's options are not.
    """

    outputs: Mapping[str, Floats]
    gradients: Mapping[str, Floats] = field(default_factory=dict)
    attached: Mapping[str, bool] = field(default_factory=dict)
    modified: tuple[str, ...] = ()


def make_call(
    arrays: Mapping[str, NDArray[Any]], options: Mapping[str, Any], *, dtype: str, differentiable: tuple[str, ...]
) -> Call:
    """A call with fresh tensors on the CPU: float arrays in `dtype`, the others as they are."""
    import torch

    made: dict[str, Tensor] = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(np.array(array, order="C"))
        made[name] = tensor.to(getattr(torch, dtype)) if tensor.is_floating_point() else tensor
    for name in differentiable:
        made[name].requires_grad_()
    return Call(made, dict(options), differentiable)


def run(function: Normal, call: Call, *, main: str | None = None, upstream: Any = None) -> Found:
    """Call the code, and differentiate Σ upstream · `main` in every differentiable input.

    Args:
        function: the code behind the interface of its kind.
        call: fresh tensors; whether the code changes them is told.
        main: the output to differentiate.
        upstream: float64, of the shape of the main output or broadcast to it; None: no gradients.

    Raises:
        TheoremError: the main output is missing or is no tensor.
    """
    import torch

    before = {name: (tensor.detach().clone(), tensor._version) for name, tensor in call.tensors.items()}
    with torch.enable_grad():
        outputs = dict(function(call))
        changed = ("self",) if outputs.pop(SELF_CHANGED, False) else ()
        gradients = {} if upstream is None or main is None else _gradients(outputs, call, main, upstream)
    modified = changed + tuple(
        name for name, (was, version) in before.items() if _differs(call.tensors[name], was, version)
    )
    return Found(
        {name: _widened(value) for name, value in outputs.items()},
        gradients,
        {name: is_tensor(value) and value.requires_grad for name, value in outputs.items()},
        modified,
    )


def _gradients(outputs: Mapping[str, Any], call: Call, main: str, upstream: Any) -> dict[str, Floats]:
    import torch

    value: Any = outputs.get(main)
    if not is_tensor(value):
        raise TheoremError(f"the subject returned no tensor {main!r}; it returned {', '.join(outputs) or 'nothing'}")
    leaves = [call.tensors[name] for name in call.differentiable]
    if not value.requires_grad:
        return {name: np.zeros(tuple(leaf.shape)) for name, leaf in zip(call.differentiable, leaves, strict=True)}
    weights = torch.as_tensor(np.broadcast_to(upstream, tuple(value.shape)).copy()).to(value.dtype)
    found: tuple[Any, ...] = torch.autograd.grad(value, leaves, weights, allow_unused=True)
    pairs = zip(call.differentiable, leaves, found, strict=True)
    return {name: np.zeros(tuple(leaf.shape)) if part is None else _widened(part) for name, leaf, part in pairs}


def _widened(value: Any) -> Floats:
    if is_tensor(value):
        floats: Floats = value.detach().cpu().double().numpy().copy()
        return floats
    return np.asarray(value, dtype=np.float64)


def _differs(now: Tensor, was: Tensor, version: int) -> bool:
    import torch

    return now._version != version or not torch.equal(
        torch.nan_to_num(now.detach().double(), nan=12345.0), torch.nan_to_num(was.double(), nan=12345.0)
    )
