"""How a loss of tokens becomes one number: the weight of a token, by mode. AGG-1 tells how they differ.

| mode | weight of a token of response i | in use as |
| --- | --- | --- |
| token-mean | 1/Σ_j n_j | DAPO and BNPO within a batch, PPO |
| seq-mean-token-mean | 1/(B n_i) | GRPO, GSPO |
| seq-mean-token-sum | 1/B | policy gradient of a whole response |
| constant | 1/(B L) | Dr. GRPO, L the length that a response may have at most |
| global-tokens | 1/N | DAPO over micro-batches, N the tokens of all of them |

n_i is the number of unmasked tokens of response i, B the number of responses. The loss is Σ over unmasked tokens of
weight × loss of the token.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from alignprops.quantity import positive

response_tokens = positive("response_tokens", r"n_i")
batch_tokens = positive("batch_tokens", r"\textstyle\sum_j n_j")
responses = positive("responses", r"B")
max_length = positive("max_length", r"L")
global_tokens = positive("global_tokens", r"N")

TOKEN_MEAN, SEQUENCE_MEAN, SEQUENCE_SUM = "token-mean", "seq-mean-token-mean", "seq-mean-token-sum"
CONSTANT, GLOBAL = "constant", "global-tokens"
#: The weight of a token by mode (Liu et al. 2025, Section 3; Yu et al. 2025, Eq. 12; Shao et al. 2024, Eq. 3).
TOKEN_WEIGHTS: Mapping[str, sp.Expr] = {
    TOKEN_MEAN: 1 / batch_tokens,
    SEQUENCE_MEAN: 1 / (responses * response_tokens),
    SEQUENCE_SUM: 1 / responses,
    CONSTANT: 1 / (responses * max_length),
    GLOBAL: 1 / global_tokens,
}
#: In words, for the conventions of a loss.
TOLD: Mapping[str, str] = {
    TOKEN_MEAN: "the mean over all unmasked tokens of the batch",
    SEQUENCE_MEAN: "the mean over the responses of the mean over their tokens",
    SEQUENCE_SUM: "the mean over the responses of the sum over their tokens",
    CONSTANT: "the sum over all tokens, divided by responses times the greatest length",
    GLOBAL: "the sum over all tokens, divided by the tokens of the whole batch, which is given",
}
#: Modes in which a response that is twice as long counts no more.
MEANS = (TOKEN_MEAN, SEQUENCE_MEAN)
