"""trl up to 0.28: the DPO family as the method `DPOTrainer.dpo_loss`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import PAIR, Host, wrapper
from alignprops.hosts.trl_parts import GivenMean, accelerator

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_TOLD = "called as DPOTrainer.dpo_loss with a stand-in trainer that has the settings and nothing else"
_SHIFT = "the running mean of the rewards is a number that is given, and stays"
_SMOOTHED = ("beta", "label_smoothing")
#: trl's loss type: the formula, its convention, its options.
_FORMS: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "sigmoid": ("dpo", None, _SMOOTHED),
    "hinge": ("hinge", None, ("beta",)),
    "ipo": ("ipo", None, ("beta",)),
    "exo_pair": ("exo-pair", None, _SMOOTHED),
    "nca_pair": ("nca-pair", None, ("beta",)),
    "robust": ("robust", None, _SMOOTHED),
    "bco_pair": ("bco-pair", None, ("beta", "delta")),
    "sppo_hard": ("sppo-hard", None, ("beta",)),
    "aot": ("aot", None, _SMOOTHED),
    "aot_pair": ("aot-unpaired", None, _SMOOTHED),
    "aot_unpaired": ("aot-unpaired", None, _SMOOTHED),
    "apo_zero": ("apo-zero", "shifted", ("beta",)),
    "apo_down": ("apo-down", "shifted", ("beta",)),
    "discopop": ("discopop", None, ("beta", "tau")),
}
#: Settings of f_divergence_type, with the formula and its options.
_DIVERGENCES = {
    "js_divergence": ("f-dpo-js", None, _SMOOTHED),
    "alpha_divergence": ("f-dpo-alpha", "paper", (*_SMOOTHED, "alpha")),
}


def subjects(host: Host, trainer: Any) -> list[Subject]:
    """Every loss type that the installed method knows, and its divergences as DPOConfig spells them."""
    source = inspect.getsource(trainer.dpo_loss)
    made = [
        _subject(host, _Called(trainer, kind), f"{kind}", *form)
        for kind, form in _FORMS.items()
        if f'"{kind}"' in source
    ]
    if "JS_DIVERGENCE" in source:
        made += [
            _subject(host, _Called(trainer, "sigmoid", name), f"sigmoid/{name}", *form)
            for name, form in _DIVERGENCES.items()
        ]
    return made


def _subject(
    host: Host, called: _Called, name: str, loss: str, variant: str | None, options: tuple[str, ...]
) -> Subject:
    told = [_TOLD, *([_SHIFT] if "delta" in options else [])]
    code = wrapper(called, PAIR, options)
    return host.subject(f"DPOTrainer.dpo_loss/{name}", "pairwise-loss", code, *told, loss=loss, variant=variant)


@dataclass(frozen=True)
class _Called:
    """The method as a function of the field's inputs; the divergence is spelled as DPOConfig leaves it."""

    trainer: Any
    loss_type: str
    divergence: str = "reverse_kl"

    def __call__(self, **given: Any) -> Any:
        logps = [given[name] for name in PAIR]
        me = SimpleNamespace(
            accelerator=accelerator(),
            args=SimpleNamespace(discopop_tau=given.get("tau", 0.05)),
            beta=given["beta"],
            label_smoothing=given.get("label_smoothing", 0.0),
            loss_type=self.loss_type,
            reference_free=False,
            f_divergence_type=self.divergence,
            f_divergence_params={"alpha_divergence_coef": given.get("alpha", 1.0)},
            running=GivenMean(given.get("delta", 0.0)),
        )
        method = self.trainer.dpo_loss
        by_argument = "loss_type" in inspect.signature(method).parameters
        return method(me, *logps, **({"loss_type": self.loss_type} if by_argument else {}))
