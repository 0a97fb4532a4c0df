"""OpenRLHF's policy and value losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, load, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

_LOG_RATIO = "it limits log-ratios to ±20"
_DUAL_FRACTION = "its clip fraction does not count what the dual clip cuts, and is not looked at"
_RANGE = {"eps_low": "clip_eps_low", "eps_high": "clip_eps_high"}
_DUAL = {**_RANGE, "dual_clip": "dual_clip"}
#: Name of the subject: the formula, its convention, the options, other arguments of the constructor.
_POLICY: dict[str, tuple[str, str, dict[str, str], dict[str, Any]]] = {
    "ppo": ("ppo", "token-mean", _RANGE, {}),
    "ppo/sequence": ("ppo", "seq-mean-token-mean", _RANGE, {"token_level_loss": False}),
    "ppo/dual_clip": ("dual-clip", "token-mean", _DUAL, {}),
    "gspo": ("gspo", "seq-mean-token-mean", _RANGE, {"policy_loss_type": "gspo"}),
}
_VALUE: dict[str, tuple[str, str, bool]] = {
    "clipped": ("value", "half", True),
    "plain": ("value-plain", "half", False),
    "clipped/sequence": ("value", "half, seq-mean-token-mean", True),
}


def subjects(host: Host) -> list[Subject]:
    """PolicyLoss and ValueLoss in their settings."""
    losses = load(host, "openrlhf.models.loss")
    made = [_policy(host, losses.PolicyLoss, name) for name in _POLICY]
    return made + [_value(host, losses.ValueLoss, name) for name in _VALUE]


def _policy(host: Host, module: Any, name: str) -> Subject:
    loss, variant, options, settings = _POLICY[name]

    def called(**given: Any) -> Any:
        arguments = {argument: given[option] for option, argument in options.items()}
        made = module(**arguments, **settings)
        return made(given["logps"], given["old_logps"], given["advantages"], given["mask"])[:3]

    code = wrapper(called, ("logps", "old_logps", "advantages", "mask"), tuple(options))
    told = [_LOG_RATIO] if settings.get("policy_loss_type") != "gspo" else []
    judged: dict[str, Any] = {"loss": loss, "variant": variant, "form": "tokens"}
    fraction = "_" if "dual_clip" in options else "clip_fraction"
    told += [_DUAL_FRACTION] if fraction == "_" else []
    judged |= {"returns": ("loss", fraction, "approx_kl"), "mask_dtype": "int64", "reduction": "mean"}
    return host.subject(f"PolicyLoss/{name}", "policy-loss", code, *told, **judged)


def _value(host: Host, module: Any, name: str) -> Subject:
    loss, variant, clipped = _VALUE[name]

    def called(**given: Any) -> Any:
        made = module(given["value_clip"] if clipped else None, token_level_loss="sequence" not in name)
        old = given["old_values"] if clipped else given["values"].detach()
        return made(given["values"], old, given["returns"], given["mask"])

    inputs = ("values", *(["old_values"] if clipped else []), "returns", "mask")
    code = wrapper(called, inputs, ("value_clip",) if clipped else ())
    judged: dict[str, Any] = {"loss": loss, "variant": variant, "mask_dtype": "int64", "reduction": "mean"}
    return host.subject(f"ValueLoss/{name}", "policy-loss", code, **judged)
