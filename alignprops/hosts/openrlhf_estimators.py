"""OpenRLHF's log-probabilities, KL estimators and aggregation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alignprops.hosts.aggregation_parts import aggregate
from alignprops.hosts.logprob_parts import of_tokens
from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_IN_PLACE = "it is given a copy of the logits: with a temperature other than 1 it divides its caller's in place"
_SINGLE = "it computes in float32"


def subjects(host: Host) -> list[Subject]:
    """log_probs_from_logits, and compute_approx_kl by estimator and gradient."""
    module = load(host, "openrlhf.models.utils")
    made = [of_tokens(host, "log_probs_from_logits", _on_a_copy(module), _IN_PLACE, temperature="temperature")]
    for name in ("k1", "k2", "k3"):
        made.append(_kl(host, module.compute_approx_kl, name, "clamped"))
        if name != "k2":
            made.append(_kl(host, module.compute_approx_kl, name, "clamped straight-through"))
    return made + _aggregates(host, module)


def _on_a_copy(module: Any) -> Any:
    def code(logits: Any, labels: Any, temperature: float) -> Any:
        return module.log_probs_from_logits(logits.clone(), labels, temperature=temperature)

    return code


def _aggregates(host: Host, utils: Any) -> list[Subject]:
    losses = load(host, "openrlhf.models.loss")
    return [
        aggregate(host, "masked_mean", utils.masked_mean, "token-mean"),
        aggregate(host, "masked_mean/rows", lambda values, mask: utils.masked_mean(values, mask, dim=1), "row-mean"),
        aggregate(host, "aggregate_loss/token", losses.aggregate_loss, "token-mean"),
        aggregate(
            host,
            "aggregate_loss/sequence",
            lambda values, mask: losses.aggregate_loss(values, mask, token_level_loss=False),
            "seq-mean-token-mean",
            variant="rows with tokens",
            small=True,
        ),
    ]


def _kl(host: Host, function: Any, estimator: str, variant: str) -> Subject:
    unbiased = variant == "clamped straight-through"

    def called(**given: Any) -> Any:
        settings = {"kl_estimator": estimator, **({"unbiased_gradient": True} if unbiased else {})}
        return function(given["logprobs"], given["ref_logprobs"], **settings)

    code = wrapper(called, ("logprobs", "ref_logprobs"))
    judged: dict[str, Any] = {"loss": estimator, "variant": variant, "precision": "float32", "reduction": "none"}
    name = f"compute_approx_kl/{estimator}" + ("/unbiased_gradient" if unbiased else "")
    return host.subject(name, "kl-estimator", code, _SINGLE, **judged)
