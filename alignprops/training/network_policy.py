"""Training inside the network: all weights (`full`) or low-rank adapters (`lora`), on a copy of the model.

Master weights. What the optimiser moves is float32 (float64 for a float64 model). The weights of a model in half
precision are kept a second time in float32: the network computes with their rounding to half, gradients of the batches
of a step are added up in float32, and no update is lost to rounding. Adapters are float32 beside a model in half.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignprops._errors import InputError, ModelError
from alignprops.models.loading import LanguageModel
from alignprops.models.silence import silence
from alignprops.trace.format import Split
from alignprops.training.logps import features_of_prompts, response_logps
from alignprops.training.output_head import output_head
from alignprops.training.policy import Pairs, norm
from alignprops.training.references import reference_logps
from alignprops.training.settings import TrainSettings, usual_learning_rate

#: Pairs that an evaluation reads at once.
READ_AT_ONCE = 16

Save = Callable[[Any, Path], None]


class NetworkPolicy:
    """A network whose parameters that require a gradient are trained; the network is moved in place."""

    def __init__(self, network: Any, pairs: Pairs, save: Save) -> None:
        self._network, self._pairs, self._save = network, pairs, save
        self._live = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        self._masters = {name: _master(weight) for name, weight in self._live.items()}
        self._initial = {name: master.detach().clone() for name, master in self._masters.items()}
        head = output_head(network)
        self._head_name = next((name for name, weight in self._live.items() if weight is head.weight), None)

    @property
    def weights(self) -> Mapping[str, Tensor]:
        return self._masters

    def default_learning_rate(self, settings: TrainSettings) -> float:
        return usual_learning_rate(settings)

    def log_ratios(self, split: Split, rows: Sequence[int]) -> Tensor:
        chosen, rejected = response_logps(self._network, self._pairs[split], rows)
        return chosen - rejected

    def collect_gradients(self) -> None:
        for name, master in self._masters.items():
            live = self._live[name]
            if master is live or live.grad is None:
                continue
            wide = live.grad.to(master.dtype)
            master.grad = wide if master.grad is None else master.grad + wide
            live.grad = None

    @torch.no_grad()
    def after_update(self, step: int) -> None:
        for name, master in self._masters.items():
            if master is not self._live[name]:
                self._live[name].copy_(master)

    def all_logps(self, split: Split) -> NDArray[np.float64]:
        return reference_logps(self._network, self._pairs[split], batch_size=READ_AT_ONCE)

    def states(self, rows: Sequence[int]) -> NDArray[np.float32]:
        return features_of_prompts(self._network, self._pairs["train"], rows, batch_size=READ_AT_ONCE)

    def head_change(self) -> float:
        if self._head_name is None:
            return 0.0
        return norm([self._masters[self._head_name].detach() - self._initial[self._head_name]])

    def parameter_change(self) -> float:
        return norm([master.detach() - self._initial[name] for name, master in self._masters.items()])

    def save(self, folder: Path) -> None:
        """As `transformers` or peft save it."""
        with silence():
            self._save(self._network, folder)


def full_policy(model: LanguageModel, pairs: Pairs) -> NetworkPolicy:
    """Every weight of a copy of the model."""
    network = copy.deepcopy(model.network)
    for weight in network.parameters():
        weight.requires_grad_(weight.is_floating_point())

    def save(trained: Any, folder: Path) -> None:
        trained.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)

    return NetworkPolicy(network, pairs, save)


def lora_policy(model: LanguageModel, pairs: Pairs, settings: TrainSettings) -> NetworkPolicy:
    """The adapters of `adapted_network`."""
    return NetworkPolicy(
        adapted_network(model, settings), pairs, lambda trained, folder: trained.save_pretrained(folder)
    )


def adapted_network(model: LanguageModel, settings: TrainSettings) -> Any:
    """Adapters on every linear layer but the head, B = 0 at the start: the policy begins as its own reference.

    A is drawn from torch's global generator, which a run has seeded.

    Raises:
        InputError: peft is not installed.
        ModelError: peft finds nothing to adapt.
    """
    try:
        import peft
    except ImportError as error:
        raise InputError('method lora needs peft; install it with: pip install "alignprops[train]"') from error
    config = peft.LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,  # type: ignore[arg-type]  # any number does
        lora_dropout=0.0,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        with silence():
            network: Any = peft.get_peft_model(copy.deepcopy(model.network), config)
    except ValueError as error:
        raise ModelError(f"{model.name}: peft cannot adapt it ({error}); try method full or head") from error
    return network.eval()


def _master(weight: Tensor) -> Tensor:
    """The weight itself, or a float32 copy of one in half precision."""
    if weight.dtype in (torch.float32, torch.float64):
        return weight
    return weight.detach().float().clone().requires_grad_()
