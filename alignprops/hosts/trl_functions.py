"""trl's functions: log-probabilities and the divergence of distillation."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from alignprops.hosts.aggregation_parts import WHITENING, aggregate
from alignprops.hosts.logprob_parts import of_labels, of_tokens
from alignprops.hosts.making import Host, found_in, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject


def subjects(host: Host, trainers: dict[str, Any]) -> list[Subject]:
    """All that the installed version has; `trainers` by name."""
    made = _selective(host)
    for name, trainer in trainers.items():
        if hasattr(trainer, "get_batch_logps"):
            made += of_labels(host, f"{name}.get_batch_logps", trainer.get_batch_logps, average="average_log_prob")
    made += _statistics(host)
    return [*made, *([_distillation(host, trainers["GKDTrainer"])] if "GKDTrainer" in trainers else [])]


def _selective(host: Host) -> list[Subject]:
    module = load(host, "trl.trainer.utils")
    function = getattr(module, "selective_log_softmax", None)
    if function is None:
        return []
    temperature = "temperature" if "temperature" in inspect.signature(function).parameters else None
    made = [of_tokens(host, "selective_log_softmax", function, temperature=temperature)]
    both = getattr(module, "selective_log_softmax_and_entropy", None)
    if both is not None:
        told = "of what it returns the entropy is not looked at"
        name = "selective_log_softmax_and_entropy"
        made.append(of_tokens(host, name, lambda *a, **k: both(*a, **k)[0], told, temperature=temperature))
    return made


def _statistics(host: Host) -> list[Subject]:
    """Of the PPO trainer, which later releases lack."""
    places = ("trl.experimental.ppo.ppo_trainer", "trl.trainer.ppo_trainer", "trl.core")
    mean, variance, whiten = (found_in(host, places, f"masked_{name}") for name in ("mean", "var", "whiten"))
    made: list[Subject] = []
    if mean is not None:
        made.append(aggregate(host, "masked_mean", mean, "token-mean"))
    if variance is not None:
        # n/(n − 1) is a quotient of integer tensors, which torch computes in single precision.
        made.append(aggregate(host, "masked_var", variance, "masked-variance", variant="unbiased", precision="float32"))
    if whiten is not None:
        made.append(aggregate(host, "masked_whiten", whiten, "whiten", variant=WHITENING, options=("shift_mean",)))
    return made


def _distillation(host: Host, trainer: Any) -> Subject:
    def called(**given: Any) -> Any:
        logits = given["logits"], given["ref_logits"], given["labels"]
        return trainer.generalized_jsd_loss(*logits, beta=given["beta"], temperature=given["temperature"])

    code = wrapper(called, ("logits", "ref_logits", "labels"), ("beta", "temperature"))
    judged = {"loss": "jsd", "variant": "special ends", "reduction": "mean"}
    told = "reduction='batchmean': the mean over the tokens whose labels count"
    return host.subject("GKDTrainer.generalized_jsd_loss", "kl-estimator", code, told, **judged)
