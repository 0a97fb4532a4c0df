"""torchtune: the losses and estimators of `torchtune.rlhf` and `torchtune.modules.loss`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, installed, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject


def subjects() -> list[Subject]:
    """All of the installed version that fits a kind.

    Raises:
        InputError: torchtune is not installed, too old, or cannot be imported.
    """
    from alignprops.hosts import torchtune_estimators

    host = installed("torchtune", "torchtune", least="0.4", tried="0.6.1 with torchao 0.10.0")
    return _pairs(host) + _policy(host) + torchtune_estimators.subjects(host)


def _pairs(host: Host) -> list[Subject]:
    losses = load(host, "torchtune.rlhf.loss")
    hinge = {"loss": "hinge", "map": {"beta": "init.gamma"}}
    return [
        host.subject("DPOLoss", "pairwise-loss", losses.DPOLoss, loss="dpo"),
        host.subject("RSOLoss", "pairwise-loss", losses.RSOLoss, **hinge),
    ]


def _policy(host: Host) -> list[Subject]:
    module = load(host, "torchtune.rlhf.loss").PPOLoss

    def policy(**given: Any) -> Any:
        nothing = given["logps"].detach() * 0
        made = module(epsilon=given["eps_low"])
        inputs = (given["old_logps"], given["logps"], given["advantages"], nothing, nothing, nothing)
        return made(*inputs, padding_masks=given["mask"], value_padding_masks=given["mask"])[0]

    def value(**given: Any) -> Any:
        nothing = given["values"].detach() * 0
        made = module(value_clip_range=given["value_clip"], value_coeff=1.0)
        inputs = (nothing, nothing, nothing, given["old_values"], given["values"], given["returns"])
        return made(*inputs, padding_masks=given["mask"], value_padding_masks=given["mask"])[0]

    of_policy = wrapper(policy, ("logps", "old_logps", "advantages", "mask"), ("eps_low",))
    of_value = wrapper(value, ("values", "old_values", "returns", "mask"), ("value_clip",))
    ppo = {"loss": "ppo", "variant": "token-mean", "form": "tokens"}
    return [
        host.subject("PPOLoss/policy", "policy-loss", of_policy, "PPOLoss where all values and returns are 0", **ppo),
        host.subject(
            "PPOLoss/value",
            "policy-loss",
            of_value,
            "PPOLoss where all advantages are 0, with value_coeff 1",
            loss="value",
            variant="half",
        ),
    ]
