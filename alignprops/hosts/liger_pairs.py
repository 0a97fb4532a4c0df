"""Liger-Kernel's chunked losses of preference pairs, bare and fused with the linear head.

Bare: `preference_loss_fn`, on log-probabilities of responses. Fused: on hidden states, weights and labels. The fused
ones are given hidden states whose log-probabilities are those that the kind gives: with a vocabulary of two and the
logit log p − log(1 − p), the first token has probability p.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from alignprops.hosts.making import MASKS, PAIR, POLICY, Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_PLACE = "liger_kernel.chunked_loss"
_BARE = "called as {0}.preference_loss_fn, the rewards that it returns are not looked at: the fused loss detaches them"
_FUSED = (
    "called as {0}(compiled=False) with hidden states that have the given token log-probabilities",
    "the vocabulary has two tokens, and the labels of masked tokens are ignored",
    "it computes in float32; the log-probabilities pass through its log-softmax, and the bounds are those of bfloat16",
)
_LOGARITHMS = "its logarithms of label_smoothing are in float32, and so are the bounds"
_IGNORED = -100


@dataclass(frozen=True)
class _Form:
    """A setting of a loss, and the formula that it is judged by.

    Attributes:
        name: of the loss in class names.
        loss, variant: the formula and its convention.
        options: the formula's options, by the argument's name.
        settings: other arguments, of the bare function and of the module.
        module_settings: other arguments of the module alone.
        setting: what is added to the subject's name.
        assume: of the adapter.
    """

    name: str
    loss: str
    variant: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: {"beta": "beta"})
    settings: Mapping[str, Any] = field(default_factory=dict)
    module_settings: Mapping[str, Any] = field(default_factory=dict)
    setting: str = ""
    assume: Mapping[str, Any] = field(default_factory=dict)

    @property
    def with_reference(self) -> bool:
        return self.name == "DPO"


_SMOOTHED = {"beta": "beta", "label_smoothing": "label_smoothing"}
_DPO_TYPES: Mapping[str, tuple[str, str | None, Mapping[str, str]]] = {
    "sigmoid": ("dpo", None, {"beta": "beta"}),
    "hinge": ("hinge", None, {"beta": "beta"}),
    "exo_pair": ("exo-pair", None, _SMOOTHED),
    "nca_pair": ("nca-pair", None, {"beta": "beta"}),
    "robust": ("robust", None, _SMOOTHED),
    "bco_pair": ("bco-pair", None, {"beta": "beta"}),
    "sppo_hard": ("sppo-hard", None, {"beta": "beta"}),
    "apo_zero": ("apo-zero", "shifted", {"beta": "beta"}),
    "apo_down": ("apo-down", "shifted", {"beta": "beta"}),
    "discopop": ("discopop", None, {"beta": "beta", "tau": "discopop_tau"}),
}
_NO_NLL = {"compute_nll_loss": False}
_OTHERS = (
    _Form("SimPO", "simpo", "absolute", {**_SMOOTHED, "gamma": "gamma"}, module_settings=_NO_NLL),
    _Form("CPO", "cpo", "preference", _SMOOTHED, module_settings=_NO_NLL, assume={"cpo_alpha": 0.0}),
    _Form("ORPO", "orpo", "odds-ratio", module_settings=_NO_NLL),
)


def subjects(host: Host) -> list[Subject]:
    """DPO's loss types, SimPO, CPO and ORPO, each bare and fused."""
    made: list[Subject] = []
    for form in (*_dpo_forms(host), *_OTHERS):
        module = load(host, f"{_PLACE}.{form.name.lower()}_loss")
        function = getattr(module, f"LigerFusedLinear{form.name}Function")
        fused = getattr(module, f"LigerFusedLinear{form.name}Loss")
        made += [_bare(host, form, function), _fused(host, form, fused)]
    return made


def _dpo_forms(host: Host) -> list[_Form]:
    module = load(host, f"{_PLACE}.dpo_loss")
    source = inspect.getsource(module.LigerFusedLinearDPOFunction.preference_loss_fn)
    if "loss_type" not in source:
        return [_Form("DPO", "dpo")]
    return [
        _Form("DPO", loss, variant, options, {"loss_type": kind}, setting=f"/{kind}")
        for kind, (loss, variant, options) in _DPO_TYPES.items()
        if f'"{kind}"' in source
    ]


def _bare(host: Host, form: _Form, function: Any) -> Subject:
    inputs = PAIR if form.with_reference else POLICY
    names = ("chosen_logps", "rejected_logps", "ref_chosen_logps", "ref_rejected_logps")

    def called(**given: Any) -> Any:
        options = {argument: given[option] for option, argument in form.options.items()}
        logps = {name: given[role] for role, name in zip(inputs, names, strict=False)}
        rows = torch.zeros((2 * len(given[POLICY[0]]), 1), dtype=torch.long)
        return function.preference_loss_fn(full_target=rows, **logps, **options, **form.settings)[0]

    name = f"{function.__name__}.preference_loss_fn{form.setting}"
    code = wrapper(called, inputs, tuple(form.options))
    single = form.loss == "exo-pair"
    told = [_BARE.format(function.__name__), *([_LOGARITHMS] if single else [])]
    precision = "float32" if single else None
    return host.subject(name, "pairwise-loss", code, *told, precision=precision, **_judged(form))


def _fused(host: Host, form: _Form, module: Any) -> Subject:
    inputs = PAIR if form.with_reference else POLICY
    code = wrapper(_Fused(form, module), (*inputs, *MASKS), tuple(form.options))
    told = [line.format(module.__name__) for line in _FUSED]
    name = f"{module.__name__}{form.setting}"
    return host.subject(name, "pairwise-loss", code, *told, precision="bfloat16", **_judged(form))


def _judged(form: _Form) -> dict[str, Any]:
    return {"loss": form.loss, "variant": form.variant, "reduction": "mean", "assume": form.assume}


@dataclass(frozen=True)
class _Fused:
    """The fused loss as a function of token log-probabilities and masks."""

    form: _Form
    module: Any

    def __call__(self, **given: Any) -> dict[str, Any]:
        options = {argument: given[option] for option, argument in self.form.options.items()}
        settings = {**self.form.settings, **self.form.module_settings}
        fused = self.module(compiled=False, **options, **settings)
        mask = torch.cat([given[name] for name in MASKS])
        labels = torch.where(mask != 0, 0, _IGNORED)
        weight = torch.tensor([[1.0], [0.0]])
        arguments = {"lin_weight": weight, "_input": hidden(given, POLICY), "target": labels}
        if self.form.with_reference:
            arguments |= {"ref_input": hidden(given, PAIR[2:]), "ref_weight": weight}
        loss, others = fused(**arguments)
        return {"loss": loss, "chosen_rewards": others[5], "rejected_rewards": others[6]}


def hidden(given: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """(2B, T, 1) float32: log p − log(1 − p) of the token log-probabilities, so that softmax(h, 0) = (p, 1 − p)."""
    logps = torch.cat([given[name] for name in names]).double()
    return (logps - torch.log(-torch.expm1(logps))).float()[..., None]
