"""Liger-Kernel's fused loss of labelled answers, KTO, and its fused divergence of two models, JSD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.hidden_states import TOLD, hidden_states, targets_of, unembedding
from alignprops.hosts.liger_fused_pairs import IGNORED, REFERENCE
from alignprops.hosts.liger_pairs import PLACE
from alignprops.hosts.making import Host, found_in, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_KTO = "called as LigerFusedLinearKTOLoss with compiled=False and use_ref_model=True, in chunks of one answer"
_POINT = "the reference point is a number that is given: of a vector the whole is broadcast against each chunk"
_NO_POINT = "no reference point is given"
_INPUTS = ("policy_logps", "reference_logps", "mask", "labels")
_WEIGHTS = {"desirable_weight": 1.0, "undesirable_weight": 1.0}
_JSD = (
    "called as LigerFusedLinearJSDLoss with compiled=False, weight_hard_loss=0 and weight_soft_loss=1",
    "its hidden states are the logits in float32, its unembedding the identity",
)


def subjects(host: Host) -> list[Subject]:
    """KTO with and without a reference point, and the generalised Jensen–Shannon divergence, where they are."""
    made: list[Subject] = []
    if kto := found_in(host, (f"{PLACE}.kto_loss",), "LigerFusedLinearKTOLoss"):
        made += [_kto(host, kto, "", "kto", _POINT), _kto(host, kto, "/no-kl", "apo-zero-unpaired", _NO_POINT)]
    if jsd := found_in(host, (f"{PLACE}.jsd_loss",), "LigerFusedLinearJSDLoss"):
        made.append(_jsd(host, jsd))
    return made


def _kto(host: Host, module: Any, setting: str, loss: str, told: str) -> Subject:
    def called(**given: Any) -> Any:
        policy, mask = given["policy_logps"], given["mask"]
        return module(beta=given["beta"], use_ref_model=True, compiled=False)(
            hidden_states(policy, mask),
            unembedding(),
            torch.where(mask != 0, targets_of(policy), IGNORED),
            preference_labels=given["labels"],
            ref_input=hidden_states(given["reference_logps"], mask),
            ref_weight=unembedding(),
            kl=given.get("kl"),
        )[0]

    inputs = (*_INPUTS, *(["kl"] if loss == "kto" else []))
    return host.subject(
        f"LigerFusedLinearKTOLoss{setting}",
        "unpaired-loss",
        wrapper(called, inputs, ("beta",)),
        _KTO,
        told,
        *TOLD,
        REFERENCE,
        loss=loss,
        reduction="mean",
        returns=("loss",),
        assume=_WEIGHTS,
        precision="float32",
        normalised_in="float32",
    )


def _jsd(host: Host, module: Any) -> Subject:
    def called(**given: Any) -> Any:
        options = {name: given[name] for name in ("beta", "temperature")}
        student, teacher = (given[name].float().flatten(0, 1) for name in ("logits", "ref_logits"))
        labels, weight = given["labels"].flatten(), torch.eye(student.shape[-1])
        settings = {"weight_hard_loss": 0.0, "weight_soft_loss": 1.0, "compiled": False}
        return module(**settings, **options)(student, weight, teacher, weight, labels)

    return host.subject(
        "LigerFusedLinearJSDLoss",
        "kl-estimator",
        wrapper(called, ("logits", "ref_logits", "labels"), ("beta", "temperature")),
        *_JSD,
        loss="jsd",
        variant="special ends",
        reduction="mean",
        precision="float32",
    )
