"""Log-probabilities of given tokens without the logits of all positions.

The plain computation keeps the (N, V) logits in float32, their log-softmax and its gradient: for 4096 positions and a
vocabulary of 32,000 that is 1.5 GiB where the states take 8 MiB. Here a chunk of positions is turned into logits,
reduced to what is wanted and forgotten. With l = c·W x + e·b at a position, m = max_v l_v and p = softmax(l):

    log p_y = (l_y − m) − log Σ_v exp(l_v − m)                                                             (L1)
    ∂(Σ_k g_k log p_{y_k})/∂x = c·(Σ_k g_k W_{y_k} − (Σ_k g_k) Wᵀp)                                        (L2)
    ∂(Σ_k g_k log p_{y_k})/∂l = Σ_k g_k 1_{y_k} − (Σ_k g_k) p,  ∂l/∂W = c·x,  ∂l/∂b = e                    (L3)

The mean row Wᵀp of (L2) is computed beside (L1), so that a frozen head costs the two products that it costs anyway; a
trained head costs one product more than the plain computation, for p is computed a second time.

Precision. Half-precision inputs are widened exactly and accumulated in float32; logits are never rounded to half. On
CUDA bfloat16 products use the matrix units, with p and the coefficients of (L3) rounded to bfloat16 as inputs of a
product, as plain bfloat16 training does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from alignprops._errors import InputError

#: Numbers of a chunk of logits: 32 MiB of float32 on a CPU, 512 MiB on a GPU, which wants large products.
_CHUNK_NUMBERS = {"cpu": 2**23, "cuda": 2**27}
#: Rows of a half-precision W that are widened at a time.
_WIDENED_ROWS = 4096
#: Since torch 2.8 a product of bfloat16 matrices can be had in float32 on CUDA; before, W is widened.
_MATRIX_UNITS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)


def lean_logps(
    states: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    scale: float = 1.0,
    bias: Tensor | None = None,
    bias_scale: float = 1.0,
    chunk: int | None = None,
) -> Tensor:
    """log softmax(scale·W x + bias_scale·b) at the target tokens, and its gradient, chunk by chunk.

    Args:
        states: (N, d) inputs x of the output embedding.
        weight: (V, d), of the dtype of the states.
        targets: (N,) int64 tokens, or (N, k) for k tokens at each position at the cost of one.
        scale: c.
        bias: (V,), or None.
        bias_scale: e.
        chunk: positions whose logits exist at one time; None chooses by V and the device. It changes the result by
            rounding only.

    Returns:
        Of the shape of `targets`: float64 for float64 inputs, else float32. Differentiable once, in states, weight
        and bias.

    Raises:
        InputError: shapes, dtypes or targets that do not fit.
    """
    _require_fitting(states, weight, targets, bias)
    if chunk is None:
        chunk = max(1, _CHUNK_NUMBERS.get(states.device.type, 2**23) // len(weight))
    if chunk < 1:
        raise InputError(f"the chunk is {chunk}; expected at least 1 position")
    columns = targets[:, None] if targets.ndim == 1 else targets
    function: Any = _LeanLogps  # its `apply` is not annotated
    logps: Tensor = function.apply(states, weight, bias, columns, scale, bias_scale, chunk)
    return logps.reshape(targets.shape)


class _LeanLogps(torch.autograd.Function):
    """(L1) forwards, (L2) and (L3) backwards."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        scale: float,
        bias_scale: float,
        chunk: int,
    ) -> Tensor:
        head = _Head(weight, bias, scale, bias_scale)
        logps = states.new_empty(targets.shape, dtype=head.dtype)
        mean_rows = states.new_empty(states.shape, dtype=head.dtype) if ctx.needs_input_grad[0] else None  # (N, d)
        with _full_precision(states):
            for part in _parts(len(states), chunk):
                logits = head.logits(states[part])  # (c, V)
                logits -= logits.max(dim=1, keepdim=True).values
                at_targets = logits.gather(1, targets[part])
                total = logits.exp_().sum(dim=1, keepdim=True)  # (c, 1)
                logps[part] = at_targets - total.log()  # L1
                if mean_rows is not None:
                    mean_rows[part] = head.times_weight(logits) / total  # Wᵀp
        ctx.save_for_backward(states, weight, bias, targets, mean_rows)
        ctx.numbers = scale, bias_scale, chunk
        return logps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        states, weight, bias, targets, mean_rows = ctx.saved_tensors
        scale, bias_scale, chunk = ctx.numbers
        head = _Head(weight, bias, scale, bias_scale)
        with _full_precision(states):
            for_states = None
            if mean_rows is not None:
                for_states = head.states_gradient(targets, upstream, mean_rows).to(states.dtype)
            for_weight, for_bias = None, None
            if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
                for_weight, for_bias = _head_gradients(head, states, targets, upstream, chunk, ctx.needs_input_grad)
        return for_states, for_weight, for_bias, None, None, None, None


def _head_gradients(
    head: _Head, states: Tensor, targets: Tensor, upstream: Tensor, chunk: int, needed: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None]:
    """(V, d) and (V,): the sums of (L3) over all positions, accumulated in the wide dtype."""
    weight, bias = head.weight, head.bias
    for_weight = torch.zeros_like(weight, dtype=head.dtype) if needed[1] else None
    for_bias = torch.zeros_like(bias, dtype=head.dtype) if bias is not None and needed[2] else None
    for part in _parts(len(states), chunk):
        coefficients = head.logits(states[part])  # (c, V)
        coefficients -= coefficients.max(dim=1, keepdim=True).values
        total = coefficients.exp_().sum(dim=1, keepdim=True)
        coefficients *= -upstream[part].sum(dim=1, keepdim=True) / total
        coefficients.scatter_add_(1, targets[part], upstream[part])  # L3
        if for_weight is not None:
            head.add_outer(for_weight, coefficients, states[part])
        if for_bias is not None:
            for_bias += coefficients.sum(dim=0)
    return (
        None if for_weight is None else for_weight.mul_(head.scale).to(weight.dtype),
        None if for_bias is None or bias is None else for_bias.mul_(head.bias_scale).to(bias.dtype),
    )


class _Head:
    """l = c·W x + e·b in the wide dtype, whatever W is kept in."""

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: float, bias_scale: float) -> None:
        self.weight = weight
        self.bias = bias
        self.scale = scale
        self.bias_scale = bias_scale
        self.dtype = torch.promote_types(weight.dtype, torch.float32)
        self.narrow = weight.is_cuda and weight.dtype == torch.bfloat16 and _MATRIX_UNITS

    def logits(self, states: Tensor) -> Tensor:
        """(c, V), a fresh tensor."""
        if self.narrow:
            logits = _product(states, self.weight.T)
        elif self.weight.dtype == self.dtype:
            logits = states @ self.weight.T
        else:
            logits = states.new_empty(len(states), len(self.weight), dtype=self.dtype)
            wide = states.to(self.dtype)
            for rows in _parts(len(self.weight), _WIDENED_ROWS):
                torch.mm(wide, self.weight[rows].to(self.dtype).T, out=logits[:, rows])
        if self.scale != 1:
            logits *= self.scale
        if self.bias is not None:
            logits += self.bias_scale * self.bias.to(self.dtype)
        return logits

    def times_weight(self, coefficients: Tensor) -> Tensor:
        """(c, d): coefficients (c, V) times W."""
        if self.narrow:
            return _product(coefficients.to(self.weight.dtype), self.weight)
        if self.weight.dtype == self.dtype:
            return coefficients @ self.weight
        product = coefficients.new_zeros(len(coefficients), self.weight.shape[1])
        for rows in _parts(len(self.weight), _WIDENED_ROWS):
            product.addmm_(coefficients[:, rows], self.weight[rows].to(self.dtype))
        return product

    def add_outer(self, total: Tensor, coefficients: Tensor, states: Tensor) -> None:
        """total (V, d) += coefficientsᵀ (V, c) times x (c, d)."""
        if self.narrow:
            total += _product(coefficients.to(states.dtype).T, states)
        else:
            total.addmm_(coefficients.T, states.to(self.dtype))

    def states_gradient(self, targets: Tensor, upstream: Tensor, mean_rows: Tensor) -> Tensor:
        """(N, d): c·(Σ_k g_k W_{y_k} − (Σ_k g_k) Wᵀp)."""
        gradient = -upstream.sum(dim=1, keepdim=True) * mean_rows
        for column in range(targets.shape[1]):
            gradient += upstream[:, column, None] * self.weight[targets[:, column]].to(self.dtype)
        return gradient * self.scale  # L2


def _product(left: Tensor, right: Tensor) -> Tensor:
    """The product of bfloat16 matrices in float32: the matrix units of a GPU add up in it anyway."""
    product: Any = torch.mm  # the overload that names the dtype of the product is not annotated
    result: Tensor = product(left, right, out_dtype=torch.float32)
    return result


def _parts(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _full_precision(states: Tensor) -> Any:
    """Autocast off: it would round the logits to half precision."""
    return torch.autocast(states.device.type, enabled=False)


def _require_fitting(states: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None) -> None:
    if states.ndim != 2 or weight.ndim != 2 or states.shape[1] != weight.shape[1]:
        raise InputError(
            f"states of shape {tuple(states.shape)} and a weight of shape {tuple(weight.shape)}; "
            f"expected (N, d) and (V, d)"
        )
    if states.dtype != weight.dtype or not states.is_floating_point():
        raise InputError(f"states are {states.dtype} and the weight {weight.dtype}; expected one floating dtype")
    if targets.ndim not in (1, 2) or len(targets) != len(states) or targets.dtype != torch.int64:
        raise InputError(
            f"targets of shape {tuple(targets.shape)}, {targets.dtype}; expected ({len(states)},) or "
            f"({len(states)}, k) int64, as many as states"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise InputError(f"a bias of shape {tuple(bias.shape)}; expected ({len(weight)},), a number for each row")
    if targets.numel() and not (int(targets.min()) >= 0 and int(targets.max()) < len(weight)):
        raise InputError(
            f"targets from {int(targets.min())} to {int(targets.max())}; expected tokens from 0 to {len(weight) - 1}"
        )
