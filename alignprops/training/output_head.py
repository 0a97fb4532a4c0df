"""The output embedding of a network in training: found behind wrappers, checked once, and kept from running.

`logits = c·W x + e·b` as in `alignprops.models.head`; x is taken by a forward pre-hook, and the head then sees a single
position, so that the logits of the others never exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from alignprops._errors import ModelError
from alignprops.models.head import linear_form, output_embedding
from alignprops.models.loading import LanguageModel


@dataclass(frozen=True, slots=True, eq=False)
class OutputHead:
    """The output embedding and the constants of `logits = scale·W x + bias_scale·b`."""

    module: Any
    scale: float
    bias_scale: float

    @property
    def weight(self) -> Tensor:
        """(V, d), the parameter itself."""
        weight: Tensor = self.module.weight
        return weight

    @property
    def bias(self) -> Tensor | None:
        """(V,), the parameter itself, or None."""
        bias: Tensor | None = getattr(self.module, "bias", None)
        return bias


#: (scale, bias_scale) of the networks that were probed, for as long as they live.
_FORMS: WeakKeyDictionary[nn.Module, tuple[float, float]] = WeakKeyDictionary()


def output_head(network: Any) -> OutputHead:
    """The head of a `transformers` network, also one wrapped by peft or for several GPUs; probed the first time.

    Raises:
        ModelError: there is none, it is not linear (soft-capped), or it carries an adapter.
    """
    inner = unwrapped(network)
    model = _as_model(inner)
    module = output_embedding(model)
    if getattr(module, "base_layer", None) is not None:
        raise ModelError(
            f"{model.name}: the output embedding carries an adapter, so its logits are not W x; leave it out of the "
            f"adapter's target modules"
        )
    if inner not in _FORMS:
        _FORMS[inner] = linear_form(model, module)
    return OutputHead(module, *_FORMS[inner])


def unwrapped(network: Any) -> nn.Module:
    """The network inside the wrappers that spread it over GPUs; peft's stay, for they pass everything on."""
    while isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        network = network.module
    inner: nn.Module = network
    return inner


@contextmanager
def taken_states(head: OutputHead) -> Iterator[list[Tensor]]:
    """Collects the (B, T, d) inputs of the head, and lets the head see one position only."""
    taken: list[Tensor] = []

    def take(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        taken.append(args[0])
        return (args[0][:1, :1].detach(),)

    handle = head.module.register_forward_pre_hook(take)
    try:
        yield taken
    finally:
        handle.remove()


def _as_model(network: nn.Module) -> LanguageModel:
    """What the probe of the head takes; it reads no text."""
    embedding: Any = network.get_input_embeddings()  # type: ignore[operator]  # of every transformers model
    weight: Tensor = embedding.weight
    dtype = str(weight.dtype).removeprefix("torch.")
    config: Any = getattr(network, "config", None)
    name = str(getattr(config, "_name_or_path", "") or type(network).__name__)
    return LanguageModel(name, network, None, dtype, str(weight.device), None)


def device_of(network: Any) -> torch.device:
    """Where the token ids go."""
    device: torch.device = unwrapped(network).get_input_embeddings().weight.device  # type: ignore[operator]
    return device
