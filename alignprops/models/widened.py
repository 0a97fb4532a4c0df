"""Computing in float64 where the code of a model says float32.

The norms and the attention of most models are written to compute in float32, whatever the weights are in: a float64
copy of such a model is still a float32 model. Within this mode every float32 that the code asks for is float64, and
what comes out in float32 all the same is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Widened(TorchFunctionMode):
    """Turns float32 into float64 in every torch call; `narrow` tells whether a float32 tensor was made nevertheless."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func` with float64 in place of float32."""
        if func is Tensor.float:
            func = Tensor.double
        made = func(*map(_wide, args), **{name: _wide(value) for name, value in (kwargs or {}).items()})
        if isinstance(made, Tensor) and made.dtype == torch.float32:
            self.narrow = True
        return made


def _wide(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value
