"""An aggregate of tokens in torch, from its weights or its statistics: the honest reference subject.

Its steps are methods, so that a mistake can be planted in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from alignprops.conformance.aggregation import AGGREGATE
from alignprops.conformance.call import Call
from alignprops.losses.aggregation.aggregate import (
    Aggregate,
    all_tokens,
    columns,
    count,
    row_tokens,
    rows,
    rows_with_tokens,
)
from alignprops.losses.evaluation import evaluate


@dataclass(frozen=True, eq=False)
class TorchAggregate:
    """Called with values and mask, returns {"aggregate": (), (B,) or (B, T)}."""

    aggregate: Aggregate
    variant: str = ""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        return {AGGREGATE: self.aggregated(self.masked(call), self.mask(call), call)}

    def mask(self, call: Call) -> Tensor:
        """(B, T) bool."""
        return torch.as_tensor(call.tensors["mask"] != 0)

    def masked(self, call: Call) -> Tensor:
        """(B, T) x, selected: 0 where masked; as given where whitening is computed everywhere."""
        values = call.tensors["values"]
        if self.aggregate.statistic == "whitening" and self.aggregate.outside[self.variant] == "computed":
            return values
        return torch.where(self.mask(call), values, 0)

    def aggregated(self, values: Tensor, mask: Tensor, call: Call) -> Tensor:
        """The aggregate of masked values."""
        if self.aggregate.linear:
            return self.summed(values * self.weights(mask, call))
        if self.aggregate.statistic == "variance":
            return self.variance(values, mask, self.mean(values, mask))
        return self.whitened(values, mask, call)

    # --- weighted sums ----------------------------------------------------------------------------------------------

    def weights(self, mask: Tensor, call: Call) -> Any:
        """(B, 1) or () w; of rows and batches of nothing that of one token."""
        return evaluate(self.expression(), self.sizes(mask, call))

    def expression(self) -> sp.Expr:
        """w."""
        return self.aggregate.weights[self.variant]

    def sizes(self, mask: Tensor, call: Call) -> dict[sp.Symbol, Any]:
        """What w is made of."""
        given = mask.to(call.tensors["values"].dtype)  # 1/n of an integer n would be in single precision
        per_row = given.sum(dim=1, keepdim=True)
        return {
            row_tokens: self.divisor(per_row),
            all_tokens: self.divisor(given.sum()),
            rows: float(mask.shape[0]),
            rows_with_tokens: self.divisor((per_row > 0).to(given.dtype).sum()),
            columns: float(mask.shape[1]),
            count: call.options.get("count", 1.0),
        }

    def divisor(self, tokens: Tensor) -> Tensor:
        """A number of tokens that may be divided by."""
        return tokens.clamp(min=1)

    def summed(self, terms: Tensor) -> Tensor:
        """Over the batch, or over each row."""
        return terms.sum(dim=1) if self.aggregate.shape == "row" else terms.sum()

    # --- statistics -------------------------------------------------------------------------------------------------

    def mean(self, values: Tensor, mask: Tensor) -> Tensor:
        """() the masked mean."""
        return torch.where(mask, values, 0).sum() / self.divisor(mask.sum())

    def variance(self, values: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
        """() the masked variance; 0 where it is not determined."""
        squares = torch.where(mask, values - mean, 0).square()
        return squares.sum() / self.divisor(mask.sum() - self.ddof)

    @property
    def ddof(self) -> int:
        """What is taken from N."""
        return self.aggregate.ddof[self.variant]

    def whitened(self, values: Tensor, mask: Tensor, call: Call) -> Tensor:
        """(B, T)."""
        mean = self.mean(values, mask)
        made = (values - mean) * self.inverse_root(self.variance(values, mask, mean), call)
        if not call.options["shift_mean"]:
            made = made + mean
        return torch.where(mask, made, 0) if self.aggregate.outside[self.variant] == "zero" else made

    def inverse_root(self, variance: Tensor, call: Call) -> Tensor:
        """1/√(var + ε) or 1/(√var + ε)."""
        if self.aggregate.floored[self.variant] == "variance":
            return torch.rsqrt(variance + call.options["eps"])
        return torch.as_tensor(1 / (variance.sqrt() + call.options["eps"]))
