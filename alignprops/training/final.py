"""What a run leaves: the trained head, the adapter or the whole model, and how to put it on a model again."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from alignprops._errors import InputError
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.silence import silence
from alignprops.trace.files import read_json
from alignprops.trace.format import FINAL, METADATA
from alignprops.training.network_policy import adapted_network
from alignprops.training.output_head import output_head
from alignprops.training.policy import Policy
from alignprops.training.settings import TrainSettings


def save_final(policy: Policy, folder: Path) -> None:
    """Write `final/` whole or not at all."""
    building = Path(tempfile.mkdtemp(prefix=f".{FINAL}-", dir=folder))
    try:
        building.chmod(0o755)
        policy.save(building)
        shutil.rmtree(folder / FINAL, ignore_errors=True)  # of a process that was killed right here
        building.rename(folder / FINAL)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def trained_network(model: LanguageModel, folder: Path) -> Any:
    """The network of a finished run, in the dtype and on the device of the model that training began with.

    The model is left alone. Adapters are merged into the weights, so that the network is of the model's own class and
    can be trained again. A head that was tied to the input embedding no longer is.

    Raises:
        InputError: what the run should have left is missing, damaged or of another model.
    """
    final = folder / FINAL
    settings = read_json(folder / METADATA)["settings"]
    if not final.is_dir():
        raise InputError(f"{final}: missing; the run is not finished, go on with it by --resume")
    if settings["method"] == "full":
        return load_model(final, dtype=model.dtype, device=model.device).network
    if settings["method"] == "head":
        network = copy.deepcopy(model.network)
        _replace_head(network, final)
        return network
    return _merged(model, final, settings)


def _merged(model: LanguageModel, final: Path, settings: Mapping[str, Any]) -> Any:
    """A copy of the model with the stored adapters in its weights.

    The adapters are made anew by the settings of the run, and take the stored numbers: peft, were it asked to find the
    file, would also read a pickle or look for one on the hub.
    """
    stored = _stored(final / "adapter_model.safetensors")
    made = TrainSettings(method="lora", lora_rank=settings["lora_rank"], lora_alpha=settings["lora_alpha"])
    with torch.random.fork_rng(devices=[]):
        adapted = adapted_network(model, made.resolved(1))
    import peft

    wanted = {name: tuple(weight.shape) for name, weight in peft.get_peft_model_state_dict(adapted).items()}
    found = {name: tuple(weight.shape) for name, weight in stored.items()}
    if found != wanted:
        name = min(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise InputError(
            f"{final}: adapters of another model: {name} has the shape {found.get(name)} there and "
            f"{wanted.get(name)} here; take the model that training began with"
        )
    with silence():
        peft.set_peft_model_state_dict(adapted, stored)
        return adapted.merge_and_unload().eval()


def _stored(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: missing or damaged ({error}); train again into another folder") from error


@torch.no_grad()
def _replace_head(network: Any, final: Path) -> None:
    module = output_head(network).module
    stored = _stored(final / "head.safetensors")
    weight = module.weight.detach().clone()
    if "rows" in stored:
        others = float(stored["others_scale"])
        if others != 1:
            weight = (others * weight.double()).to(weight.dtype)
        weight[stored["rows"].to(weight.device)] = stored["weight"].to(weight)
    else:
        weight = stored["weight"].to(weight)
    module.weight = nn.Parameter(weight, requires_grad=False)
    network.config.tie_word_embeddings = False
