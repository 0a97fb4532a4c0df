"""One loss of a preference pair: its expression in every documented convention, its rewards, its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

import sympy as sp

from alignprops.conformance.specification import Specification
from alignprops.losses.pairs.sorting import Sorting
from alignprops.losses.pairs.symbols import POLICY, REFERENCE, beta

#: How a response's log-probability comes from those of its tokens: their sum, their mean, or their sum with weight 1 up
#: to the shorter response's length and weight `ld_alpha` beyond.
TokenReduction = Literal["sum", "mean", "shared"]
#: The option that weighs the tokens beyond the shorter response's length.
LD_ALPHA = "ld_alpha"


@dataclass(frozen=True, eq=False)
class PairLoss(Specification):
    """A loss of one preference pair.

    Attributes:
        expressions: the loss of a pair by convention, in the symbols of `alignprops.losses.pairs.symbols` and of the
            options.
        logps: by convention whether a response's log-probability is the `sum` or the `mean` over its tokens, or one
            that is `shared`: such a loss is of tokens with masks only.
        stopped: symbols in the expressions that gradients do not flow through, with their definitions.
        rewards: implicit rewards of the chosen and the rejected response, reported beside the loss.
        arrangement: for losses that sort the batch, which rows make up each pair.
    """

    expressions: Mapping[str, sp.Expr] = field(default_factory=dict)
    logps: Mapping[str, TokenReduction] = field(default_factory=dict)
    stopped: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    rewards: tuple[sp.Expr, sp.Expr] = (beta * (POLICY[0] - REFERENCE[0]), beta * (POLICY[1] - REFERENCE[1]))
    arrangement: Sorting | None = None

    def expression(self, variant: str) -> sp.Expr:
        """The loss of a pair under that convention."""
        return self.expressions[self.variant(variant)]

    def gradient(self, variant: str) -> Mapping[str, sp.Expr]:
        """∂loss/∂(log-probability under the policy), by input; from the same expression."""
        return _gradient(self.expression(variant))

    def live_options(self, variant: str) -> frozenset[str]:
        """The options that this convention looks at; another may have more."""
        parts = [self.expression(variant), *self.stopped.values(), *self.rewards]
        names = {symbol.name for part in parts for symbol in part.free_symbols}
        names |= {LD_ALPHA} if self.tokens(variant) == "shared" else set()
        return frozenset(option.name for option in self.options if option.name in names)

    def tokens(self, variant: str) -> TokenReduction:
        """How a response's log-probability comes from those of its tokens."""
        return self.logps.get(variant, "sum")

    @cached_property
    def uses_reference(self) -> bool:
        """Whether any convention looks at the reference model."""
        return bool(self._symbols & set(REFERENCE))

    @cached_property
    def _symbols(self) -> set[Any]:
        parts = [*self.expressions.values(), *self.stopped.values()]
        return set().union(*(part.free_symbols for part in parts))


@lru_cache(maxsize=256)
def _gradient(expression: sp.Expr) -> Mapping[str, sp.Expr]:
    return {symbol.name: sp.diff(expression, symbol) for symbol in POLICY}
