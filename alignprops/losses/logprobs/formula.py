"""The log-probability of a sequence: that of its tokens is z_y − log Σ_v e^{z_v}, of the logits z = c·l/T.

Source: Rafailov et al. 2023, "Direct Preference Optimization", Eq. 7 (the sum); conventions as libraries have them.
"""

from __future__ import annotations

import sympy as sp

from alignprops.conformance.specification import Option, Specification
from alignprops.quantity import real

#: The two conventions of alignment between logits and labels.
SHIFTING, SHIFTED = "shifting", "shifted"

#: Powers of two, so that z = c·l/T is exact in every dtype; none is the default twice.
TEMPERATURE = Option("temperature", (1.0, 1 / 2, 2.0, 1 / 4), "logits are divided by it before the softmax")
SCALE = Option("scale", (1.0, 1 / 4, 2.0, 1 / 2), "logits are multiplied by it", aliases=("logit_scale",))
AVERAGE = Option(
    "average_log_prob",
    (False, True),
    "whether the mean over the scored tokens is returned instead of the sum",
    aliases=("return_average_logprobs", "average_log_probs", "return_average_log_probs"),
)
IGNORE_INDEX = Option(
    "ignore_index",
    (-100, -1, -7),
    "the label of tokens that are not scored",
    aliases=("label_pad_token_id", "ignored_label"),
)

LOGPROB = Specification(
    "logprob",
    "the log-probability of the scored tokens, from logits or from hidden states and the unembedding",
    "Rafailov et al. 2023, Eq. 7",
    options=(TEMPERATURE, SCALE, AVERAGE, IGNORE_INDEX),
    variants={
        SHIFTING: "the code shifts: the logits of a position are for the next label, and the first label is not scored",
        SHIFTED: "the caller has shifted: the logits of a position are for the label of the same position",
    },
)


def log_softmax(logits: tuple[sp.Symbol, ...]) -> tuple[sp.Expr, ...]:
    """z_v − log Σ_w e^{z_w} for each v: the one expression, over as many logits as are given (for proofs and tests)."""
    total = sp.Add(*(sp.exp(logit) for logit in logits))
    return tuple(logit - sp.log(total) for logit in logits)


def logit_symbols(count: int) -> tuple[sp.Symbol, ...]:
    """z_0 … z_{count−1}."""
    return tuple(real(f"z_{v}", f"z_{v}") for v in range(count))
