"""torchtune's log-probabilities, and the divergences of knowledge distillation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alignprops.hosts.aggregation_parts import WHITENING, aggregate
from alignprops.hosts.logprob_parts import of_labels, of_tokens
from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_SINGLE = "it computes in float32"
_CENTRED = "it is given centred values, as it asks for"
_SHIFT_MEAN = "its shift_mean=True adds the mean back, as its docstring says; elsewhere True takes the mean away"
_RAW = "advantages before whitening: the returns that it gives, less the values"
_WHITENED = (
    "with values and γ of 0 its advantages are its rewards, whitened",
    "whitened advantages are taken to be centred, as PPO has them",
)
_IGNORED = ("ignore_index=label_pad_token_id",)


def subjects(host: Host) -> list[Subject]:
    """Log-probabilities of labels and of tokens, the reverse KL and k1 as a penalty."""
    rlhf = load(host, "torchtune.rlhf")
    made = of_labels(
        host, "get_batch_log_probs", rlhf.get_batch_log_probs, average="return_average_logprobs", options=_IGNORED
    )
    made.append(of_tokens(host, "logits_to_logprobs", rlhf.logits_to_logprobs, temperature="temperature"))
    made += _statistics(host, rlhf)
    made += _advantages(host, rlhf)
    return [*made, _reverse(host, load(host, "torchtune.modules.loss").ReverseKLLoss)]


def _statistics(host: Host, rlhf: Any) -> list[Subject]:
    def variance(values: Any, mask: Any) -> Any:
        return rlhf.masked_var(values - rlhf.masked_mean(values, mask), mask)

    def whitened(values: Any, mask: Any, shift_mean: bool) -> Any:
        return rlhf.whiten(values, mask, shift_mean=not shift_mean)

    return [
        aggregate(host, "masked_mean", rlhf.masked_mean, "token-mean"),
        aggregate(host, "masked_var", variance, "masked-variance", variant="unbiased", told=[_CENTRED]),
        aggregate(host, "whiten", whitened, "whiten", variant=WHITENING, options=("shift_mean",), told=[_SHIFT_MEAN]),
    ]


def _advantages(host: Host, rlhf: Any) -> list[Subject]:
    def raw(**given: Any) -> Any:
        returns = rlhf.estimate_advantages(given["values"], given["rewards"], given["gamma"], given["lam"])[1]
        return returns - given["values"], returns

    def whitened(values: Any, mask: Any) -> Any:
        return rlhf.estimate_advantages(torch.zeros_like(values), values, 0.0, 0.0, mask)[0]

    code = wrapper(raw, ("rewards", "values"), ("gamma", "lam"))
    white = wrapper(lambda **given: whitened(given["values"], given["mask"]), ("values", "mask"))
    judged: dict[str, Any] = {"loss": "whiten", "variant": WHITENING, "assume": {"shift_mean": True}}
    return [
        host.subject("estimate_advantages", "advantages", code, _RAW, loss="gae"),
        host.subject("estimate_advantages/whitening", "aggregation", white, *_WHITENED, **judged),
    ]


def _reverse(host: Host, module: Any) -> Subject:
    def called(**given: Any) -> Any:
        width = given["logits"].shape[-1]
        rows = [given[name].reshape(-1, width) for name in ("logits", "ref_logits")]
        return module()(*rows, given["labels"].reshape(-1))

    code = wrapper(called, ("logits", "ref_logits", "labels"))
    judged: dict[str, Any] = {"loss": "full-kl", "variant": "reverse", "reduction": "mean", "precision": "float32"}
    return host.subject("ReverseKLLoss", "kl-estimator", code, _SINGLE, **judged)
