"""What an estimator and a divergence are: their expression in every convention, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import sympy as sp

from alignprops._errors import UnknownNameError
from alignprops.atoms import expand_atoms
from alignprops.conformance.specification import Specification
from alignprops.quantity import real

#: l = log π(y_t) − log π_ref(y_t) of a token that was sampled from π.
log_ratio = real("log_ratio", r"\ell")
#: log π(v) and log π_ref(v) of a vocabulary entry v; the student's and the teacher's, in distillation.
policy_log = real("policy_log", r"\log\pi")
reference_log = real("reference_log", r"\log\pi_{\mathrm{ref}}")

#: What the expectation of an estimator, or of its gradient, may be.
REVERSE, FORWARD, ZERO = "KL(π‖π_ref)", "KL(π_ref‖π)", "0"


@dataclass(frozen=True, eq=False)
class Estimator(Specification):
    """An estimator of the KL divergence from the log-ratio of one sampled token.

    Attributes:
        expression: its value, in `log_ratio`, without what a convention does to it.
        values: by convention the value, where that is not `expression`.
        slopes: by convention ∂/∂(log π) of the estimator as a loss, where that is not the derivative of its value.
        spellings: what the field calls it, as code is told it; the first is this table's own name.
        estimates: what its expectation under π is: `REVERSE` or `FORWARD`; None if neither.
        pulls: by convention the divergence whose gradient is the expectation of its gradient under π (samples and their
            weights held fixed); a convention that is not named has none.
    """

    expression: sp.Expr = log_ratio
    values: Mapping[str, sp.Expr] = field(default_factory=dict)
    slopes: Mapping[str, sp.Expr] = field(default_factory=dict)
    spellings: tuple[str, ...] = ()
    estimates: str | None = None
    pulls: Mapping[str, str] = field(default_factory=dict)

    def value(self, variant: str) -> sp.Expr:
        """The estimate, in `log_ratio`."""
        return self.values.get(self.variant(variant), self.expression)

    def slope(self, variant: str) -> sp.Expr:
        """∂/∂(log π) of the estimate used as a loss."""
        stated = self.slopes.get(self.variant(variant))
        return _slope(self.value(variant)) if stated is None else stated


@lru_cache(maxsize=64)
def _slope(value: sp.Expr) -> sp.Expr:
    return sp.diff(value, log_ratio)


@lru_cache(maxsize=64)
def plain(expression: sp.Expr) -> sp.Expr:
    """The expression in elementary functions, as most code evaluates it: its rounding is what honest code may show."""
    return expand_atoms(expression)


@dataclass(frozen=True, eq=False)
class Divergence(Specification):
    """A divergence of two distributions over the vocabulary: a sum over its entries.

    Attributes:
        entries: by convention the summand, in `policy_log`, `reference_log` and the options.
        at_ends: by convention the summand at the values of `beta` where the other has none.
    """

    entries: Mapping[str, sp.Expr] = field(default_factory=dict)
    at_ends: Mapping[str, Mapping[float, sp.Expr]] = field(default_factory=dict)

    def entry(self, variant: str, beta: float | None = None) -> sp.Expr:
        """The summand of a vocabulary entry."""
        name = self.variant(variant)
        return self.at_ends.get(name, {}).get(beta, self.entries[name]) if beta is not None else self.entries[name]


@lru_cache(maxsize=64)
def entry_slope(entry: sp.Expr) -> sp.Expr:
    """∂(summand)/∂(log π(v)), the log-probabilities being taken as free."""
    return sp.diff(entry, policy_log)


def named(table: Mapping[str, Specification], aliases: Mapping[str, str], name: str) -> Specification:
    """The estimator or divergence of that name, or of another name in use for it.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    spelled = name.lower()
    known = aliases.get(spelled, spelled.replace("_", "-"))
    if known not in table:
        raise UnknownNameError("KL estimator or divergence", name, [*table, *aliases])
    return table[known]
