"""verl's policy and value losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_LOG_RATIO = "it limits log-ratios to ±20"
_CONFIG = "called with an ActorConfig that has the settings and is else as it comes"
_RANGE = {"eps_low": "clip_ratio_low", "eps_high": "clip_ratio_high"}
_DUAL = {**_RANGE, "dual_clip": "clip_ratio_c"}
#: Name of the subject: registered name, formula, convention and aggregation, options.
_POLICY: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "vanilla": ("vanilla", "dual-clip", "token-mean", _DUAL),
    "vanilla/seq-mean-token-mean": ("vanilla", "dual-clip", "seq-mean-token-mean", _DUAL),
    "vanilla/seq-mean-token-sum": ("vanilla", "dual-clip", "seq-mean-token-sum", _DUAL),
    "gspo": ("gspo", "gspo-token", "seq-mean-token-mean", _RANGE),
    "cispo": ("cispo", "cispo", "token-mean", _RANGE),
    "gpg": ("gpg", "reinforce", "token-mean", {}),
}
_VALUE = {"token-mean": "half", "seq-mean-token-mean": "half, seq-mean-token-mean"}


def subjects(host: Host) -> list[Subject]:
    """The registered policy losses that have a formula here, and the value loss."""
    algorithms = load(host, "verl.trainer.ppo.core_algos")
    config = load(host, "verl.workers.config").ActorConfig
    registered = getattr(algorithms, "POLICY_LOSS_REGISTRY", {})
    made = [_policy(host, algorithms, config, name) for name, form in _POLICY.items() if form[0] in registered]
    return made + [_value(host, algorithms.compute_value_loss, mode) for mode in _VALUE]


def _policy(host: Host, algorithms: Any, config: Any, name: str) -> Subject:
    registered, loss, mode, options = _POLICY[name]
    function = algorithms.get_policy_loss_fn(registered)
    settings = _settings(config)

    def called(**given: Any) -> Any:
        chosen = settings(*((argument, given[option]) for option, argument in options.items()))
        old = given.get("old_logps", given["logps"].detach())
        return function(old, given["logps"], given["advantages"], given["mask"], mode, chosen)

    inputs = ["logps", *(["old_logps"] if options else []), "advantages", "mask"]
    told = [_CONFIG, *([_LOG_RATIO] if registered in ("vanilla", "cispo") else [])]
    judged: dict[str, Any] = {"loss": loss, "variant": mode, "mask_dtype": "float32", "reduction": "mean"}
    code = wrapper(called, inputs, tuple(options))
    return host.subject(f"policy_loss/{name}", "policy-loss", code, *told, form="tokens", **judged)


def _settings(config: Any) -> Callable[..., Any]:
    """Configurations with these settings; making one is slow."""

    @lru_cache(maxsize=256)
    def made(*pairs: tuple[str, float]) -> Any:
        return config(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1, **dict(pairs))

    return made


def _value(host: Host, function: Any, mode: str) -> Subject:
    def called(**given: Any) -> Any:
        return function(
            given["values"], given["returns"], given["old_values"], given["mask"], given["value_clip"], mode
        )[0]

    code = wrapper(called, ("values", "old_values", "returns", "mask"), ("value_clip",))
    judged: dict[str, Any] = {"loss": "value", "variant": _VALUE[mode], "mask_dtype": "float32", "reduction": "mean"}
    return host.subject(f"compute_value_loss/{mode}", "policy-loss", code, **judged)
