"""trl's policy losses: GRPO's loss types, inline in `GRPOTrainer._compute_loss`, and RLOO's."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.making import Host, wrapper
from alignprops.hosts.trl_parts import Returning, accelerator, metrics

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_GRPO = (
    "called as GRPOTrainer._compute_loss with a stand-in trainer that is given the log-probabilities of the tokens",
    "one process, one micro-batch a step: nothing is divided by accumulation steps",
)
_INPUTS = ("logps", "old_logps", "ref_logps", "advantages", "mask")
_RANGE = {"eps_low": "epsilon_low", "eps_high": "epsilon_high"}
_RANGE_AND_KL = {**_RANGE, "beta": "beta"}


@dataclass(frozen=True)
class _Form:
    """One setting of the trainer, and the formula that it is judged by.

    Attributes:
        name: of the subject.
        loss_type: trl's.
        loss, variant: the formula and its convention.
        options: the formula's options, by the trainer's attribute.
        level: of the importance ratio.
        delta: the upper limit of the ratio, if there is one.
        global_tokens: the option that is the number of tokens of all micro-batches; None: those of this batch.
        told: assumptions of this setting.
    """

    name: str
    loss_type: str
    loss: str
    variant: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: dict(_RANGE_AND_KL))
    level: str = "token"
    delta: float | None = None
    told: tuple[str, ...] = ()

    @property
    def constants(self) -> dict[str, Any]:
        """What the adapter is to assume."""
        return {} if self.delta is None else {"dual_clip": self.delta}


_BOUND = "ε_high is the largest weight itself, as trl has it, and not its distance from 1"
_FORMS = (
    _Form("grpo", "grpo", "grpo"),
    _Form("bnpo", "bnpo", "bnpo"),
    _Form("dr_grpo", "dr_grpo", "dr-grpo", options={**_RANGE_AND_KL, "max_length": "max_completion_length"}),
    _Form("dapo", "dapo", "dapo", "global-tokens", options={**_RANGE_AND_KL, "global_tokens": "num_items_in_batch"}),
    _Form("luspo", "luspo", "ppo", "seq-mean-token-sum", options=_RANGE),
    _Form("gspo", "grpo", "gspo", "seq-mean-token-mean", level="sequence"),
    _Form("cispo", "cispo", "cispo-bound", "token-mean", {"eps_high": "epsilon_high", "beta": "beta"}, told=(_BOUND,)),
    _Form("bnpo/delta", "bnpo", "dual-clip", "token-mean", options=_RANGE, delta=3.0),
)


def subjects(host: Host, trainer: Any) -> list[Subject]:
    """Every loss type of the installed trainer that has a formula here."""
    source = inspect.getsource(trainer._compute_loss)
    known = [form for form in _FORMS if f'"{form.loss_type}"' in source]
    return [
        host.subject(
            f"GRPOTrainer._compute_loss/{form.name}",
            "policy-loss",
            wrapper(_Called(trainer, form), _inputs(form), tuple(form.options)),
            *_GRPO,
            *form.told,
            loss=form.loss,
            variant=form.variant,
            form="responses",
            reduction="mean",
            assume=form.constants,
            mask_dtype="int64",
        )
        for form in known
    ]


def _inputs(form: _Form) -> tuple[str, ...]:
    return tuple(name for name in _INPUTS if name != "ref_logps" or "beta" in form.options)


@dataclass(frozen=True)
class _Called:
    """The trainer's loss as a function of the field's inputs."""

    trainer: Any
    form: _Form

    def __call__(self, **given: Any) -> Any:
        logps, mask = given["logps"], given["mask"]
        options = {attribute: given[option] for option, attribute in self.form.options.items()}
        items = torch.tensor(options.pop("num_items_in_batch", int(mask.sum())))
        me = self._trainer(Returning(logps), options)
        inputs = {
            "prompt_ids": torch.ones_like(mask[:, :1]),
            "prompt_mask": torch.ones_like(mask[:, :1]),
            "completion_ids": torch.ones_like(mask),
            "completion_mask": mask,
            "advantages": given["advantages"],
            "old_per_token_logps": given["old_logps"],
            "ref_per_token_logps": given.get("ref_logps"),
            "num_items_in_batch": items,
        }
        return self.trainer._compute_loss(me, me.model, inputs)

    def _trainer(self, model: Returning, options: Mapping[str, Any]) -> SimpleNamespace:
        settings = {"epsilon_low": 0.2, "epsilon_high": 0.2, "beta": 0.0, "max_completion_length": 1, **options}
        me = SimpleNamespace(
            model=model,
            accelerator=accelerator(),
            args=SimpleNamespace(delta=self.form.delta, use_bias_correction_kl=False, steps_per_generation=1),
            aux_loss_enabled=False,
            top_entropy_quantile=1.0,
            off_policy_mask_threshold=None,
            importance_sampling_level=self.form.level,
            loss_type=self.form.loss_type,
            use_vllm=False,
            vllm_importance_sampling_correction=False,
            current_gradient_accumulation_steps=1,
            _entropy_bonus_enabled=False,
            use_adaptive_entropy=False,
            _metrics=metrics(),
            **settings,
        )
        entropies = torch.zeros_like(model.log_probs)
        me._get_per_token_logps_and_entropies = lambda *_, **__: (model.log_probs, entropies, None)
        return me
