"""One loss of a policy (or of a value function): of a token, by convention; how tokens are aggregated; its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import sympy as sp

from alignprops.conformance.specification import Option, Specification
from alignprops.losses.policy.aggregation import TOKEN_MEAN
from alignprops.losses.policy.symbols import BETA, log_ratio, logps, ref_logps, values

#: What the ratio is of: a token; the whole response, a mean of log-ratios; the same, with the gradient of the token's.
Level = Literal["token", "sequence", "sequence-stopped"]

#: k3 of a token: exp(d) − 1 − d with d = log π_ref − log π; unbiased for KL(π‖π_ref) (Schulman 2020).
k3 = sp.exp(ref_logps - logps) - (ref_logps - logps) - 1


@dataclass(frozen=True, eq=False)
class PolicyLoss(Specification):
    """A loss of one token of a sampled response; to be minimised.

    Attributes:
        expressions: the loss of a token by convention, without KL, in the symbols of `symbols` and of the options.
        modes: by convention how tokens are aggregated, a key of `TOKEN_WEIGHTS`.
        level: what the ratio is of.
        inputs: names of the (B, T) inputs that it looks at.
        stopped: symbols in the expressions that no gradient flows through, with their definitions.
        own_options: by convention the options that only this one has.
    """

    expressions: Mapping[str, sp.Expr] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    level: Level = "token"
    inputs: tuple[str, ...] = ("logps", "old_logps", "advantages")
    stopped: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    own_options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expression(self, variant: str) -> sp.Expr:
        """The loss of a token under that convention, without KL."""
        return self.expressions[self.variant(variant or None)]

    def mode(self, variant: str) -> str:
        """How tokens are aggregated under that convention."""
        return self.modes.get(self.variant(variant or None), TOKEN_MEAN)

    def slopes(self, variant: str) -> tuple[sp.Expr, sp.Expr]:
        """∂(loss of a token)/∂(log-ratio), and ∂/∂(log π_t or V_t) beside it; from the same expression."""
        return _slopes(self.expression(variant), self.trained)

    def options_of(self, variant: str) -> tuple[Option, ...]:
        """The options that this convention has."""
        foreign = {name for key, names in self.own_options.items() if key != variant for name in names}
        foreign -= set(self.own_options.get(variant, ()))
        return tuple(option for option in self.options if option.name not in foreign)

    @property
    def trained(self) -> sp.Symbol:
        """What it is differentiated in."""
        return values if self.of_values else logps

    @property
    def of_values(self) -> bool:
        """Whether it trains a value function."""
        return "values" in self.inputs

    @cached_property
    def has_kl(self) -> bool:
        """Whether β·k3 is added to the loss of each token."""
        return BETA in self.options


@lru_cache(maxsize=256)
def _slopes(expression: sp.Expr, trained: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    return sp.diff(expression, log_ratio), sp.diff(expression, trained)


#: ∂k3/∂log π_t.
k3_slope = sp.diff(k3, logps)
