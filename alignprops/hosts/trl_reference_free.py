"""trl's losses without a reference model: CPO with SimPO, and ORPO."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import PAIR, POLICY, Host, wrapper
from alignprops.hosts.trl_parts import accelerator

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_CPO = "called as CPOTrainer.cpo_loss with a stand-in trainer that has the settings and nothing else"
_ORPO = "called as ORPOTrainer.odds_ratio_loss with a stand-in trainer that has the settings and nothing else"
_RATIOS = "it has no reference model: it is given the log-ratios of policy and reference"


def subjects(host: Host, found: dict[str, Any]) -> list[Subject]:
    """CPO's loss types and ORPO's odds ratio."""
    made: list[Subject] = []
    if cpo := found.get("CPOTrainer"):
        smoothed = ("beta", "label_smoothing")
        plain = {"loss": "cpo", "variant": "preference", "assume": {"cpo_alpha": 0.0}}
        made.append(_cpo(host, cpo, "sigmoid", POLICY, smoothed, **plain))
        simpo = {"loss": "simpo", "variant": "absolute", "map": {"gamma": "simpo_gamma"}}
        made.append(_cpo(host, cpo, "simpo", POLICY, (*smoothed, "simpo_gamma"), **simpo))
        made.append(_cpo(host, cpo, "hinge", PAIR, ("beta",), loss="hinge"))
        made.append(_cpo(host, cpo, "ipo", PAIR, ("beta",), loss="ipo"))
    if orpo := found.get("ORPOTrainer"):
        made.append(_odds_ratio(host, orpo))
    return made


def _cpo(
    host: Host, trainer: Any, loss_type: str, inputs: tuple[str, ...], options: tuple[str, ...], **adaptation: Any
) -> Subject:
    def called(**given: Any) -> Any:
        settings = {"simpo_gamma": 0.0, "label_smoothing": 0.0, **{name: given[name] for name in options}}
        me = SimpleNamespace(accelerator=accelerator(), alpha=0.0, loss_type=loss_type, **settings)
        return trainer.cpo_loss(me, *_log_ratios(given))

    told = [_CPO, *([_RATIOS] if inputs == PAIR else [])]
    code = wrapper(called, inputs, options)
    return host.subject(f"CPOTrainer.cpo_loss/{loss_type}", "pairwise-loss", code, *told, **adaptation)


def _log_ratios(given: dict[str, Any]) -> list[Any]:
    """The policy's log-probabilities, less the reference's where those are given."""
    return [
        given[policy] if reference not in given else given[policy] - given[reference]
        for policy, reference in zip(POLICY, PAIR[2:], strict=True)
    ]


def _odds_ratio(host: Host, trainer: Any) -> Subject:
    def called(**given: Any) -> Any:
        me = SimpleNamespace(accelerator=accelerator(), beta=given["beta"])
        return trainer.odds_ratio_loss(me, *_log_ratios(given))

    return host.subject(
        "ORPOTrainer.odds_ratio_loss",
        "pairwise-loss",
        wrapper(called, POLICY, ("beta",)),
        _ORPO,
        "it returns β log σ(log odds ratio), which its caller subtracts from the NLL: judged with the sign turned",
        loss="orpo",
        variant="odds-ratio",
        sign=-1,
        returns=("loss", "chosen_rewards", "rejected_rewards"),
        precision="float32",
    )
