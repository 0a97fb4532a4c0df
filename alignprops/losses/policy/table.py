"""The losses of a policy by name."""

from __future__ import annotations

from collections.abc import Mapping

from alignprops._errors import UnknownNameError
from alignprops.losses.policy.clipped import CLIPPED_LOSSES
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.unclipped import UNCLIPPED_LOSSES
from alignprops.losses.policy.value_losses import VALUE_LOSSES

#: Every loss of a policy, by the name that `--loss` takes.
POLICY_LOSSES: Mapping[str, PolicyLoss] = {
    loss.name: loss for loss in (*CLIPPED_LOSSES, *UNCLIPPED_LOSSES, *VALUE_LOSSES)
}
#: Other names in use for the same loss.
ALIASES: Mapping[str, str] = {
    "ppo-clip": "ppo",
    "dual-clip-ppo": "dual-clip",
    "rloo": "reinforce",
    "reinforce++": "reinforce",
    "policy-gradient": "reinforce",
    "value-clip": "value",
    "mse": "value-plain",
}


def policy_loss(name: str) -> PolicyLoss:
    """The loss of that name, or of another name in use for it.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    plain = name.lower().replace("_", "-")
    known = ALIASES.get(plain, plain)
    if known not in POLICY_LOSSES:
        raise UnknownNameError("loss of a policy", name, [*POLICY_LOSSES, *ALIASES])
    return POLICY_LOSSES[known]
