"""verl's advantages: GAE before it is whitened, and the estimators that compare the responses of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_RAW = "advantages before whitening: the returns that it gives, less the values"
_MORE = "two more responses stand behind the batch: it raises where there are fewer than two tokens to whiten"
_SHORT = "each response has one token"
#: Functions by name, with the formula, other arguments, and what the adapter is told.
_GROUPS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "rloo": ("compute_rloo_outcome_advantage", "rloo", {}, {}),
    "rloo_vectorized": ("compute_rloo_vectorized_outcome_advantage", "rloo", {}, {}),
    "grpo": ("compute_grpo_outcome_advantage", "grpo", {}, {"variant": "sample"}),
    "dr_grpo": ("compute_grpo_outcome_advantage", "dr-grpo", {"norm_adv_by_std_in_grpo": False}, {}),
}


def subjects(host: Host) -> list[Subject]:
    """All that has a formula here."""
    algorithms = load(host, "verl.trainer.ppo.core_algos")
    groups = [_group(host, algorithms, name) for name, form in _GROUPS.items() if hasattr(algorithms, form[0])]
    return [_gae(host, algorithms.compute_gae_advantage_return), *groups]


def _gae(host: Host, function: Any) -> Subject:
    def called(**given: Any) -> Any:
        rows = len(given["rewards"])
        padded = [torch.cat([given[name], torch.ones_like(given[name][:1])]) for name in ("rewards", "values", "mask")]
        padded = [torch.cat([part, part[-1:]]) for part in padded]
        returns = function(*padded, given["gamma"], given["lam"])[1][:rows]
        return returns - given["values"], returns

    code = wrapper(called, ("rewards", "values", "mask"), ("gamma", "lam"))
    name = "compute_gae_advantage_return"
    return host.subject(name, "advantages", code, _RAW, _MORE, loss="gae", mask_dtype="float32")


def _group(host: Host, algorithms: Any, name: str) -> Subject:
    function, loss, settings, judged = _GROUPS[name]
    scaled = loss == "grpo"

    def called(**given: Any) -> Any:
        rewards = given["rewards"].reshape(-1, 1)
        ids = np.array([str(group) for group in given["group_ids"].reshape(-1).tolist()], dtype=object)
        arguments = settings | ({"epsilon": given["epsilon"]} if scaled else {})
        advantages = getattr(algorithms, function)(rewards, torch.ones_like(rewards), ids, **arguments)[0]
        return advantages.reshape(given["rewards"].shape)

    code = wrapper(called, ("rewards", "group_ids"), ("epsilon",) if scaled else ())
    return host.subject(f"advantages/{name}", "advantages", code, _SHORT, loss=loss, **judged)
