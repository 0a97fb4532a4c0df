"""trl since 0.29: the DPO family, inline in `DPOTrainer._compute_loss`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from alignprops.hosts.making import MASKS, PAIR, Host, wrapper
from alignprops.hosts.trl_parts import Returning, accelerator, metrics

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_TOLD = (
    "called as DPOTrainer._compute_loss with a stand-in trainer and models",
    "the models return the given token log-probabilities, 0 under the mask as trl's fused head has it",
    "its rewards are what it gathers to log their means",
)
_SINGLE = "the log-probabilities are cast to float32: for float64 it has no limit of the exponent and raises KeyError"
_AVERAGED = "its rewards are of summed log-probabilities, where its loss averages them, and are not looked at"
_LOGARITHMS = "its logarithms of label_smoothing are in float32, and so are the bounds"


@dataclass(frozen=True)
class _Form:
    """One setting of the trainer, and the formula that it is judged by.

    Attributes:
        name: of the subject.
        loss_type: trl's.
        loss, variant: the formula and its convention.
        options: the formula's options, by the trainer's attribute.
        settings: other attributes of the trainer.
        told: assumptions of this setting.
        precision: if it computes in something coarser than its inputs.
        first_counts: whether the first token of the row belongs to the completion.
    """

    name: str
    loss_type: str
    loss: str
    variant: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: {"beta": "beta"})
    settings: Mapping[str, Any] = field(default_factory=dict)
    told: Sequence[str] = ()
    precision: str | None = None
    first_counts: bool = False


_SMOOTHED = {"beta": "beta", "label_smoothing": "label_smoothing"}
_KEEP_END = (
    "the prompt is cut off, as by truncation_mode='keep_end': the row's first token belongs to the completion and has "
    "no log-probability"
)
_FORMS = (
    _Form("sigmoid", "sigmoid", "dpo"),
    _Form("hinge", "hinge", "hinge"),
    _Form("ipo", "ipo", "ipo", "mean", told=(_AVERAGED,)),
    _Form("ipo/keep_end", "ipo", "ipo", "mean", told=(_AVERAGED, _KEEP_END), first_counts=True),
    _Form("exo_pair", "exo_pair", "exo-pair", options=_SMOOTHED, told=(_LOGARITHMS,), precision="float32"),
    _Form("nca_pair", "nca_pair", "nca-pair"),
    _Form("robust", "robust", "robust", options=_SMOOTHED),
    _Form("bco_pair", "bco_pair", "bco-pair", told=("the rewards' shift is 0: it has no running mean",)),
    _Form("sppo_hard", "sppo_hard", "sppo-hard"),
    _Form("aot", "aot", "aot", options=_SMOOTHED),
    _Form("aot_unpaired", "aot_unpaired", "aot-unpaired", options=_SMOOTHED),
    _Form("apo_zero", "apo_zero", "apo-zero", "shifted"),
    _Form("apo_down", "apo_down", "apo-down", "shifted"),
    _Form("discopop", "discopop", "discopop", options={"beta": "beta", "tau": "discopop_tau"}),
    _Form("sigmoid_norm", "sigmoid_norm", "dpo-norm", told=(_AVERAGED,)),
    _Form("sigmoid_norm/keep_end", "sigmoid_norm", "dpo-norm", told=(_AVERAGED, _KEEP_END), first_counts=True),
    _Form("sigmoid/forward_kl", "sigmoid", "f-dpo-forward-kl", settings={"f_divergence_type": "forward_kl"}),
    _Form("sigmoid/js_divergence", "sigmoid", "f-dpo-js", settings={"f_divergence_type": "js_divergence"}),
    _Form(
        "sigmoid/alpha_divergence",
        "sigmoid",
        "f-dpo-alpha",
        "complement",
        options={"beta": "beta", "alpha": "f_alpha_divergence_coef"},
        settings={"f_divergence_type": "alpha_divergence"},
        told=(_SINGLE,),
        precision="float32",
    ),
    _Form(
        "sigmoid/use_weighting",
        "sigmoid",
        "wpo",
        settings={"use_weighting": True},
        told=("the weights' alignment with the policy's next-token distributions is left out: log_sum_sq_probs is 0",),
    ),
)


def subjects(host: Host, trainer: Any) -> list[Subject]:
    """Every loss type that the installed trainer knows, and the options that make other formulas of it."""
    source = inspect.getsource(trainer._compute_loss)
    known = [form for form in _FORMS if all(word in source for word in _words(form))]
    return [
        host.subject(
            f"DPOTrainer._compute_loss/{form.name}",
            "pairwise-loss",
            wrapper(_Called(trainer, form), (*PAIR, *MASKS), tuple(form.options)),
            *_TOLD,
            *form.told,
            loss=form.loss,
            variant=form.variant,
            reduction="mean",
            precision=form.precision,
        )
        for form in known
    ]


def _words(form: _Form) -> list[str]:
    """What the trainer's source has if it knows the setting: its literals, and the attributes that it reads."""
    literals = [form.loss_type, *(value for value in form.settings.values() if isinstance(value, str))]
    return [*(f'"{literal}"' for literal in literals), *(f"self.{attribute}" for attribute in form.settings)]


@dataclass(frozen=True)
class _Called:
    """The trainer's loss as a function of the field's inputs."""

    trainer: Any
    form: _Form

    def __call__(self, **given: Any) -> dict[str, Any]:
        shift = int(self.form.first_counts)
        chosen, rejected = (_masked(given[name], given[mask]) for name, mask in zip(PAIR, MASKS, strict=False))
        reference = [_masked(given[name], given[mask]) for name, mask in zip(PAIR[2:], MASKS, strict=True)]
        policy = torch.cat([chosen, rejected])
        if _SINGLE in self.form.told and policy.dtype is torch.float64:
            policy, reference = policy.float(), [part.float() for part in reference]
        completion = torch.cat([given[mask] for mask in MASKS]).long()
        completion = torch.cat([torch.full((len(completion), 1), shift), completion], dim=1)
        me = self._trainer(Returning(policy), Returning(torch.cat(reference)), given)
        gathered: list[Tensor] = []

        def gather(tensor: Tensor) -> Tensor:
            gathered.append(tensor)
            return tensor

        me.accelerator.gather = gather
        ids = torch.ones_like(completion)
        inputs = {"input_ids": ids, "attention_mask": ids, "completion_mask": completion}
        loss = self.trainer._compute_loss(me, me.model, inputs, False)
        if _AVERAGED in self.form.told:
            return {"loss": loss}
        sides = ("chosen", "rejected")
        return {"loss": loss, **{f"{side}_rewards": _logged(me, f"rewards/{side}", gathered) for side in sides}}

    def _trainer(self, model: Any, reference: Any, given: Mapping[str, Any]) -> SimpleNamespace:
        options = {attribute: given[option] for option, attribute in self.form.options.items()}
        arguments = SimpleNamespace(gradient_checkpointing_kwargs=None, discopop_tau=options.pop("discopop_tau", 0.05))
        settings = {
            "f_divergence_type": "reverse_kl",
            "f_alpha_divergence_coef": 0.5,
            "label_smoothing": 0.0,
            "use_weighting": False,
            **self.form.settings,
            **options,
        }
        return SimpleNamespace(
            model=model,
            ref_model=reference,
            accelerator=accelerator(),
            args=arguments,
            aux_loss_enabled=False,
            precompute_ref_logps=False,
            ld_alpha=None,
            loss_types=[self.form.loss_type],
            loss_weights=[1.0],
            _metrics=metrics(),
            _total_train_tokens=0,
            _tp_size=1,
            **settings,
        )


def _logged(me: SimpleNamespace, metric: str, gathered: Sequence[Tensor]) -> Tensor:
    """What was gathered for a metric: the first whose mean is logged under that name."""
    (mean,) = me._metrics["train"][metric]
    return next(tensor for tensor in gathered if tensor.is_floating_point() and _same(tensor.mean().item(), mean))


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _masked(logps: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask != 0, logps, 0)
