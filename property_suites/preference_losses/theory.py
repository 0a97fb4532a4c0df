"""What the theorems that the theory proves of single losses share: symbols, what they speak of, and instances.

Notation: h the log-ratio difference of a pair, m = βh its margin, f the loss of a pair, f' its slope in the
log-probability of the chosen response, ε the label smoothing. What is measured is what the code returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Eq, Expr, log

from alignprops import Ref, Rounding
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.conformance.votes import VotesProblem
from alignprops.losses.pairs.symbols import beta, label_smoothing
from alignprops.quantity import nonnegative, real

#: What is measured comes with a bound of its own; beside it stand β, ε and p, which are dyadic.
THEORY_ROUNDING = Rounding(
    8, "what the code returns brings a bound of its dtype; options and shares of votes are dyadic"
)
MITCHELL = Ref("mitchell2023note", where="A note on DPO with noisy preferences")
AZAR = Ref("azar2023general", where="Eq. 17")
TANG = Ref("tang2024generalized", where="Table 1")
FENG = Ref("feng2024towards", where="the gradient vector field of DPO")
LIU = Ref("liu2024decoding", where="realignment by interpolated policies")
ZHAO = Ref("zhao2023slic", where="Section 2")
CHOWDHURY = Ref("chowdhury2024provably", where="Section 3")

difference = real("log_ratio_difference", "h")
other_difference = real("other_difference", "h'")
pair_loss = real("pair_loss", "f(m)")
flipped_loss = real("flipped_loss", "f(-m)")
other_loss = real("other_loss", r"f(m')")
chosen_slope = real("chosen_slope", r"\partial f/\partial\log\pi_w")
rejected_slope = real("rejected_slope", r"\partial f/\partial\log\pi_l")
other_slope = real("other_slope", r"\partial f(m')/\partial\log\pi_w")
#: 1 where code and formula are finite.
known = nonnegative("known", r"\mathrm{finite}")
margin: Expr = beta * difference
epsilon = label_smoothing

FINITE = {"the numbers are finite": Eq(known, 1)}
#: The losses that are DPO's, of summed or averaged log-probabilities; label_smoothing makes it cDPO.
DPO = ("dpo", "dpo-norm")
#: Convex functions of the log-ratio difference with a negative slope at 0.
CONVEX = (*DPO, "ipo", "hinge", "robust", "squared-hinge", "exponential")

About = Callable[[Any], str | None]


def only(*names: str, options: tuple[str, ...] = ()) -> About:
    """A theorem of these losses alone, in code that takes these options."""

    def about(conformer: Any) -> str | None:
        if conformer.specification.name not in names:
            return f"it speaks of {', '.join(names)}; this is {conformer.specification.name}"
        missing = [option for option in options if option not in conformer.options]
        return f"the code takes no {' and no '.join(missing)}" if missing else None

    return about


def difference_losses(conformer: Any) -> str | None:
    """Only losses that are a function of the log-ratio difference."""
    if "difference" in conformer.specification.traits:
        return None
    return f"it speaks of functions of the log-ratio difference; {conformer.specification.name} is none"


def of_options(options: Mapping[str, Any]) -> dict[Any, Any]:
    """β and ε as the subject was called, where the loss has them."""
    return {beta: float(options.get("beta", 1.0)), epsilon: float(options.get("label_smoothing", 0.0))}


def entropy(share: Expr) -> Expr:
    """H(q) = −q log q − (1 − q) log(1 − q), in nats."""
    return -share * log(share) - (1 - share) * log(1 - share)


def pairs_at(
    differences: list[float], *, options: int = 1, dtype: str = "float64", level: float = -1.0
) -> PairwiseProblem:
    """Pairs of one token with these log-ratio differences, and a reference that is not uniform."""
    h = np.array(differences)[:, None]
    ones = np.ones(h.shape, dtype=np.int64)
    return PairwiseProblem(
        policy_chosen_logps=level + np.minimum(h, 0.0),
        policy_rejected_logps=level - 0.5 - np.maximum(h, 0.0),
        reference_chosen_logps=level - 0.25 + 0 * h,
        reference_rejected_logps=level - 0.75 + 0 * h,
        chosen_mask=ones,
        rejected_mask=ones,
        choices=np.full(8, options),
        upstream=np.ones(h.size),
        dtype=dtype,
    )


def with_option(problem: PairwiseProblem, at: int, choice: int) -> PairwiseProblem:
    """The same pairs with another choice of the option of that place in the loss's order."""
    choices = problem.choices.copy()
    choices[at] = choice
    return replace(problem, choices=choices)


def votes_at(differences: list[float], *, votes: float, options: int = 1, dtype: str = "float64") -> VotesProblem:
    """A pair with that share of the votes, and policies with these log-ratio differences."""
    base = np.array([-2.0, -1.0, -0.25])
    return VotesProblem(np.array(differences), votes, base, np.full(8, options), dtype)
