"""The forms (`--form`) in which code of each kind may want its inputs: what they look like, for messages and docs."""

from __future__ import annotations

from collections.abc import Mapping

_SOURCES = {
    "logits": "`logits` (B, T, V)",
    "states": "`states` (B, T, d) and `weight` (V, d)",
    "biased-states": "`states` (B, T, d), `weight` (V, d) and `bias` (V,)",
}
_TARGETS = {
    "labels": "`labels` (B, T), the ignored index where nothing is scored",
    "mask": "`labels` (B, T), the tokens everywhere, and `mask` (B, T)",
    "index": "`labels` (B, T), the tokens everywhere, all scored",
}
_KL = {
    "tokens": "`logprobs` and `ref_logprobs` (B, T) of the sampled tokens",
    "logits": "`logits` and `ref_logits` (B, T, V)",
    "log-probs": "the same as log-probabilities (B, T, V)",
}

#: By kind and name; the kind `aggregation` has one form, `values` and `mask` (B, T).
FORMS: Mapping[str, Mapping[str, str]] = {
    "pairwise-loss": {
        "sequence": "one log-probability a response, (B,)",
        "tokens": "log-probabilities of tokens (B, T), with `chosen_mask` and `rejected_mask` (B, T)",
    },
    "unpaired-loss": {
        "split": "chosen and rejected answers apart, in unequal numbers, (B₁,) and (B₂,)",
        "labels": "one stream of answers (B,) with `labels` (B,)",
        "tokens": "one stream of token log-probabilities (B, T) with `mask` (B, T) and `labels` (B,)",
    },
    "sequence-logprob": {
        f"{source}/{target}": f"{given}; {wanted}"
        for source, given in _SOURCES.items()
        for target, wanted in _TARGETS.items()
    },
    "aggregation": {},
    "kl-estimator": {
        **_KL,
        **{f"masked-{name}": f"{told}, with `mask` (B, T)" for name, told in _KL.items()},
    },
    "policy-loss": {
        "tokens": "`advantages` (B, T), one a token, like all else",
        "responses": "`advantages` (B,), one a response; all else (B, T)",
    },
    "advantages": {
        "masked": "`rewards`, `values` and `mask` (B, T), which may have holes",
        "padded": "the same with a mask that only ends a row",
        "episodes": "`rewards` and `dones` (B, T), `values` (B, T+1) with the bootstrap in the last column",
        "plain": "`rewards` and `values` (B, T)",
        "neighbours": "`rewards` (G·n,), n neighbours a group, and `group_size` n",
        "ids": "`rewards` (N,) and `group_ids` (N,)",
    },
    "preference-data": {
        "text": "texts, some of them ending with the end token already",
        "plain": "texts without end tokens of their own, which the code adds",
        "ids": "examples with `prompt_ids`, `chosen_ids` and `rejected_ids`, lists of ids",
        "full": "examples with `…_input_ids`, `…_attention_mask` and `…_labels` of the whole rows, for … `chosen` and "
        "`rejected`",
        "input-ids": "examples with `prompt_input_ids`, `chosen_input_ids` and `rejected_input_ids`, and the same with "
        "`…_attention_mask`",
    },
}
