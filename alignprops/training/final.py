"""What a run leaves: the trained head, the adapter or the whole model, and how to put it on a model again."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.silence import silence
from alignprops.trace.files import read_json
from alignprops.trace.format import FINAL, METADATA
from alignprops.training.output_head import output_head
from alignprops.training.policy import Policy


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
    """
    final = folder / FINAL
    method = read_json(folder / METADATA)["settings"]["method"]
    if method == "full":
        return load_model(final, dtype=model.dtype, device=model.device).network
    network = copy.deepcopy(model.network)
    if method == "head":
        _replace_head(network, final)
        return network
    import peft

    with silence():
        adapted: Any = peft.PeftModel.from_pretrained(network, final)
        return adapted.merge_and_unload().eval()


@torch.no_grad()
def _replace_head(network: Any, final: Path) -> None:
    module = output_head(network).module
    stored = load_file(final / "head.safetensors")
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
