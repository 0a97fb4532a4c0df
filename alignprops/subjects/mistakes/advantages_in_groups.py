"""Mistakes of advantages in groups of responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alignprops.conformance.advantage import ADVANTAGES, IDS, NEIGHBOURS
from alignprops.conformance.advantage_torch import TorchInGroups
from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.losses.advantages.table import SAMPLE
from alignprops.subjects.mistakes.advantages_planting import ignored, planted
from alignprops.subjects.mistakes.mistake import Mistake


class ScaledByBatch(TorchInGroups):
    """The deviation of the batch where the group's is due."""

    def scale(self, call: Call) -> str:
        honest = super().scale(call)
        return "batch" if honest == "group" else honest


class ScaleInverted(TorchInGroups):
    """Scaling is off where it is asked for, and on where it is not."""

    def scale(self, call: Call) -> str:
        return {"group": "none", "batch": "batch", "none": "batch"}[super().scale(call)]


class TruthIsNoName(TorchInGroups):
    """`scale_rewards=False` is not the same as "none"."""

    def scale(self, call: Call) -> str:
        return "group" if call.options["scale_rewards"] is False else super().scale(call)


class OtherDegrees(TorchInGroups):
    """The standard deviation divides by n where n − 1 is documented, or the other way round."""

    def ddof(self) -> bool:
        return not super().ddof()


class SampleOfOne(TorchInGroups):
    """`torch.std` of one reward: NaN."""

    def deviation(self, rewards: Tensor) -> Tensor:
        made = super().deviation(rewards)
        return made * torch.nan if self.variant == SAMPLE and rewards.shape[1] == 1 else made


class WithoutEpsilon(TorchInGroups):
    """Nothing is added to the deviation: 0/0 in a group whose rewards are equal."""

    def divisor(self, deviations: Tensor, call: Call) -> Tensor:
        return deviations


class VarianceFromSquares(TorchInGroups):
    """The variance is E r² − (E r)²: nothing but rounding where rewards have an offset."""

    def deviation(self, rewards: Tensor) -> Tensor:
        n = rewards.shape[1]
        raw = (rewards * rewards).mean(dim=1, keepdim=True) - rewards.mean(dim=1, keepdim=True) ** 2
        degrees = n - (1 if self.ddof() else 0)
        return (raw.clamp(min=0) * (n / max(degrees, 1))).sqrt()


class VarianceForDeviation(TorchInGroups):
    """The variance divides."""

    def deviation(self, rewards: Tensor) -> Tensor:
        return super().deviation(rewards) ** 2


class BatchMean(TorchInGroups):
    """The mean of the batch is subtracted."""

    def centred(self, rewards: Tensor) -> Tensor:
        return rewards - rewards.mean()


class NotCentred(TorchInGroups):
    """The mean is not subtracted."""

    def centred(self, rewards: Tensor) -> Tensor:
        return rewards.clone()


class GroupMean(TorchInGroups):
    """The mean of the group, the reward itself included, without the factor n/(n−1)."""

    def leave_one_out(self, rewards: Tensor) -> Tensor:
        return self.centred(rewards)


class FactorInverted(TorchInGroups):
    """The factor is (n−1)/n."""

    def leave_one_out(self, rewards: Tensor) -> Tensor:
        n = rewards.shape[1]
        return super().leave_one_out(rewards) * ((n - 1) / n) ** 2


class SingleIsZero(TorchInGroups):
    """A group of one gets NaN or 0 without a word."""

    def leave_one_out(self, rewards: Tensor) -> Tensor:
        return self.centred(rewards) if rewards.shape[1] == 1 else super().leave_one_out(rewards)


class Interleaved(TorchInGroups):
    """Neighbours are taken to be of different groups."""

    def order(self, call: Call) -> Tensor:
        n = int(call.options["group_size"])
        return torch.arange(len(call.tensors["rewards"])).reshape(n, -1).T.reshape(-1)


class IdsIgnored(TorchInGroups):
    """Group ids are accepted, and neighbours taken for a group."""

    def order(self, call: Call) -> Tensor:
        return torch.arange(len(call.tensors["rewards"]))


class ZeroIsMissing(TorchInGroups):
    """A reward of 0.0 is taken to be missing."""

    def rewards(self, call: Call) -> Tensor:
        given = call.tensors["rewards"]
        return torch.where(given == 0, given.mean(), given)


@dataclass(frozen=True, eq=False)
class _Gathered:
    """The honest code on rewards that are gathered twice: every group has each response two times."""

    honest: Callable[[Call], Mapping[str, Any]]

    def __call__(self, call: Call) -> Mapping[str, Any]:
        rewards, n = call.tensors["rewards"], int(call.options["group_size"])
        twice = rewards.reshape(-1, n).repeat(1, 2).reshape(-1)
        made = self.honest(call.with_tensors(rewards=twice).with_options(group_size=2 * n))[ADVANTAGES]
        return {ADVANTAGES: made.reshape(-1, 2 * n)[:, :n].reshape(-1)}


def _gathered(honest: Conformer) -> Conformer | None:
    return replace(honest, function=_Gathered(honest.function)) if honest.form == NEIGHBOURS else None


_SCALED = ("grpo",)
GROUP_MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "scaled-by-batch",
        "divides by the deviation of the batch for the group's",
        (64,),
        planted(ScaledByBatch, names=_SCALED),
    ),
    Mistake(
        "scale-inverted",
        "scales where it should not and does not where it should",
        (64,),
        planted(ScaleInverted, names=_SCALED),
    ),
    Mistake(
        "false-is-not-none",
        'takes scale_rewards=False for something else than "none"',
        (64,),
        planted(TruthIsNoName, names=_SCALED),
    ),
    Mistake("scale-ignored", "accepts scale_rewards and ignores it", (64,), ignored("scale_rewards", "group")),
    Mistake(
        "other-degrees",
        "divides the sum of squares by n for n - 1, or the other way round",
        (),
        planted(OtherDegrees, names=("grpo", "batch-norm")),
    ),
    Mistake(
        "sample-of-one",
        "has NaN for the deviation of a single reward",
        (60,),
        planted(SampleOfOne, names=("grpo", "batch-norm")),
    ),
    Mistake(
        "no-epsilon",
        "divides by a deviation that may be 0",
        (60,),
        planted(WithoutEpsilon, names=("grpo", "batch-norm")),
    ),
    Mistake(
        "variance-from-squares",
        "computes the variance as the mean of squares less the square of the mean",
        (60,),
        planted(VarianceFromSquares, names=("grpo", "batch-norm")),
    ),
    Mistake(
        "variance-for-deviation",
        "divides by the variance",
        (),
        planted(VarianceForDeviation, names=("grpo", "batch-norm")),
    ),
    Mistake(
        "batch-mean",
        "subtracts the mean of the batch for the group's",
        (64,),
        planted(BatchMean, names=("grpo", "dr-grpo", "rloo")),
    ),
    Mistake("not-centred", "does not subtract the mean", (), planted(NotCentred, names=("dr-grpo", "grpo", "rloo"))),
    Mistake(
        "group-mean", "subtracts the mean of all, the reward itself included", (), planted(GroupMean, names=("rloo",))
    ),
    Mistake("factor-inverted", "has the factor (n - 1)/n for n/(n - 1)", (), planted(FactorInverted, names=("rloo",))),
    Mistake(
        "single-passes",
        "gives a group of one an advantage without a word",
        (60,),
        planted(SingleIsZero, names=("rloo",)),
    ),
    Mistake(
        "interleaved", "takes neighbours to be of different groups", (28, 46), planted(Interleaved, forms=(NEIGHBOURS,))
    ),
    Mistake("ids-ignored", "accepts group ids and ignores them", (46,), planted(IdsIgnored, forms=(IDS,))),
    Mistake("gathered-twice", "has every response of a group twice", (73,), _gathered),
    Mistake("zero-is-missing", "takes a reward of 0.0 to be missing", (92,), planted(ZeroIsMissing)),
)
