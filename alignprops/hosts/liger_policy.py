"""Liger-Kernel's GRPO losses: the bare function on token log-probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_TOLD = "called as LigerFusedLinearGRPOFunction.ppo_loss_fn on the log-probabilities of one chunk"
_BOUND = "ε_high is the largest weight itself, and not its distance from 1"
_RANGE = {"eps_low": "epsilon_low", "eps_high": "epsilon_high"}
_KL = {**_RANGE, "beta": "beta"}
_LENGTH = {**_KL, "max_length": "max_completion_length"}
_ITEMS = {**_KL, "global_tokens": "num_items_in_batch"}
_WEIGHT = {"eps_high": "epsilon_high", "beta": "beta"}
#: Name of the subject: loss type, level of the ratio, formula, convention, options.
_FORMS: Mapping[str, tuple[str, str, str, str | None, Mapping[str, str]]] = {
    "grpo": ("grpo", "token", "grpo", None, _KL),
    "bnpo": ("bnpo", "token", "bnpo", None, _KL),
    "dr_grpo": ("dr_grpo", "token", "dr-grpo", None, _LENGTH),
    "dapo": ("dapo", "token", "dapo", "global-tokens", _ITEMS),
    "luspo": ("luspo", "token", "ppo", "seq-mean-token-sum", _RANGE),
    "gspo": ("grpo", "sequence", "gspo", "seq-mean-token-mean", _KL),
    "cispo": ("cispo", "token", "cispo-bound", "token-mean", _WEIGHT),
}
_NAMES = {
    "logps": "per_token_logps",
    "old_logps": "old_per_token_logps",
    "ref_logps": "ref_per_token_logps",
    "advantages": "advantages",
    "mask": "attention_mask",
}


def subjects(host: Host) -> list[Subject]:
    """Every loss type that has a formula here."""
    function = load(host, "liger_kernel.chunked_loss.grpo_loss").LigerFusedLinearGRPOFunction
    return [_subject(host, function, name) for name in _FORMS]


def _subject(host: Host, function: Any, name: str) -> Subject:
    loss_type, level, loss, variant, options = _FORMS[name]
    inputs = [role for role in _NAMES if role != "ref_logps" or "beta" in options]

    def called(**given: Any) -> Any:
        arguments = {_NAMES[role]: given[role] for role in inputs}
        settings = {"beta": 0.0, **{argument: given[option] for option, argument in options.items()}}
        settings |= {"loss_type": loss_type, "importance_sampling_level": level}
        return function.ppo_loss_fn(full_attention_mask=given["mask"], **arguments, **settings)[0]

    return host.subject(
        f"LigerFusedLinearGRPOFunction.ppo_loss_fn/{name}",
        "policy-loss",
        wrapper(called, inputs, tuple(options)),
        _TOLD,
        *([_BOUND] if loss_type == "cispo" else []),
        loss=loss,
        variant=variant,
        form="responses",
        reduction="mean",
        mask_dtype="float32",
    )
