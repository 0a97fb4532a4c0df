"""Liger-Kernel's fused GRPO losses, as they are used: from hidden states and an unembedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alignprops.hosts.hidden_states import TOLD, hidden_states, targets_of, unembedding
from alignprops.hosts.liger_fused_pairs import REFERENCE
from alignprops.hosts.liger_pairs import PLACE
from alignprops.hosts.liger_policy import FORMS, Form
from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_FUSED = (
    "called as LigerFusedLinearGRPOLoss with compiled=False, in chunks of one response",
    "the log-probabilities of the policy that sampled are given as numbers",
)


def subjects(host: Host) -> list[Subject]:
    """Every loss type that has a formula here."""
    module = load(host, f"{PLACE}.grpo_loss").LigerFusedLinearGRPOLoss
    return [_subject(host, module, form) for form in FORMS]


def _subject(host: Host, module: Any, form: Form) -> Subject:
    def called(**given: Any) -> Any:
        settings, mask = form.settings(given), given["mask"]
        beside: dict[str, Any] = {name: settings.pop(name) for name in ("num_items_in_batch",) if name in settings}
        if "ref_logps" in given:
            beside |= {"ref_input": hidden_states(given["ref_logps"], mask), "ref_weight": unembedding()}
        return module(compiled=False, use_ref_model="ref_logps" in given, **settings)(
            hidden_states(given["logps"], mask),
            unembedding(),
            targets_of(given["logps"]),
            mask,
            given["advantages"],
            old_per_token_logps=given["old_logps"],
            **beside,
        )[0]

    told = (*_FUSED, *TOLD, *([REFERENCE] if "ref_logps" in form.inputs else []), *form.told)
    return host.subject(
        f"LigerFusedLinearGRPOLoss/{form.name}",
        "policy-loss",
        wrapper(called, form.inputs, tuple(form.options)),
        *told,
        precision="float32",
        normalised_in="float32",
        **form.judged,
    )
