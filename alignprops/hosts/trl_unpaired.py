"""trl's losses of labelled answers: KTO, inline since 0.29 and a method before, and BCO."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.making import Host, wrapper
from alignprops.hosts.trl_parts import GivenMean, Returning, accelerator, metrics

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_INLINE = (
    "called as KTOTrainer._compute_loss with a stand-in trainer and models",
    "the models return the given log-probability of each answer as that of its only token",
)
_METHOD = "called as {0} with a stand-in trainer that has the settings and nothing else"
_OPTIONS = ("beta", "desirable_weight", "undesirable_weight")
_SPLIT = (
    "policy_chosen_logps",
    "policy_rejected_logps",
    "reference_chosen_logps",
    "reference_rejected_logps",
)
_MISMATCHED = ("policy_KL_logps", "reference_KL_logps")
_LOSSES = {"kto": "kto", "apo_zero_unpaired": "apo-zero-unpaired"}


def subjects(host: Host, found: dict[str, Any]) -> list[Subject]:
    """KTO and BCO, in the form that the installed trainers have."""
    made: list[Subject] = []
    if kto := found.get("KTOTrainer"):
        made += _kto_method(host, kto) if hasattr(kto, "kto_loss") else _kto_inline(host, kto)
    if hasattr(found.get("BCOTrainer"), "bco_loss"):
        made.append(_bco(host, found["BCOTrainer"]))
    return made


def _kto_inline(host: Host, trainer: Any) -> list[Subject]:
    source = inspect.getsource(trainer._compute_loss)
    return [_inline(host, trainer, kind) for kind in _LOSSES if f'"{kind}"' in source]


def _inline(host: Host, trainer: Any, loss_type: str) -> Subject:
    inputs = ["policy_logps", "reference_logps", "labels", *(_MISMATCHED if loss_type == "kto" else ())]
    return host.subject(
        f"KTOTrainer._compute_loss/{loss_type}",
        "unpaired-loss",
        wrapper(_Inline(trainer, loss_type), inputs, _OPTIONS),
        *_INLINE,
        loss=_LOSSES[loss_type],
        reduction="mean",
        returns=("loss",),
    )


@dataclass(frozen=True)
class _Inline:
    """The trainer's loss as a function of the field's inputs."""

    trainer: Any
    loss_type: str

    def __call__(self, **given: Any) -> Any:
        policy, reference = given["policy_logps"], given["reference_logps"]
        model = Returning(policy[:, None])
        mismatched = iter([given.get(name) for name in _MISMATCHED])
        me = SimpleNamespace(
            model=model,
            ref_model=Returning(reference[:, None]),
            accelerator=accelerator(),
            args=SimpleNamespace(gradient_checkpointing_kwargs=None),
            aux_loss_enabled=False,
            precompute_ref_logps=False,
            calculate_KL=self.loss_type == "kto",
            loss_type=self.loss_type,
            _compute_kl_logps=lambda *_, **__: next(mismatched),
            _metrics=metrics(),
            _total_train_tokens=0,
            _tp_size=1,
            **{name: given[name] for name in _OPTIONS},
        )
        mask = torch.tensor([[0, 1]]).expand(len(policy), 2)
        ids = torch.ones_like(mask)
        inputs = {"input_ids": ids, "attention_mask": ids, "completion_mask": mask, "label": given["labels"]}
        return self.trainer._compute_loss(me, model, inputs, False)


def _kto_method(host: Host, trainer: Any) -> list[Subject]:
    return [_kto(host, trainer, kind) for kind in _LOSSES]


def _kto(host: Host, trainer: Any, loss_type: str) -> Subject:
    def called(**given: Any) -> Any:
        me = SimpleNamespace(
            accelerator=accelerator(),
            calculate_KL=loss_type == "kto",
            loss_type=loss_type,
            **{name: given[name] for name in _OPTIONS},
        )
        policy, reference = (given.get(name) for name in _MISMATCHED)
        chosen, rejected, ref_chosen, ref_rejected = (given[name] for name in _SPLIT)
        return trainer.kto_loss(me, chosen, rejected, policy, ref_chosen, ref_rejected, reference)

    return host.subject(
        f"KTOTrainer.kto_loss/{loss_type}",
        "unpaired-loss",
        wrapper(called, (*_SPLIT, *(_MISMATCHED if loss_type == "kto" else ())), _OPTIONS),
        _METHOD.format("KTOTrainer.kto_loss"),
        loss=_LOSSES[loss_type],
        returns=("loss", "chosen_rewards", "rejected_rewards"),
    )


def _bco(host: Host, trainer: Any) -> Subject:
    def called(**given: Any) -> Any:
        me = SimpleNamespace(
            accelerator=accelerator(),
            beta=given["beta"],
            running=GivenMean(given["delta"]),
            match_underlying_distribution=False,
        )
        logps = [given[name] for name in _SPLIT]
        return trainer.bco_loss(me, *logps, None, None)

    return host.subject(
        "BCOTrainer.bco_loss",
        "unpaired-loss",
        wrapper(called, (*_SPLIT, "delta"), ("beta",)),
        _METHOD.format("BCOTrainer.bco_loss"),
        "the running mean of the rewards is a number that is given, and stays",
        loss="bco",
        variant="given",
        returns=("loss", "chosen_rewards", "rejected_rewards"),
    )
