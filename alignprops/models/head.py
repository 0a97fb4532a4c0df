"""The unembedding of a language model: `logits = c * W x + b`, checked on the model itself.

x is the input of the output embedding, taken by a forward pre-hook: it is the vector that W multiplies,
after the final norm, whatever the architecture. c is a constant that some models multiply in afterwards
(Cohere, Granite); it is folded into x. b cancels in every difference to the reference. A head that is
not of this form (Gemma-2's soft-cap) is refused, because the theory does not apply to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alignprops._errors import ModelError
from alignprops.models.loading import LanguageModel
from alignprops.models.silence import silence

_PROBE_LENGTH = 4
# Largest |logit| that probes are scaled to: the usual soft-caps, 30 and 50, bend all but the first.
_PROBE_LOGITS = (10.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The unembedding: `logits = scale * weight @ x + bias`."""

    weight: np.ndarray[Any, np.dtype[np.floating[Any]]]
    """(V, d), float64 for a float64 model and else float32; widened exactly."""
    scale: float
    has_bias: bool
    tied: bool
    """Whether the model uses the same tensor as its input embedding; training then needs a copy."""


def output_embedding(model: LanguageModel) -> Any:
    """The module whose input is x."""
    module = model.network.get_output_embeddings()
    weight = getattr(module, "weight", None)
    if not isinstance(module, nn.Module) or not isinstance(weight, Tensor):
        raise ModelError(f"{model.name}: the model has no output embedding; expected a causal language model")
    if weight.ndim != 2 or not weight.is_floating_point():
        raise ModelError(f"{model.name}: the output embedding is not a plain matrix (quantised?); load it unquantised")
    return module


def read_head(model: LanguageModel) -> Head:
    """The unembedding of a model, after the check that it is linear.

    Raises:
        ModelError: the logits are not `c * W x + b`, or the weights are not finite.
    """
    module = output_embedding(model)
    if not bool(torch.isfinite(module.weight).all()):
        raise ModelError(f"{model.name}: the output embedding holds NaN or inf in {model.dtype}; try float32")
    scale, _ = linear_form(model, module)
    embedding = model.network.get_input_embeddings()
    tied = embedding is not None and embedding.weight.data_ptr() == module.weight.data_ptr()
    weight = module.weight.detach()
    exact = weight if weight.dtype == torch.float64 else weight.float()
    return Head(
        np.ascontiguousarray(exact.cpu().numpy()),
        scale,
        getattr(module, "bias", None) is not None,
        bool(tied),
    )


def linear_form(model: LanguageModel, module: Any) -> tuple[float, float]:
    """c and e of `logits = c * W x + e * b`, by least squares over probes; e is 1 where the bias is 0 or missing.

    Raises:
        ModelError: a remainder is left, so that the logits are not of this form.
    """
    probes, logits = _probe(model, module)
    weight = module.weight.detach().double()
    if logits.shape[-1] != weight.shape[0]:
        raise ModelError(
            f"{model.name}: {logits.shape[-1]} logits from an output embedding of {weight.shape[0]} rows; "
            f"expected as many"
        )
    linear = probes.double() @ weight.T  # (probes, V)
    columns = [linear.flatten()]
    bias = getattr(module, "bias", None)
    if bias is not None:
        columns.append(bias.detach().double().expand_as(linear).flatten())
    design, target = torch.stack(columns, dim=1).cpu().numpy(), logits.double().flatten().cpu().numpy()
    fitted = np.linalg.lstsq(design, target, rcond=None)[0]
    remainder = float(np.abs(design @ fitted - target).max())
    # Logits of size a are rounded by a * eps, their sums of d products by a few more.
    eps = torch.finfo(module.weight.dtype).eps
    allowed = 16 * eps * float(np.abs(target).max())
    if not remainder <= allowed or fitted[0] == 0:
        raise ModelError(
            f"{model.name}: the logits are not a linear function of the last hidden state "
            f"(soft-capping, as in Gemma-2?): best fit {fitted[0]:.4g} W x is off by {remainder:.2g}, "
            f"rounding explains {allowed:.2g}; the method does not apply"
        )
    within = min(4 * eps, 5e-4)
    bias_scale = float(fitted[1]) if bias is not None and bool(bias.any()) else 1.0
    return _shortest(float(fitted[0]), within=within), _shortest(bias_scale, within=within)


def _shortest(value: float, *, within: float) -> float:
    """The shortest decimal close to `value`: c is a written constant, nearly always 1, and the fit is rounded."""
    candidates = (float(f"{value:.{digits}g}") for digits in range(1, 17))
    return next((c for c in candidates if abs(c - value) <= within * abs(value)), value)


def _probe(model: LanguageModel, module: Any) -> tuple[Tensor, Tensor]:
    """Hidden states that were put into the head, small and large, and the logits that came out.

    The first are the model's own; the others are random, scaled until the logits are large.
    """
    ids = torch.arange(_PROBE_LENGTH, device=model.device)[None] % module.weight.shape[0]
    put: list[Tensor] = []

    def replace(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        own = args[0][0, -_PROBE_LENGTH:]
        noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(0)).to(own)
        size = float((noise.double() @ module.weight.double().T).abs().max()) or 1.0
        probes = torch.cat([own, *(noise * (logit / size) for logit in _PROBE_LOGITS)])
        put.append(probes)
        return (probes[None],)

    handle = module.register_forward_pre_hook(replace)
    try:
        with silence(), torch.inference_mode():
            logits = model.network(input_ids=ids, use_cache=False).logits
    finally:
        handle.remove()
    if len(put) != 1 or logits.shape[1] != len(put[0]):
        raise ModelError(f"{model.name}: the output embedding is not what the logits come from")
    # Half precision may overflow on its own states: which statement does is told when they are read.
    finite = torch.isfinite(put[0]).all(dim=1) & torch.isfinite(logits[0]).all(dim=1)
    if not bool(finite.any()):
        raise ModelError(f"{model.name}: the logits are NaN or inf in {model.dtype}; try float32")
    return put[0][finite], logits[0][finite]


class LastStates:
    """Takes x at one position of each sequence, and lets the head see only those positions."""

    def __init__(self) -> None:
        self.positions: Tensor | None = None
        """(B,) int64: the position wanted in each sequence of the next batch."""
        self.states: Tensor | None = None
        """(B, d): x at those positions, in the model's dtype."""

    def __call__(self, _: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Keep x at the positions wanted, and pass only that on."""
        hidden = args[0]  # (B, T, d)
        self.states = hidden[torch.arange(len(hidden), device=hidden.device), self.positions]
        # A head on one position instead of T: for a vocabulary of 150,000 the logits would dwarf the model.
        return (self.states[:, None],)


@contextmanager
def last_states(model: LanguageModel) -> Iterator[LastStates]:
    """Hook the head of a model for the time of a reading."""
    taken = LastStates()
    handle = output_embedding(model).register_forward_pre_hook(taken)
    try:
        yield taken
    finally:
        handle.remove()
