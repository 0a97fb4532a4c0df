"""Mistakes of losses of preference pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.atoms import log_sigmoid, sigmoid, softplus
from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pair_torch import TorchPairLoss
from alignprops.conformance.pairwise_case import TOKENS
from alignprops.losses.pairs.symbols import label_smoothing
from alignprops.subjects.mistakes.mistake import Mistake

Plant = Callable[[Conformer], Conformer | None]


def _planted(make: type[TorchPairLoss], *, needs: Callable[[Conformer], bool] = lambda _: True) -> Plant:
    """A plant that puts a wrong class in the place of the honest one."""

    def plant(honest: Conformer) -> Conformer | None:
        if not needs(honest):
            return None
        wrong: Any = make(honest.specification, honest.variant, honest.form, honest.reduction)  # type: ignore[arg-type]
        return replace(honest, function=wrong)

    return plant


def _has(option: str) -> Callable[[Conformer], bool]:
    return lambda honest: option in honest.options


def _uses_reference(honest: Conformer) -> bool:
    return bool(getattr(honest.specification, "uses_reference", False))


def _of_tokens(honest: Conformer) -> bool:
    return honest.form == TOKENS


# --- the loss ---------------------------------------------------------------------------------------------------


class NegatedLoss(TorchPairLoss):
    """The sign of the loss is wrong."""

    def losses(self, values: Mapping[str, Tensor], call: Call) -> Tensor:
        return -super().losses(values, call)


class SwappedReference(TorchPairLoss):
    """The reference's chosen and rejected log-probabilities are swapped."""

    def values(self, call: Call) -> dict[str, Tensor]:
        made = super().values(call)
        chosen, rejected = made["reference_chosen_logps"], made["reference_rejected_logps"]
        return made | {"reference_chosen_logps": rejected, "reference_rejected_logps": chosen}


class SwappedPair(TorchPairLoss):
    """Chosen and rejected are swapped, of policy and reference alike."""

    def values(self, call: Call) -> dict[str, Tensor]:
        made = super().values(call)
        other = {
            name: name.replace("chosen", "@").replace("rejected", "chosen").replace("@", "rejected") for name in made
        }
        return {name: made[other[name]] for name in made}


class ReferenceForgotten(TorchPairLoss):
    """The reference model does not enter."""

    def values(self, call: Call) -> dict[str, Tensor]:
        made = super().values(call)
        return made | {name: torch.zeros_like(value) for name, value in made.items() if name.startswith("reference")}


class BetaTwice(TorchPairLoss):
    """β is applied twice."""

    def losses(self, values: Mapping[str, Tensor], call: Call) -> Tensor:
        return super().losses(values, call.with_options(beta=call.options["beta"] ** 2))


class LogOfSigmoid(TorchPairLoss):
    """log(sigmoid(x)) is computed in two steps: −inf, and a gradient of NaN or 0, where sigmoid underflows."""

    def expression(self) -> sp.Expr:
        return (
            super()
            .expression()
            .replace(softplus, lambda x: -_plain_log(sigmoid(-x)))
            .replace(log_sigmoid, lambda x: _plain_log(sigmoid(x)))
        )


class UnsmoothedLogOfSigmoid(LogOfSigmoid):
    """The same in code without label smoothing, where no term of weight 0 makes 0 · ∞ of what underflows."""

    def expression(self) -> sp.Expr:
        return super().expression().subs(label_smoothing, 0)


def _log_of_sigmoid(honest: Conformer) -> Conformer | None:
    made = LogOfSigmoid if "label_smoothing" in honest.options else UnsmoothedLogOfSigmoid
    return _planted(made, needs=lambda honest: "logistic" in honest.specification.traits)(honest)


def _plain_log(x: sp.Expr) -> sp.Expr:
    return sp.log(x)


class FirstUpstream(TorchPairLoss):
    """The gradient of every pair is scaled by the upstream gradient of the first."""

    def losses(self, values: Mapping[str, Tensor], call: Call) -> Tensor:
        made: Tensor = _FirstUpstream.apply(super().losses(values, call))  # type: ignore[no-untyped-call]
        return made


class _FirstUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, losses: Tensor) -> Tensor:  # noqa: ARG004
        return losses.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # noqa: ARG004
        return upstream[0].expand_as(upstream).clone()


class ZeroGradient(TorchPairLoss):
    """The forward pass lies outside what is differentiated: the gradient is 0."""

    def losses(self, values: Mapping[str, Tensor], call: Call) -> Tensor:
        return super().losses({name: value.detach() for name, value in values.items()}, call)


class BatchMeanForEach(TorchPairLoss):
    """Every pair gets the mean of the batch."""

    def reduced(self, losses: Tensor) -> Tensor:
        return super().reduced(losses.mean().expand_as(losses))


class MeanInside(TorchPairLoss):
    """The mean over the batch is taken of the log-probabilities, and the loss of that one mean pair."""

    def losses(self, values: Mapping[str, Tensor], call: Call) -> Tensor:
        return super().losses({name: value.mean().expand_as(value) for name, value in values.items()}, call)


class MeanForSum(TorchPairLoss):
    """The mean over the batch where the sum is documented, or the sum for the mean."""

    def reduced(self, losses: Tensor) -> Tensor:
        return losses.sum() if self.reduction == "mean" else losses.mean()


# --- tokens -----------------------------------------------------------------------------------------------------


class OtherTokenReduction(TorchPairLoss):
    """Token log-probabilities are averaged where the loss is of their sum, or summed for their mean."""

    def logps(self, name: str, call: Call) -> Tensor:
        made, counts = super().logps(name, call), self.mask(name, call).sum(dim=1)
        return made * counts if self.loss.tokens(self.variant) == "mean" else made / counts


class PaddingIncluded(TorchPairLoss):
    """Masked tokens enter."""

    def mask(self, name: str, call: Call) -> Tensor:
        return torch.ones_like(super().mask(name, call))


class MaskMultiplied(TorchPairLoss):
    """The mask is a factor: inf and NaN under it survive as NaN."""

    def logps(self, name: str, call: Call) -> Tensor:
        mask = self.mask(name, call)
        sums = (call.tensors[name] * mask).sum(dim=1)
        return sums / mask.sum(dim=1) if self.loss.tokens(self.variant) == "mean" else sums


class FirstTokenLost(TorchPairLoss):
    """The first token of a response does not count."""

    def mask(self, name: str, call: Call) -> Tensor:
        mask = super().mask(name, call)
        return mask & (mask.cumsum(dim=1) > 1)


class ChosenMaskForBoth(TorchPairLoss):
    """The rejected responses are masked as the chosen ones."""

    def mask(self, name: str, call: Call) -> Tensor:
        return super().mask(name.replace("rejected", "chosen"), call)


# --- rewards ----------------------------------------------------------------------------------------------------


class AttachedRewards(TorchPairLoss):
    """The logged rewards keep their graph."""

    def rewards(self, values: Mapping[str, Tensor], call: Call) -> tuple[Tensor, Tensor]:
        known = self._known(values, call)
        chosen, rejected = (self.evaluated(part, known) for part in self.loss.rewards)
        return chosen, rejected


class SwappedRewards(TorchPairLoss):
    """The rewards of chosen and rejected are logged for each other."""

    def rewards(self, values: Mapping[str, Tensor], call: Call) -> tuple[Tensor, Tensor]:
        chosen, rejected = super().rewards(values, call)
        return rejected, chosen


class RewardsWithoutBeta(TorchPairLoss):
    """The logged rewards lack β."""

    def rewards(self, values: Mapping[str, Tensor], call: Call) -> tuple[Tensor, Tensor]:
        return super().rewards(values, call.with_options(beta=1.0))


class RewardsWithoutReference(TorchPairLoss):
    """The logged rewards lack the reference."""

    def rewards(self, values: Mapping[str, Tensor], call: Call) -> tuple[Tensor, Tensor]:
        zeroed = {n: torch.zeros_like(v) if n.startswith("reference") else v for n, v in values.items()}
        return super().rewards(zeroed, call)


# --- purity and options -----------------------------------------------------------------------------------------


class InPlace(TorchPairLoss):
    """The reference's log-probabilities are changed in place."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = super().__call__(call)
        call.tensors["reference_chosen_logps"].mul_(1.5)
        return made


@dataclass(frozen=True, eq=False)
class _WithOption:
    """The honest loss, called with another value of an option than it is given."""

    honest: Callable[[Call], Mapping[str, Any]]
    option: str
    change: Callable[[Any], Any]

    def __call__(self, call: Call) -> Mapping[str, Any]:
        return self.honest(call.with_options(**{self.option: self.change(call.options[self.option])}))


def changed_option(option: str, change: Callable[[Any], Any]) -> Plant:
    """A plant that calls the honest code with another value of an option than it is given."""

    def plant(honest: Conformer) -> Conformer | None:
        if option not in honest.options:
            return None
        return replace(honest, function=_WithOption(honest.function, option, change))

    return plant


def ignored(option: str, default: Any) -> Plant:
    """A plant that accepts an option and ignores it."""
    return changed_option(option, lambda _: default)


MISTAKES: tuple[Mistake, ...] = (
    Mistake("sign-flipped", "has the sign of the loss wrong", (7, 22), _planted(NegatedLoss)),
    Mistake(
        "pair-swapped",
        "takes the rejected response for the chosen one (or has the sign of the margin wrong)",
        (83,),
        _planted(SwappedPair),
    ),
    Mistake(
        "reference-swapped",
        "swaps the reference's chosen and rejected log-probabilities",
        (1,),
        _planted(SwappedReference, needs=_uses_reference),
    ),
    Mistake(
        "reference-forgotten",
        "ignores the reference model (that is CPO)",
        (1, 13, 93),
        _planted(ReferenceForgotten, needs=_uses_reference),
    ),
    Mistake("beta-twice", "applies beta twice", (9,), _planted(BetaTwice, needs=_has("beta"))),
    Mistake("beta-ignored", "accepts beta and ignores it", (21,), ignored("beta", 1 / 8)),
    Mistake("beta-built-in", "accepts beta and uses 0.1 whatever it is", (21,), ignored("beta", 0.1)),
    Mistake(
        "beta-inverted", "divides by beta where it should multiply", (23,), changed_option("beta", lambda b: 1 / b)
    ),
    Mistake(
        "smoothing-flipped",
        "puts label smoothing on the wrong side (epsilon where 1 - epsilon belongs)",
        (16,),
        changed_option("label_smoothing", lambda e: 1 - e),
    ),
    Mistake(
        "smoothing-ignored",
        "accepts label_smoothing and ignores it",
        (16,),
        ignored("label_smoothing", 0.0),
    ),
    Mistake(
        "log-of-sigmoid",
        "computes log(sigmoid(x)) in two steps: infinite, with a NaN or lost gradient, where sigmoid underflows",
        (19,),
        _log_of_sigmoid,
    ),
    Mistake(
        "first-upstream",
        "scales every pair's gradient by the upstream gradient of the first",
        (81,),
        _planted(FirstUpstream, needs=lambda honest: honest.reduction == "none"),
    ),
    Mistake("zero-gradient", "gives the right value with a gradient of 0", (19, 20), _planted(ZeroGradient)),
    Mistake(
        "batch-mean",
        "returns the mean of the batch for every pair",
        (80,),
        _planted(BatchMeanForEach, needs=lambda honest: honest.reduction == "none"),
    ),
    Mistake(
        "mean-inside",
        "takes the mean over the batch inside the loss, of the margins, where it belongs outside",
        (),
        _planted(MeanInside, needs=lambda honest: honest.reduction == "mean"),
    ),
    Mistake(
        "reduction-swapped",
        "takes the sum over the batch for the mean, or the mean for the sum",
        (54, 56),
        _planted(MeanForSum, needs=lambda honest: honest.reduction != "none"),
    ),
    Mistake(
        "other-token-reduction",
        "averages the token log-probabilities where the loss is of their sum (or sums them for their mean)",
        (4, 5, 6, 8),
        _planted(OtherTokenReduction, needs=_of_tokens),
    ),
    Mistake("padding-included", "lets masked tokens enter", (17, 24, 25), _planted(PaddingIncluded, needs=_of_tokens)),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        _planted(MaskMultiplied, needs=_of_tokens),
    ),
    Mistake(
        "first-token-lost",
        "loses the first token of each response",
        (47, 48),
        _planted(FirstTokenLost, needs=_of_tokens),
    ),
    Mistake(
        "chosen-mask-for-both",
        "masks the rejected responses as the chosen ones",
        (26, 28),
        _planted(ChosenMaskForBoth, needs=_of_tokens),
    ),
    Mistake("rewards-attached", "returns rewards that are not detached", (12,), _planted(AttachedRewards)),
    Mistake(
        "rewards-swapped", "logs the rewards of chosen and rejected for each other", (83,), _planted(SwappedRewards)
    ),
    Mistake(
        "rewards-without-beta",
        "logs rewards without beta",
        (88,),
        _planted(RewardsWithoutBeta, needs=_has("beta")),
    ),
    Mistake(
        "rewards-without-reference",
        "logs rewards without the reference",
        (12,),
        _planted(RewardsWithoutReference, needs=_uses_reference),
    ),
    Mistake("in-place", "changes its inputs in place", (91,), _planted(InPlace)),
)
