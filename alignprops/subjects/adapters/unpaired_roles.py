"""What code of the kind `unpaired-loss` may be called with and return, under the names in use."""

from __future__ import annotations

from alignprops.conformance.unpaired import POLICY, POLICY_KL, REFERENCE, REFERENCE_KL
from alignprops.conformance.unpaired_case import (
    DELTA,
    KL,
    LABELS,
    LOSS,
    SPLIT,
    SPLIT_POLICY,
    SPLIT_REFERENCE,
    TOKENS,
    WEIGHTS,
)
from alignprops.losses.unpaired.table import GIVEN
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss
from alignprops.subjects.adapters.binding import Role
from alignprops.subjects.adapters.outputs import Returned


def _spellings(model: tuple[str, ...], answer: str) -> tuple[str, ...]:
    """`policy_chosen_logprobs` and the like."""
    ends = ("logps", "logprobs", "log_probs")
    return tuple(f"{prefix}{answer}{end}" for prefix in model for end in ends)


_POLICY, _REFERENCE = ("policy_", ""), ("reference_", "ref_")
#: Argument names in use; each has one meaning only.
_ALIASES = {
    SPLIT_POLICY[0]: _spellings(_POLICY, "chosen_"),
    SPLIT_POLICY[1]: _spellings(_POLICY, "rejected_"),
    SPLIT_REFERENCE[0]: _spellings(_REFERENCE, "chosen_"),
    SPLIT_REFERENCE[1]: _spellings(_REFERENCE, "rejected_"),
    POLICY: _spellings(_POLICY, ""),
    REFERENCE: _spellings(_REFERENCE, ""),
    POLICY_KL: _spellings(_POLICY, "KL_") + _spellings(_POLICY, "kl_"),
    REFERENCE_KL: _spellings(_REFERENCE, "KL_") + _spellings(_REFERENCE, "kl_"),
    KL: ("KL", "z0", "kl_point", "reference_point", "kl_estimate"),
    "labels": ("preference_labels", "is_desirable", "desirable", "is_chosen"),
    "mask": ("loss_mask", "completion_mask", "response_mask"),
    "KL_mask": ("kl_mask", "KL_loss_mask", "KL_completion_mask"),
    DELTA: ("reward_shift", "shift"),
    WEIGHTS: ("rejected_weights", "rejected_weight", "udm_weights", "density_ratios"),
}
_TOLD = {
    SPLIT_POLICY[0]: "log-probabilities of the desirable answers",
    SPLIT_POLICY[1]: "log-probabilities of the undesirable answers",
    KL: "the reference point z0, a number",
    "labels": "which answers were desirable",
    DELTA: "the reward shift, a number",
    WEIGHTS: "density ratios of the undesirable answers",
}
#: What code of this kind may return, and other names for it.
RETURNED = (
    Returned(LOSS, ("losses",)),
    Returned("chosen_rewards", ("chosen_reward", "rewards/chosen")),
    Returned("rejected_rewards", ("rejected_reward", "rewards/rejected")),
    Returned(KL, ("KL", "z0", "kl_point")),
)


def roles(loss: UnpairedLoss) -> list[Role]:
    """What code of this loss may be called with."""
    unused = {POLICY_KL, REFERENCE_KL, KL, "KL_mask"} if not loss.uses_point else set()
    unused |= set() if loss.uses_shift else {DELTA, WEIGHTS}
    made = [
        Role(name, aliases, told=_TOLD.get(name, "log-probabilities"))
        for name, aliases in _ALIASES.items()
        if name not in unused
    ]
    return made + [Role(option.name, option.aliases, told=option.told) for option in loss.options]


def inputs_of(
    loss: UnpairedLoss, form: str, *, variant: str, number: bool = False, weighted: bool = False
) -> frozenset[str]:
    """The inputs, options apart, of code of that form and convention."""
    forms = {
        SPLIT: {*SPLIT_POLICY, *SPLIT_REFERENCE},
        LABELS: {POLICY, REFERENCE, "labels"},
        TOKENS: {POLICY, REFERENCE, "labels", "mask"},
    }
    made = set(forms[form])
    if loss.uses_point:
        made |= {KL} if number else {POLICY_KL, REFERENCE_KL}
        made |= {"KL_mask"} if form == TOKENS and not number else set()
    made |= {DELTA} if loss.uses_shift and variant == GIVEN else set()
    return frozenset(made | ({WEIGHTS} if weighted else set()))
