"""Mistakes of advantages over time, and of any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.advantage import EPISODES, MASKED, PADDED
from alignprops.conformance.advantage_torch import TorchOverTime
from alignprops.conformance.call import Call
from alignprops.subjects.mistakes.advantages_planting import ignored, planted
from alignprops.subjects.mistakes.mistake import Mistake


class BootstrapsThroughDone(TorchOverTime):
    """The value behind the end of an episode enters."""

    def bootstraps(self, goes_on: Tensor) -> Tensor:
        return torch.ones_like(goes_on)


class RecursesThroughDone(TorchOverTime):
    """The advantage behind the end of an episode enters."""

    def recurses(self, goes_on: Tensor) -> Tensor:
        return torch.ones_like(goes_on)


class BootstrapForgotten(TorchOverTime):
    """What is cut off is taken to have ended: no value stands behind the last step."""

    def values(self, call: Call, kept: Tensor) -> Tensor:
        made = super().values(call, kept).clone()
        made[:, -1] = 0
        return made


class RecursesThroughMask(TorchOverTime):
    """Masked steps count as steps with reward and value 0: the recursion runs through them, and decays."""

    def step(
        self, kept: Tensor, here: Tensor, after: Tensor, value: Tensor, following: Tensor
    ) -> tuple[Tensor, Tensor]:
        return here, value


class MaskIgnored(TorchOverTime):
    """Masked steps are steps like all others."""

    def kept(self, call: Call) -> Tensor:
        return torch.ones_like(super().kept(call))


class MaskMultiplied(TorchOverTime):
    """The mask is a factor: inf and NaN under it survive as NaN."""

    def cleaned(self, given: Tensor, kept: Tensor) -> Tensor:
        return given * kept

    def step(
        self, kept: Tensor, here: Tensor, after: Tensor, value: Tensor, following: Tensor
    ) -> tuple[Tensor, Tensor]:
        skipped = ~kept
        return here * kept + after * skipped, value * kept + following * skipped


class ValuesNotMasked(TorchOverTime):
    """The rewards are masked, the values are not, and the recursion runs through all."""

    def values(self, call: Call, kept: Tensor) -> Tensor:
        return super().values(call, torch.ones_like(kept))

    def step(
        self, kept: Tensor, here: Tensor, after: Tensor, value: Tensor, following: Tensor
    ) -> tuple[Tensor, Tensor]:
        return here, value


class ReturnsAreAdvantages(TorchOverTime):
    """Returns lack the values."""

    def returns(self, advantages: Tensor, values: Tensor, kept: Tensor) -> Tensor:
        return advantages.clone()


class ReturnsOfWhitened(TorchOverTime):
    """Returns are made of advantages that were whitened before."""

    def returns(self, advantages: Tensor, values: Tensor, kept: Tensor) -> Tensor:
        return torch.where(kept, (advantages - advantages.mean()) + values, 0)


class RewardsToReturns(TorchOverTime):
    """The rewards themselves are returned for the advantages."""

    def recursion(self, rewards: Tensor, values: Tensor, ends: Tensor, kept: Tensor, call: Call) -> Tensor:
        return torch.where(kept, rewards - values[:, :-1], 0)


class DiscountsOnce(TorchOverTime):
    """λ alone carries the advantage back: γ is forgotten there."""

    def recursion(self, rewards: Tensor, values: Tensor, ends: Tensor, kept: Tensor, call: Call) -> Tensor:
        lam = call.options.get("lam", 1.0)
        changed = call.with_options(lam=lam / call.options["gamma"])
        return super().recursion(rewards, values, ends, kept, changed)


class SignOfDelta(TorchOverTime):
    """δ is V_t − (r_t + γV_{t+1})."""

    def recursion(self, rewards: Tensor, values: Tensor, ends: Tensor, kept: Tensor, call: Call) -> Tensor:
        return -super().recursion(rewards, values, ends, kept, call)


# --- purity


@dataclass(frozen=True, eq=False)
class _InPlace:
    """The honest code, but the rewards are overwritten."""

    honest: Callable[[Call], Mapping[str, Any]]

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = self.honest(call)
        call.tensors["rewards"].mul_(2)
        return made


@dataclass(frozen=True, eq=False)
class _Remembers:
    """The honest code, and what it made the last time is added to."""

    honest: Callable[[Call], Mapping[str, Any]]
    seen: list[int]

    def __call__(self, call: Call) -> Mapping[str, Any]:
        self.seen.append(1)
        return {name: value + len(self.seen) // 2 for name, value in self.honest(call).items()}


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "bootstraps-through-done",
        "lets the value behind the end of an episode enter",
        (52,),
        planted(BootstrapsThroughDone, forms=(EPISODES,)),
    ),
    Mistake(
        "recurses-through-done",
        "lets the advantage behind the end of an episode enter",
        (52,),
        planted(RecursesThroughDone, forms=(EPISODES,)),
    ),
    Mistake(
        "bootstrap-forgotten",
        "takes what is cut off to have ended (no value stands behind the last step)",
        (),
        planted(BootstrapForgotten, forms=(EPISODES,), names=("gae",)),
    ),
    Mistake(
        "recurses-through-mask",
        "runs the recursion through masked steps",
        (52,),
        planted(RecursesThroughMask, forms=(MASKED,)),
    ),
    Mistake("mask-ignored", "ignores the mask", (52, 51), planted(MaskIgnored, forms=(MASKED, PADDED))),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        planted(MaskMultiplied, forms=(MASKED, PADDED)),
    ),
    Mistake(
        "values-not-masked",
        "masks the rewards and not the values",
        (50, 52),
        planted(ValuesNotMasked, forms=(MASKED, PADDED), names=("gae",)),
    ),
    Mistake(
        "returns-are-advantages",
        "returns the advantages for the returns",
        (),
        planted(ReturnsAreAdvantages, names=("gae",)),
    ),
    Mistake(
        "returns-of-whitened",
        "adds the values to advantages that are normalised already",
        (),
        planted(ReturnsOfWhitened, names=("gae",)),
    ),
    Mistake("no-recursion", "returns r - V for the advantages", (63,), planted(RewardsToReturns)),
    Mistake("gamma-ignored", "accepts gamma and ignores it", (49,), ignored("gamma", 1.0)),
    Mistake("lambda-ignored", "accepts lambda and ignores it", (49,), ignored("lam", 1.0)),
    Mistake(
        "gamma-not-carried",
        "discounts values and not advantages",
        (),
        planted(DiscountsOnce, names=("gae",)),
    ),
    Mistake("delta-negated", "has the sign of the advantage wrong", (), planted(SignOfDelta)),
    Mistake(
        "in-place",
        "changes its inputs in place",
        (91,),
        lambda honest: replace(honest, function=_InPlace(honest.function)),
    ),
    Mistake(
        "remembers",
        "gives other numbers when it is called again",
        (91,),
        lambda honest: replace(honest, function=_Remembers(honest.function, [])),
    ),
)
