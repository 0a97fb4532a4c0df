"""Liger-Kernel's GRPO losses: the bare function on token log-probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
_NAMES = {
    "logps": "per_token_logps",
    "old_logps": "old_per_token_logps",
    "ref_logps": "ref_per_token_logps",
    "advantages": "advantages",
    "mask": "attention_mask",
}


@dataclass(frozen=True)
class Form:
    """A setting of the loss, and the formula that it is judged by.

    Attributes:
        name: what is added to the subject's name.
        loss_type: Liger's.
        loss, variant: the formula and its convention.
        options: the formula's options, by the argument's name.
        level: of the importance ratio.
    """

    name: str
    loss_type: str
    loss: str
    variant: str | None
    options: Mapping[str, str]
    level: str = "token"

    @property
    def inputs(self) -> tuple[str, ...]:
        """By the field's names: without a KL term there is no reference."""
        return tuple(role for role in _NAMES if role != "ref_logps" or "beta" in self.options)

    @property
    def told(self) -> tuple[str, ...]:
        """Assumptions of this setting."""
        return (_BOUND,) if self.loss_type == "cispo" else ()

    @property
    def judged(self) -> dict[str, Any]:
        """Parameters of the adapter."""
        made = {"loss": self.loss, "variant": self.variant, "form": "responses", "reduction": "mean"}
        return {**made, "mask_dtype": "float32"}

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Liger's hyper-parameters of a call; β = 0 for a formula without a KL term."""
        options = {argument: given[option] for option, argument in self.options.items()}
        return {"beta": 0.0, **options, "loss_type": self.loss_type, "importance_sampling_level": self.level}


FORMS = (
    Form("grpo", "grpo", "grpo", None, _KL),
    Form("bnpo", "bnpo", "bnpo", None, _KL),
    Form("dr_grpo", "dr_grpo", "dr-grpo", None, _LENGTH),
    Form("dapo", "dapo", "dapo", "global-tokens", _ITEMS),
    Form("luspo", "luspo", "ppo", "seq-mean-token-sum", _RANGE),
    Form("gspo", "grpo", "gspo", "seq-mean-token-mean", _KL, level="sequence"),
    Form("cispo", "cispo", "cispo-bound", "token-mean", _WEIGHT),
)


def subjects(host: Host) -> list[Subject]:
    """Every loss type that has a formula here."""
    function = load(host, "liger_kernel.chunked_loss.grpo_loss").LigerFusedLinearGRPOFunction
    return [_subject(host, function, form) for form in FORMS]


def _subject(host: Host, function: Any, form: Form) -> Subject:
    def called(**given: Any) -> Any:
        arguments = {_NAMES[role]: given[role] for role in form.inputs}
        return function.ppo_loss_fn(full_attention_mask=given["mask"], **arguments, **form.settings(given))[0]

    return host.subject(
        f"LigerFusedLinearGRPOFunction.ppo_loss_fn/{form.name}",
        "policy-loss",
        wrapper(called, form.inputs, tuple(form.options)),
        _TOLD,
        *form.told,
        **form.judged,
    )
