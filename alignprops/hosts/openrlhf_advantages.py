"""OpenRLHF's advantages: methods of RemoteExperienceMaker that need nothing of it but its settings."""

from __future__ import annotations

from types import MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_GROUPS = (
    "called as RemoteExperienceMaker.compute_advantages_and_returns with a stand-in that has the settings",
    "each response has one token, its KL is 0, and nothing is discounted",
)
#: Estimators by name, with the formula; ε of group_norm is built in.
_ESTIMATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "rloo": ("rloo", {}),
    "group_norm": ("grpo", {"variant": "sample", "assume": {"epsilon": 1e-9}}),
    "dr_grpo": ("dr-grpo", {}),
}


class _Unset(SimpleNamespace):
    """Settings of which those that are not given are None."""

    def __getattr__(self, name: str) -> None:
        return None


def subjects(host: Host) -> list[Subject]:
    """GAE, returns, and the estimators that compare the responses of a group."""
    maker = load(host, "openrlhf.trainer.ppo_utils.experience_maker").RemoteExperienceMaker
    experience = load(host, "openrlhf.trainer.ppo_utils.experience").Experience
    return [
        _gae(host, maker),
        _returns(host, maker),
        *(_group(host, maker, experience, name) for name in _ESTIMATORS),
    ]


def _gae(host: Host, maker: Any) -> Subject:
    def called(**given: Any) -> Any:
        inputs = given["values"], given["rewards"], given["mask"], given["gamma"], given["lam"]
        return maker.get_advantages_and_returns(SimpleNamespace(), *inputs)

    code = wrapper(called, ("rewards", "values", "mask"), ("gamma", "lam"))
    return host.subject(
        "RemoteExperienceMaker.get_advantages_and_returns", "advantages", code, loss="gae", mask_dtype="int64"
    )


def _returns(host: Host, maker: Any) -> Subject:
    def called(**given: Any) -> Any:
        return maker.get_cumulative_returns(SimpleNamespace(), given["rewards"], given["mask"], given["gamma"])

    code = wrapper(called, ("rewards", "mask"), ("gamma",))
    name = "RemoteExperienceMaker.get_cumulative_returns"
    return host.subject(name, "advantages", code, loss="returns", mask_dtype="int64")


def _group(host: Host, maker: Any, experience: Any, estimator: str) -> Subject:
    loss, judged = _ESTIMATORS[estimator]

    def called(**given: Any) -> Any:
        rewards = given["rewards"].reshape(-1)
        column = torch.zeros((len(rewards), 1), dtype=rewards.dtype)
        made = experience(
            index=list(range(len(rewards))),
            rewards=rewards.clone(),
            action_mask=torch.ones_like(column, dtype=torch.int64),
            kl=column,
            values=column,
            info={},
        )
        me = _maker(maker, estimator, int(given["group_size"]))
        return maker.compute_advantages_and_returns(me, [made])[0].advantages.reshape(given["rewards"].shape)

    code = wrapper(called, ("rewards", "group_size"))
    name = f"RemoteExperienceMaker.compute_advantages_and_returns/{estimator}"
    return host.subject(name, "advantages", code, *_GROUPS, loss=loss, **judged)


def _maker(maker: Any, estimator: str, size: int) -> SimpleNamespace:
    advantage = _Unset(estimator=estimator, gamma=1.0, lambd=1.0, no_std_norm=False)
    settings = SimpleNamespace(
        rollout=_Unset(n_samples_per_prompt=size), algo=_Unset(advantage=advantage), reward=_Unset()
    )
    me = SimpleNamespace(
        strategy=SimpleNamespace(args=settings), kl_ctl=SimpleNamespace(value=0.0), advantage_estimator=estimator
    )
    me.get_advantages_and_returns = MethodType(maker.get_advantages_and_returns, me)
    me.get_cumulative_returns = MethodType(maker.get_cumulative_returns, me)
    return me
