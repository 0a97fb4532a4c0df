"""Liger-Kernel's chunked losses of preference pairs: `preference_loss_fn`, on log-probabilities of responses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.making import PAIR, POLICY, Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

PLACE = "liger_kernel.chunked_loss"
_BARE = "called as {0}.preference_loss_fn, the rewards that it returns are not looked at: the fused loss detaches them"
_LOGARITHMS = "its logarithms of label_smoothing are in float32, and so are the bounds"


@dataclass(frozen=True)
class Form:
    """A setting of a loss, and the formula that it is judged by.

    Attributes:
        name: of the loss in class names.
        loss, variant: the formula and its convention.
        options: the formula's options, by the argument's name.
        settings: other arguments of the function.
        setting: what is added to the subject's name.
        assume: of the adapter.
    """

    name: str
    loss: str
    variant: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: {"beta": "beta"})
    settings: Mapping[str, Any] = field(default_factory=dict)
    setting: str = ""
    assume: Mapping[str, Any] = field(default_factory=dict)

    @property
    def with_reference(self) -> bool:
        """Whether it is given the reference's log-probabilities."""
        return self.name == "DPO"

    @property
    def judged(self) -> dict[str, Any]:
        """Parameters of the adapter."""
        return {"loss": self.loss, "variant": self.variant, "reduction": "mean", "assume": self.assume}


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
_OTHERS = (
    Form("SimPO", "simpo", "absolute", {**_SMOOTHED, "gamma": "gamma"}),
    Form("CPO", "cpo", "preference", _SMOOTHED, assume={"cpo_alpha": 0.0}),
    Form("ORPO", "orpo", "odds-ratio"),
)


def subjects(host: Host) -> list[Subject]:
    """DPO's loss types, SimPO, CPO and ORPO."""
    made: list[Subject] = []
    for form in forms(host):
        module = load(host, f"{PLACE}.{form.name.lower()}_loss")
        function = getattr(module, f"LigerFusedLinear{form.name}Function")
        made.append(_bare(host, form, function))
    return made


def forms(host: Host) -> list[Form]:
    """What the installed version has."""
    return [*_dpo_forms(host), *_OTHERS]


def _dpo_forms(host: Host) -> list[Form]:
    module = load(host, f"{PLACE}.dpo_loss")
    source = inspect.getsource(module.LigerFusedLinearDPOFunction.preference_loss_fn)
    if "loss_type" not in source:
        return [Form("DPO", "dpo")]
    return [
        Form("DPO", loss, variant, options, {"loss_type": kind}, setting=f"/{kind}")
        for kind, (loss, variant, options) in _DPO_TYPES.items()
        if f'"{kind}"' in source
    ]


def _bare(host: Host, form: Form, function: Any) -> Subject:
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
    return host.subject(name, "pairwise-loss", code, *told, precision=precision, **form.judged)
