"""Advantages by name, with the conventions in use for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignprops._errors import UnknownNameError
from alignprops.conformance.specification import Option, Specification

GAMMA = Option("gamma", (1.0, 3 / 4, 1 / 2, 15 / 16), "discount a step")
LAM = Option(
    "lam", (1.0, 1 / 2, 0.0, 7 / 8), "weight of longer look-aheads", aliases=("lambd", "lambda_", "gae_lambda")
)
EPSILON = Option("epsilon", (2.0**-13, 2.0**-3, 2.0**-20), "added to the divisor", aliases=("eps",), neutral=False)
#: How GRPO's advantages are scaled, in the spellings that agree: by the group's deviation, the batch's, or not at all.
SPELLINGS: Mapping[Any, str] = {"group": "group", "batch": "batch", "none": "none", True: "group", False: "none"}
SCALE = Option("scale_rewards", tuple(SPELLINGS), "whose standard deviation advantages are divided by")

SAMPLE, POPULATION = "sample", "population"
_DEVIATIONS = {
    SAMPLE: "standard deviations divide by n − 1 (torch.std); a group of one has none, and advantage 0",
    POPULATION: "standard deviations divide by n",
}


@dataclass(frozen=True, eq=False)
class Advantage(Specification):
    """An advantage or return.

    Attributes:
        over_time: whether it is a recursion over the steps of a response; else it compares responses of a group.
        main: "advantages" or "returns", whichever it is called for.
    """

    over_time: bool = False
    main: str = "advantages"


_TABLE = (
    Advantage(
        "gae",
        "generalised advantage estimation: A_t = δ_t + γλ(1−d_t)A_{t+1}, δ_t = r_t + γ(1−d_t)V_{t+1} − V_t",
        "Schulman et al. 2016, Eq. 16",
        options=(GAMMA, LAM),
        over_time=True,
    ),
    Advantage(
        "returns",
        "discounted returns G_t = r_t + γ(1−d_t)G_{t+1}",
        "Sutton & Barto 2018, Eq. 3.9",
        options=(GAMMA,),
        over_time=True,
        main="returns",
    ),
    Advantage(
        "rloo",
        "leave-one-out: the reward less the mean of the group's others",
        "Kool et al. 2019; Ahmadian et al. 2024, Section 3",
        traits=frozenset({"centred"}),
    ),
    Advantage(
        "grpo",
        "group-normalised: (r − mean of the group)/(standard deviation + ε)",
        "Shao et al. 2024, Section 4.1",
        options=(EPSILON, SCALE),
        variants=_DEVIATIONS,
        traits=frozenset({"centred", "scaled"}),
    ),
    Advantage(
        "dr-grpo",
        "group-centred: r − mean of the group",
        "Liu et al. 2025 (Dr. GRPO), Section 3",
        traits=frozenset({"centred"}),
    ),
    Advantage(
        "batch-norm",
        "normalised over the batch: (r − mean of all)/(standard deviation of all + ε)",
        "Hu 2025 (REINFORCE++), Section 3",
        options=(EPSILON,),
        variants=_DEVIATIONS,
        traits=frozenset({"one group"}),
    ),
)
ADVANTAGES: Mapping[str, Advantage] = {made.name: made for made in _TABLE}
ALIASES: Mapping[str, str] = {
    "discounted-returns": "returns",
    "reinforce-leave-one-out": "rloo",
    "whitened": "batch-norm",
}


def advantage(name: str) -> Advantage:
    """The advantage of that name, or of another name in use for it.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    plain = name.lower().replace("_", "-")
    known = ALIASES.get(plain, plain)
    if known not in ADVANTAGES:
        raise UnknownNameError("advantage", name, [*ADVANTAGES, *ALIASES])
    return ADVANTAGES[known]
