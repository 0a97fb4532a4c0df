"""Losses that are told by a string how to aggregate, or which of the family to compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alignprops.conformance.call import Call
from alignprops.conformance.policy_torch import TorchPolicyLoss
from alignprops.losses.policy.aggregation import SEQUENCE_MEAN, SEQUENCE_SUM, TOKEN_MEAN
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.table import POLICY_LOSSES

#: Argument names that choose, and what their values mean: another mode of the same loss, or another loss.
MODE_ARGUMENTS = ("loss_agg_mode", "agg_mode", "aggregation", "loss_aggregation")
TYPE_ARGUMENTS = ("loss_type", "policy_loss_type", "loss_mode")
MODES = (TOKEN_MEAN, SEQUENCE_MEAN, SEQUENCE_SUM)
TYPES = {"grpo": "grpo", "bnpo": "bnpo", "dapo": "dapo", "cispo": "cispo"}


def meanings(argument: str, loss: PolicyLoss) -> Mapping[str, tuple[PolicyLoss, str]]:
    """What each value of a choosing argument stands for: a loss, and its convention; none of any other argument.

    A mode is spelled with `-` or `_`; a type is only known where its options are those of the subject's loss.
    """
    if argument in MODE_ARGUMENTS:
        return {mode: (loss, mode) for mode in MODES if mode in loss.variants}
    if argument in TYPE_ARGUMENTS:
        found = {name: POLICY_LOSSES[of] for name, of in TYPES.items()}
        mine = {option.name for option in loss.options}
        return {
            name: (other, other.variant(None))
            for name, other in found.items()
            if {option.name for option in other.options_of(other.variant(None))} == mine
        }
    return {}


class ByName(TorchPolicyLoss):
    """The honest loss whose `loss_agg_mode` or `loss_type` is an argument, which raises at what it does not know."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        chosen = self.chosen(call)
        return TorchPolicyLoss(chosen.loss, chosen.variant, self.form, self.reduction)(call)

    def chosen(self, call: Call) -> ByName:
        """The loss and convention that the call asks for."""
        for argument in (*MODE_ARGUMENTS, *TYPE_ARGUMENTS):
            if argument in call.options:
                known = meanings(argument, self.loss)
                name = call.options[argument]
                if name not in known:
                    raise ValueError(f"{argument} is {name!r}; expected one of {', '.join(known)}")
                loss, variant = known[name]
                return replace(self, loss=loss, variant=variant)
        return self


__all__ = ["MODES", "TYPES", "ByName", "meanings"]
