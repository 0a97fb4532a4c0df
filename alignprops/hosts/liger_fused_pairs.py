"""Liger-Kernel's fused losses of preference pairs, as they are used: from hidden states and an unembedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.hidden_states import TOLD, hidden_states, targets_of, unembedding
from alignprops.hosts.liger_pairs import PLACE, Form, forms
from alignprops.hosts.making import MASKS, PAIR, POLICY, Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

#: What masked targets are.
IGNORED = -100
_FUSED = "called as {0} with compiled=False and compute_nll_loss=False, in chunks of one pair"
REFERENCE = "the reference's log-probabilities come as ref_input and ref_weight, in the same way"


def subjects(host: Host) -> list[Subject]:
    """DPO's loss types, SimPO, CPO and ORPO, token by token."""
    return [_subject(host, form) for form in forms(host)]


def _subject(host: Host, form: Form) -> Subject:
    module = load(host, f"{PLACE}.{form.name.lower()}_loss")
    name = f"LigerFusedLinear{form.name}Loss"
    inputs = PAIR if form.with_reference else POLICY
    return host.subject(
        f"{name}{form.setting}",
        "pairwise-loss",
        wrapper(_Called(getattr(module, name), form), (*inputs, *MASKS), tuple(form.options)),
        _FUSED.format(name),
        *TOLD,
        *([REFERENCE] if form.with_reference else []),
        precision="float32",
        normalised_in="float32",
        **form.judged,
    )


class _Called:
    """The module as a function of the field's inputs."""

    def __init__(self, module: Any, form: Form) -> None:
        self.module = module
        self.form = form

    def __call__(self, **given: Any) -> dict[str, Any]:
        masks = torch.cat([given[name] for name in MASKS])
        settings = {argument: given[option] for option, argument in self.form.options.items()}
        module = self.module(compute_nll_loss=False, compiled=False, **settings, **self.form.settings)
        policy, *reference = (
            torch.cat([given[name] for name in names]) for names in (PAIR[:2], PAIR[2:]) if names[0] in given
        )
        target = torch.where(masks != 0, targets_of(policy), IGNORED)
        beside: dict[str, Any] = {}
        if reference:
            beside = {"ref_input": hidden_states(reference[0], masks), "ref_weight": unembedding()}
        loss, returned = module(unembedding(), hidden_states(policy, masks), target, **beside)
        # (chosen_logps, rejected_logps, chosen_logits, rejected_logits, nll, chosen_rewards, rejected_rewards, …)
        return {"loss": loss, "chosen_rewards": returned[5], "rejected_rewards": returned[6]}
