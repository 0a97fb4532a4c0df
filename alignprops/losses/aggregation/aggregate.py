"""One way of putting the numbers of tokens together: what each token weighs, by convention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sympy as sp

from alignprops.conformance.specification import Specification
from alignprops.quantity import positive

#: n_b scored tokens of the token's row, N of the batch; B rows, R of them with a token; T columns; C a given count.
row_tokens = positive("row_tokens", "n_b")
all_tokens = positive("all_tokens", "N")
rows = positive("rows", "B")
rows_with_tokens = positive("rows_with_tokens", "R")
columns = positive("columns", "T")
count = positive("count", "C")

#: How a micro-batch enters the aggregate of the whole: by what its share is reckoned.
Share = Literal["tokens", "rows", "rows with tokens", "one", "none"]


@dataclass(frozen=True, eq=False)
class Aggregate(Specification):
    """An aggregate of the numbers x_bt of tokens under a mask m_bt.

    Attributes:
        shape: "batch": one number Σ_bt w m x; "row": one a row, Σ_t w m x; "token": of the shape of x.
        weights: w of a token by convention, for the linear ones; from it also the gradient, w m.
        of_ones: by convention what the aggregate of ones is (its textbook ratio to the token mean).
        shares: by convention how micro-batches make up the whole: Σ_k (size_k/size) · aggregate_k, or Σ_k aggregate_k.
        statistic: "variance" or "whitening" for those that are not linear.
        ddof, floored, outside: by convention what a variance is divided by beside N (N − ddof); whether ε is added to
            the variance or to its root ("variance", "root"); and what whitening leaves outside the mask ("zero" or
            "computed").
    """

    shape: Literal["batch", "row", "token"] = "batch"
    weights: Mapping[str, sp.Expr] = field(default_factory=dict)
    of_ones: Mapping[str, sp.Expr] = field(default_factory=dict)
    shares: Mapping[str, Share] = field(default_factory=dict)
    statistic: Literal["", "variance", "whitening"] = ""
    ddof: Mapping[str, int] = field(default_factory=dict)
    floored: Mapping[str, Literal["variance", "root"]] = field(default_factory=dict)
    outside: Mapping[str, Literal["zero", "computed"]] = field(default_factory=dict)

    @property
    def linear(self) -> bool:
        """Whether the aggregate is a weighted sum."""
        return not self.statistic
