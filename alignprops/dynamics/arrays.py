"""The few operations that numpy and torch spell differently."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from alignprops._errors import InputError


def is_tensor(x: Any) -> bool:
    """Whether `x` is a torch tensor; asks without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def stack(parts: list[Any], *, axis: int) -> Any:
    """np.stack or torch.stack."""
    if is_tensor(parts[0]):
        return sys.modules["torch"].stack(parts, dim=axis)
    return np.stack(parts, axis=axis)


def transposed(x: Any) -> Any:
    """The last two axes swapped."""
    return x.swapaxes(-1, -2)


def to_backend(values: Any, *, like: Any = None, dtype: str | None = None, device: str | None = None) -> Any:
    """`values` as an array of the kind, dtype and device of `like`, or of the given ones.

    Without `like`, `dtype` and `device`: float32 and float64 stay as they are, everything else becomes float64.
    """
    if dtype not in (None, "float32", "float64"):
        raise InputError(f"dtype is {dtype!r}; expected 'float32' or 'float64'")
    if like is not None:
        if not is_tensor(like):
            return np.asarray(values).astype(like.dtype, copy=False)
        import torch

        return torch.as_tensor(values, dtype=like.dtype, device=like.device)
    if device is None and not is_tensor(values):
        array = np.asarray(values)
        kept = array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float64)
        return array.astype(dtype or kept, copy=False)
    return _to_tensor(values, dtype=dtype, device=device)


def _to_tensor(values: Any, *, dtype: str | None, device: str | None) -> Any:
    import torch

    if device is not None and torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {device!r} was asked for, but this torch sees no CUDA device; use device='cpu'")
    tensor = torch.as_tensor(values, device=device)
    if dtype is not None:
        return tensor.to(getattr(torch, dtype))
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.to(torch.float64)
