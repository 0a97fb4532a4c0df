"""verl's log-probabilities, KL estimators and aggregation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alignprops.hosts.aggregation_parts import WHITENING, aggregate
from alignprops.hosts.logprob_parts import of_tokens
from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

#: Name of the subject: estimator, convention.
_KL = {
    "k1": ("k1", "plain"),
    "abs": ("abs", "plain"),
    "k2": ("k2", "plain"),
    "k3": ("k3", "clamped"),
    "k1+": ("k1", "straight-through"),
    "k3+": ("k3", "clamped straight-through"),
}
#: Aggregation modes, with the formula and its convention.
_MODES = {
    "token-mean": ("token-mean", None),
    "token-sum": ("masked-sum", None),
    "seq-mean-token-sum": ("seq-mean-token-sum", "rows with tokens"),
    "seq-mean-token-mean": ("seq-mean-token-mean", "rows with tokens"),
}
_LOGPROBS = ("logprobs_from_logits", "logprobs_from_logits_naive", "logprobs_from_logits_v2")


def subjects(host: Host) -> list[Subject]:
    """Three ways to log-probabilities, and kl_penalty by name."""
    functional = load(host, "verl.utils.torch_functional")
    algorithms = load(host, "verl.trainer.ppo.core_algos")
    made = [of_tokens(host, name, getattr(functional, name)) for name in _LOGPROBS if hasattr(functional, name)]
    made += [_kl(host, algorithms.kl_penalty, name) for name in _KL]
    return made + _statistics(host, functional) + _modes(host, algorithms.agg_loss)


def _statistics(host: Host, functional: Any) -> list[Subject]:
    return [
        aggregate(host, "masked_sum", functional.masked_sum, "masked-sum", mask_dtype="float32"),
        aggregate(host, "masked_mean", functional.masked_mean, "token-mean", small=True, mask_dtype="float32"),
        aggregate(
            host,
            "masked_var",
            functional.masked_var,
            "masked-variance",
            variant="unbiased",
            small=True,
            mask_dtype="float32",
        ),
        aggregate(
            host,
            "masked_whiten",
            functional.masked_whiten,
            "whiten",
            variant=WHITENING,
            options=("shift_mean",),
            small=True,
            mask_dtype="float32",
        ),
    ]


def _modes(host: Host, function: Any) -> list[Subject]:
    return [_mode(host, function, mode) for mode in _MODES] + [
        aggregate(
            host,
            "agg_loss/token-mean/batch_num_tokens",
            lambda values, mask, count: function(values, mask, "token-mean", batch_num_tokens=count),
            "sum-over-count",
            options=("count",),
            mask_dtype="float32",
        )
    ]


def _mode(host: Host, function: Any, mode: str) -> Subject:
    loss, variant = _MODES[mode]
    small = mode == "seq-mean-token-mean"

    def code(values: Any, mask: Any) -> Any:
        return function(values, mask, mode)

    return aggregate(host, f"agg_loss/{mode}", code, loss, variant=variant, small=small, mask_dtype="float32")


def _kl(host: Host, function: Any, name: str) -> Subject:
    estimator, variant = _KL[name]

    def called(**given: Any) -> Any:
        return function(given["logprobs"], given["ref_logprobs"], name)

    judged = {"loss": estimator, "variant": variant, "reduction": "none"}
    code = wrapper(called, ("logprobs", "ref_logprobs"))
    return host.subject(f"kl_penalty/{name.replace('+', '-plus')}", "kl-estimator", code, **judged)
