"""Advantages and returns in torch: the honest reference subjects, in steps that mistakes override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alignprops._errors import InputError
from alignprops.conformance.advantage import ADVANTAGES, IDS, RETURNS
from alignprops.conformance.call import Call
from alignprops.losses.advantages.table import SAMPLE, SPELLINGS, Advantage


@dataclass(frozen=True, eq=False)
class TorchOverTime:
    """GAE and discounted returns; returns {"advantages", "returns"}, 0 where masked.

    Attributes:
        made, variant: what is computed, in which convention.
        form: "masked", "padded", "episodes" or "plain".
    """

    made: Advantage
    variant: str
    form: str

    def __call__(self, call: Call) -> Mapping[str, Any]:
        kept = self.kept(call)
        rewards = self.cleaned(call.tensors["rewards"], kept)
        values = self.values(call, kept)
        advantages = self.recursion(rewards, values, self.ends(call, kept), kept, call)
        if self.made.main == RETURNS:
            return {RETURNS: advantages}
        return {ADVANTAGES: advantages, RETURNS: self.returns(advantages, values[:, :-1], kept)}

    def kept(self, call: Call) -> Tensor:
        """(B, T) bool: which steps count."""
        mask = call.tensors.get("mask")
        return torch.ones_like(call.tensors["rewards"], dtype=torch.bool) if mask is None else mask != 0

    def cleaned(self, given: Tensor, kept: Tensor) -> Tensor:
        """An input without what stands at masked steps."""
        return torch.where(kept, given, 0)

    def ends(self, call: Call, kept: Tensor) -> Tensor:
        """(B, T) bool: which steps end an episode."""
        return call.tensors["dones"] if "dones" in call.tensors else torch.zeros_like(kept)

    def values(self, call: Call, kept: Tensor) -> Tensor:
        """(B, T+1), with the bootstrap behind the end; 0 for returns."""
        if self.made.main == RETURNS:
            rewards = call.tensors["rewards"]
            return rewards.new_zeros(len(rewards), rewards.shape[1] + 1)
        given = call.tensors["values"]
        if given.shape[1] == kept.shape[1]:
            given = torch.nn.functional.pad(given, (0, 1))
        return torch.cat([self.cleaned(given[:, :-1], kept), given[:, -1:]], dim=1)

    def recursion(self, rewards: Tensor, values: Tensor, ends: Tensor, kept: Tensor, call: Call) -> Tensor:
        """(B, T): from the end to the start, past masked steps."""
        gamma, lam = self.factors(call)
        after, following = torch.zeros_like(rewards[:, 0]), values[:, -1]
        made = []
        for t in reversed(range(rewards.shape[1])):
            goes_on = ~ends[:, t]
            ahead = torch.where(self.bootstraps(goes_on), following, 0)
            delta = rewards[:, t] + gamma * ahead - values[:, t]
            here = delta + gamma * lam * torch.where(self.recurses(goes_on), after, 0)
            after, following = self.step(kept[:, t], here, after, values[:, t], following)
            made.append(torch.where(kept[:, t], here, 0))
        return torch.stack(made[::-1], dim=1)

    def factors(self, call: Call) -> tuple[float, float]:
        """γ and λ."""
        return call.options["gamma"], call.options.get("lam", 1.0)

    def bootstraps(self, goes_on: Tensor) -> Tensor:
        """Whether the next value enters."""
        return goes_on

    def recurses(self, goes_on: Tensor) -> Tensor:
        """Whether the next advantage enters."""
        return goes_on

    def step(
        self, kept: Tensor, here: Tensor, after: Tensor, value: Tensor, following: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the step before sees behind it: this one, if it counts."""
        return torch.where(kept, here, after), torch.where(kept, value, following)

    def returns(self, advantages: Tensor, values: Tensor, kept: Tensor) -> Tensor:
        """Advantages plus values."""
        return torch.where(kept, advantages + values, 0)


@dataclass(frozen=True, eq=False)
class TorchInGroups:
    """RLOO, GRPO and relatives; returns {"advantages"}, in the order of the rewards."""

    made: Advantage
    variant: str
    form: str

    def __call__(self, call: Call) -> Mapping[str, Any]:
        rewards = self.rewards(call)
        order = self.order(call)
        grouped = rewards[order].reshape(-1, self.group_size(call, rewards))
        made = torch.empty_like(rewards)
        made[order] = self.advantages(grouped, call).reshape(-1)
        return {ADVANTAGES: made}

    def rewards(self, call: Call) -> Tensor:
        """(N,)."""
        return call.tensors["rewards"]

    def order(self, call: Call) -> Tensor:
        """(N,): where the responses lie, group by group."""
        if self.form == IDS:
            return torch.argsort(call.tensors["group_ids"], stable=True)
        return torch.arange(len(call.tensors["rewards"]))

    def group_size(self, call: Call, rewards: Tensor) -> int:
        """How many responses a group has."""
        if self.form == IDS:
            return len(rewards) // len(torch.unique(call.tensors["group_ids"]))
        return int(call.options["group_size"])

    def advantages(self, rewards: Tensor, call: Call) -> Tensor:
        """(G, n) of (G, n)."""
        if self.made.name == "rloo":
            return self.leave_one_out(rewards)
        if self.made.name == "batch-norm":
            gaps, scale = rewards - rewards.mean(), "batch"
        else:
            gaps, scale = self.centred(rewards), self.scale(call)
        if scale == "none":
            return gaps
        return gaps / self.divisor(self.deviation(rewards if scale == "group" else rewards.reshape(1, -1)), call)

    def centred(self, rewards: Tensor) -> Tensor:
        """Rewards less the mean of their group."""
        return rewards - rewards.mean(dim=1, keepdim=True)

    def scale(self, call: Call) -> str:
        """Whose deviation divides."""
        if self.made.name != "grpo":
            return "none"
        asked = call.options["scale_rewards"]
        if asked not in SPELLINGS:
            raise InputError(f"scale_rewards is {asked!r}; expected 'group', 'batch', 'none', True or False")
        return SPELLINGS[asked]

    def leave_one_out(self, rewards: Tensor) -> Tensor:
        """n/(n−1) times the gap to the mean."""
        n = rewards.shape[1]
        if n == 1:
            raise InputError("a group of one response has no others to compare it with; give at least two")
        return self.centred(rewards) * (n / (n - 1))

    def deviation(self, rewards: Tensor) -> Tensor:
        """(G, 1) standard deviations; 0 where there is one response."""
        degrees = rewards.shape[1] - (1 if self.ddof() else 0)
        if degrees == 0:
            return torch.zeros_like(rewards[:, :1])
        gaps = rewards - rewards.mean(dim=1, keepdim=True)
        made: Tensor = ((gaps * gaps).sum(dim=1, keepdim=True) / degrees).sqrt()
        return made

    def ddof(self) -> bool:
        """Whether the sum of squares is divided by n − 1."""
        return self.variant == SAMPLE

    def divisor(self, deviations: Tensor, call: Call) -> Tensor:
        """The deviation and what is added to it."""
        epsilon: float = call.options["epsilon"]
        return deviations + epsilon
