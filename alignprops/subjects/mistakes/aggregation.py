"""Mistakes of masked means, variances, whitening and aggregation modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.conformance.aggregation_torch import TorchAggregate
from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.losses.aggregation.aggregate import all_tokens, columns, count, row_tokens, rows, rows_with_tokens
from alignprops.subjects.mistakes.mistake import Mistake
from alignprops.subjects.mistakes.pairwise import ignored

Plant = Callable[[Conformer], Conformer | None]


def _planted(make: type[TorchAggregate], *, needs: Callable[[Any], bool] = lambda _: True) -> Plant:
    """`needs` is told the honest aggregate."""

    def plant(honest: Conformer) -> Conformer | None:
        if not needs(honest.specification):
            return None
        wrong: Any = make(honest.specification, honest.variant)  # type: ignore[arg-type]
        return replace(honest, function=wrong)

    return plant


def _linear(aggregate: Any) -> bool:
    return bool(aggregate.linear)


def _of_batch(aggregate: Any) -> bool:
    return bool(aggregate.linear) and aggregate.shape == "batch"


def _named(*names: str) -> Callable[[Any], bool]:
    return lambda aggregate: aggregate.name in names


def _statistic(aggregate: Any) -> bool:
    return not aggregate.linear


def _whitens(aggregate: Any) -> bool:
    return bool(aggregate.statistic == "whitening")


# --- masks ------------------------------------------------------------------------------------------------------


class MaskIgnored(TorchAggregate):
    """Every position counts."""

    def mask(self, call: Call) -> Tensor:
        return torch.ones_like(super().mask(call))


class MaskInverted(TorchAggregate):
    """The padding counts, and the tokens do not."""

    def mask(self, call: Call) -> Tensor:
        return ~super().mask(call)


class ValuesForMask(TorchAggregate):
    """The values are passed for the mask: what is not 0 counts."""

    def mask(self, call: Call) -> Tensor:
        return torch.as_tensor(call.tensors["values"] != 0)


class PaddingInNumerator(TorchAggregate):
    """The mask is in the denominator only."""

    def masked(self, call: Call) -> Tensor:
        return call.tensors["values"]


class PaddingInDenominator(TorchAggregate):
    """The mask is in the numerator only: all positions are counted."""

    def sizes(self, mask: Tensor, call: Call) -> dict[sp.Symbol, Any]:
        return super().sizes(torch.ones_like(mask), call)


class MaskMultiplied(TorchAggregate):
    """The mask is a factor: inf and NaN under it survive as NaN."""

    def masked(self, call: Call) -> Tensor:
        return call.tensors["values"] * self.mask(call)


class StatisticsOfAllPositions(TorchAggregate):
    """Mean and variance are taken over all positions, and the mask comes afterwards."""

    def mean(self, values: Tensor, mask: Tensor) -> Tensor:
        return super().mean(values, torch.ones_like(mask))

    def variance(self, values: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
        return super().variance(values, torch.ones_like(mask), mean)


# --- what is divided by -------------------------------------------------------------------------------------------


class MeanOfRowMeans(TorchAggregate):
    """The mean of the rows' means is taken for the mean over all tokens."""

    def expression(self) -> sp.Expr:
        return 1 / (rows_with_tokens * row_tokens)


class AlwaysTokenMean(TorchAggregate):
    """Whatever mode is asked for, it is the token mean."""

    def expression(self) -> sp.Expr:
        return 1 / all_tokens


class DividedTwice(TorchAggregate):
    """What is divided by the number of rows already is divided by it again."""

    def expression(self) -> sp.Expr:
        return super().expression() / rows


class SumForMean(TorchAggregate):
    """Nothing is divided."""

    def expression(self) -> sp.Expr:
        return sp.Integer(1)


class RowsOfNothingCounted(TorchAggregate):
    """Fully masked rows count where they should not, or do not where they should."""

    def expression(self) -> sp.Expr:
        swapped: sp.Expr = super().expression().xreplace({rows: rows_with_tokens, rows_with_tokens: rows})
        return swapped


class LocalCount(TorchAggregate):
    """The sum is divided by the tokens at hand, not by the count that is given."""

    def expression(self) -> sp.Expr:
        local: sp.Expr = super().expression().xreplace({count: all_tokens})
        return local


class WidthForLength(TorchAggregate):
    """The mean of a row is over the width of the batch."""

    def expression(self) -> sp.Expr:
        wide: sp.Expr = super().expression().xreplace({row_tokens: columns})
        return wide


class Unguarded(TorchAggregate):
    """A number of tokens that may be 0 is divided by."""

    def divisor(self, tokens: Tensor) -> Tensor:
        return tokens


class LastRowOnly(TorchAggregate):
    """Only the last micro-batch remains: each overwrites the one before."""

    def summed(self, terms: Tensor) -> Tensor:
        return terms[-1].sum()


# --- statistics ---------------------------------------------------------------------------------------------------


class OtherDdof(TorchAggregate):
    """The variance is over N where N − 1 is documented, or the other way round."""

    @property
    def ddof(self) -> int:
        return 1 - super().ddof


class VarianceOfRows(TorchAggregate):
    """Statistics are taken along the wrong axis: of each row by itself."""

    def mean(self, values: Tensor, mask: Tensor) -> Tensor:
        counts = mask.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.where(mask, values, 0).sum(dim=1, keepdim=True) / counts

    def variance(self, values: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
        squares = torch.where(mask, values - mean, 0).square()
        made = squares.sum(dim=1, keepdim=True) / (mask.sum(dim=1, keepdim=True) - self.ddof).clamp(min=1)
        return made if self.aggregate.statistic == "whitening" else made.mean()


class DividedByVariance(TorchAggregate):
    """Whitening divides by the variance, not by its root."""

    def inverse_root(self, variance: Tensor, call: Call) -> Tensor:
        return torch.as_tensor(1 / (variance + call.options["eps"]))


class WithoutEpsilon(TorchAggregate):
    """Whitening divides by a standard deviation that may be 0."""

    def inverse_root(self, variance: Tensor, call: Call) -> Tensor:
        return 1 / variance.sqrt()


class OtherOutside(TorchAggregate):
    """Padding is not 0 after whitening where it should be."""

    def whitened(self, values: Tensor, mask: Tensor, call: Call) -> Tensor:
        made = super().whitened(values, mask, call)
        return torch.where(mask, made, values - self.mean(values, mask))


# --- gradients and purity -----------------------------------------------------------------------------------------


class ZeroGradient(TorchAggregate):
    """The forward pass lies outside what is differentiated."""

    def masked(self, call: Call) -> Tensor:
        return super().masked(call).detach()


class DetachedStatistics(TorchAggregate):
    """The variance is held fixed."""

    def variance(self, values: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
        return super().variance(values, mask, mean.detach()).detach()


class InPlace(TorchAggregate):
    """The values that are given are masked in place."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        made = super().__call__(call)
        with torch.no_grad():
            call.tensors["values"].mul_(self.mask(call))
        return made


MISTAKES: tuple[Mistake, ...] = (
    Mistake("mask-ignored", "ignores the mask", (17, 61, 85), _planted(MaskIgnored)),
    Mistake("mask-inverted", "counts the padding instead of the tokens", (90,), _planted(MaskInverted)),
    Mistake("values-for-mask", "passes the values for the mask", (43, 51), _planted(ValuesForMask)),
    Mistake(
        "padding-in-numerator",
        "sums over masked positions too, and divides by the tokens that count",
        (61, 85),
        _planted(PaddingInNumerator, needs=_linear),
    ),
    Mistake(
        "padding-in-denominator",
        "divides by all positions, masked ones included",
        (69, 90),
        _planted(PaddingInDenominator, needs=_linear),
    ),
    Mistake(
        "mask-multiplied",
        "multiplies by the mask, so that inf or NaN under it becomes NaN",
        (59,),
        _planted(MaskMultiplied),
    ),
    Mistake(
        "mask-afterwards",
        "takes mean and variance over all positions and masks afterwards",
        (59,),
        _planted(StatisticsOfAllPositions, needs=_statistic),
    ),
    Mistake(
        "mean-of-means",
        "averages the means of rows where all tokens should weigh the same",
        (53, 84),
        _planted(MeanOfRowMeans, needs=_named("token-mean")),
    ),
    Mistake(
        "always-token-mean",
        "computes the token mean whatever mode is asked for",
        (49,),
        _planted(AlwaysTokenMean, needs=lambda made: _of_batch(made) and made.name != "token-mean"),
    ),
    Mistake(
        "divided-twice",
        "divides by the number of micro-batches twice",
        (8, 54, 89),
        _planted(DividedTwice, needs=_linear),
    ),
    Mistake(
        "sum-for-mean",
        "sums where it should average",
        (56,),
        _planted(SumForMean, needs=lambda made: _linear(made) and not made.name.endswith("-sum")),
    ),
    Mistake(
        "rows-of-nothing",
        "counts fully masked rows where it should not, or does not where it should",
        (69,),
        _planted(RowsOfNothingCounted, needs=_named("seq-mean-token-sum", "seq-mean-token-mean")),
    ),
    Mistake(
        "local-count",
        "divides by the tokens at hand instead of the count that is given",
        (53, 55),
        _planted(LocalCount, needs=_named("sum-over-count")),
    ),
    Mistake("count-ignored", "accepts the count and divides by a constant", (55,), ignored("count", 16.0)),
    Mistake(
        "width-for-length",
        "divides the sum of a row by the width of the batch",
        (85,),
        _planted(WidthForLength, needs=_named("row-mean", "seq-mean-token-mean")),
    ),
    Mistake(
        "unguarded",
        "divides by a number of tokens that may be 0",
        (32, 33, 60),
        _planted(Unguarded, needs=lambda made: _of_batch(made) or made.name == "row-mean"),
    ),
    Mistake(
        "unguarded-variance",
        "divides by N − 1 where N may be 1",
        (60,),
        _planted(Unguarded, needs=_statistic),
    ),
    Mistake("last-row-only", "keeps only the last micro-batch", (89,), _planted(LastRowOnly, needs=_of_batch)),
    Mistake(
        "other-ddof",
        "divides a variance by N where N − 1 is documented (or the other way round)",
        (60,),
        _planted(OtherDdof, needs=_statistic),
    ),
    Mistake(
        "wrong-axis",
        "takes the statistics of each row instead of those of the batch",
        (74, 90),
        _planted(VarianceOfRows, needs=_statistic),
    ),
    Mistake(
        "divided-by-variance",
        "divides by the variance instead of its root",
        (60,),
        _planted(DividedByVariance, needs=_whitens),
    ),
    Mistake(
        "without-epsilon",
        "divides by a standard deviation that may be 0",
        (60,),
        _planted(WithoutEpsilon, needs=_whitens),
    ),
    Mistake(
        "not-zero-outside",
        "leaves padding other than 0 after whitening",
        (59,),
        _planted(OtherOutside, needs=_whitens),
    ),
    Mistake("shift-mean-ignored", "accepts shift_mean and ignores it", (64,), ignored("shift_mean", True)),
    Mistake("eps-ignored", "accepts eps and ignores it", (64,), ignored("eps", 1e-8)),
    Mistake("zero-gradient", "gives the right value with a gradient of 0", (19, 20), _planted(ZeroGradient)),
    Mistake(
        "detached-statistics",
        "holds the variance fixed in the gradient",
        (62,),
        _planted(DetachedStatistics, needs=_statistic),
    ),
    Mistake("in-place", "masks the values that it is given in place", (91,), _planted(InPlace)),
)
