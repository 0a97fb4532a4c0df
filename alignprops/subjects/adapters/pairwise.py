"""A host's loss of preference pairs behind the interface of the kind `pairwise-loss`."""

from __future__ import annotations

from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pairwise import LOGPS, POLICY_LOGPS, PairwiseProblem
from alignprops.conformance.pairwise_case import LOSS, SEQUENCE, TOKENS, PairwiseCase
from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.table import PAIR_LOSSES, pair_loss
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, Role, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.forms import FORMS
from alignprops.subjects.adapters.outputs import Returned
from alignprops.subjects.adapters.probing import Probe, settle

#: Argument names in use for the four log-probabilities; each has one meaning only (w wins, l loses).
_LOGPS_ALIASES = {
    "policy_chosen_logps": (
        "policy_chosen_logprobs",
        "chosen_logps",
        "chosen_logprobs",
        "policy_chosen_log_probs",
        "pi_w",
    ),
    "policy_rejected_logps": (
        "policy_rejected_logprobs",
        "rejected_logps",
        "rejected_logprobs",
        "policy_rejected_log_probs",
        "pi_l",
    ),
    "reference_chosen_logps": (
        "ref_chosen_logps",
        "reference_chosen_logprobs",
        "ref_chosen_logprobs",
        "reference_chosen_log_probs",
        "ref_w",
    ),
    "reference_rejected_logps": (
        "ref_rejected_logps",
        "reference_rejected_logprobs",
        "ref_rejected_logprobs",
        "reference_rejected_log_probs",
        "ref_l",
    ),
}
_MASKS = {
    "chosen_mask": ("chosen_loss_mask", "policy_chosen_mask", "chosen_masks", "chosen_attention_mask"),
    "rejected_mask": ("rejected_loss_mask", "policy_rejected_mask", "rejected_masks", "rejected_attention_mask"),
}
_LENGTHS = {"chosen_lengths": ("chosen_length",), "rejected_lengths": ("rejected_length",)}
#: What code of this kind may return, and other names for it.
RETURNED = (
    Returned(LOSS, ("losses",)),
    Returned("chosen_rewards", ("chosen_reward", "rewards/chosen")),
    Returned("rejected_rewards", ("rejected_reward", "rewards/rejected")),
    Returned("margins", ("rewards/margins", "reward_margin", "reward_margins")),
    Returned("accuracies", ("rewards/accuracies", "reward_accuracies", "accuracy", "reward_accuracy")),
)


def roles(loss: PairLoss) -> list[Role]:
    """What code of this loss may be called with."""
    made = [
        Role(
            name,
            _LOGPS_ALIASES[name],
            name in POLICY_LOGPS or loss.uses_reference,
            "log-probabilities of the responses",
        )
        for name in LOGPS
    ]
    made += [Role(name, aliases, told="1 where a token counts") for name, aliases in _MASKS.items()]
    made += [Role(name, aliases, told="tokens of the responses") for name, aliases in _LENGTHS.items()]
    return made + [Role(option.name, option.aliases, told=option.told) for option in loss.options]


def adapt_pairwise(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss is None:
        raise InputError(f"which loss does it compute? Say so with --loss, one of: {', '.join(PAIR_LOSSES)}")
    loss = pair_loss(adaptation.loss)
    binding = bind(code, roles(loss), adaptation)
    form, told = _form(binding, adaptation)
    if form == SEQUENCE and loss.tokens(loss.variant(adaptation.variant)) == "shared":
        raise InputError(
            f"{loss.name} weighs tokens, so its inputs are token log-probabilities with masks; code that is given one "
            "number a response computes dpo of it"
        )
    taken, constants = options_of(loss, binding, adaptation)
    conformer = Conformer(
        as_normal(binding, adaptation, RETURNED, flags=tuple(_MASKS)),
        loss,
        variant=loss.variant(adaptation.variant),
        form=form,
        reduction=adaptation.reduction or "none",
        options=taken,
        constants=constants,
        extras=binding.extras,
        precision=adaptation.precision,
        normalised_in=adaptation.normalised_in,
        binding=binding,
        assumptions=(f"judged as {loss.name}: {loss.title}", *binding.told, *told),
    )
    return settle(conformer, adaptation, PROBE)


def _form(binding: Binding, adaptation: Adaptation) -> tuple[str, list[str]]:
    masks = [name for name in _MASKS if binding.takes(name)]
    form = adaptation.form or (TOKENS if masks else SEQUENCE)
    if form not in (SEQUENCE, TOKENS):
        raise InputError(f"form is {form!r}; expected {SEQUENCE!r} (one log-probability a response) or {TOKENS!r}")
    if form == TOKENS and len(masks) < 2:
        raise InputError(
            "token log-probabilities need the arguments of both masks: --map chosen_mask=… rejected_mask=…"
        )
    if adaptation.form is None:
        why = f"it takes {' and '.join(masks)}" if masks else "it takes no masks"
        told = {TOKENS: "log-probabilities of tokens with masks", SEQUENCE: "one log-probability a response"}[form]
        return form, [f"its inputs are {told}: {why}"]
    return form, []


#: Three ragged pairs on which conventions and reductions differ.
_PAIRS = PairwiseProblem(
    policy_chosen_logps=-np.array([[1.0, 2.0, 0.5, 3.0], [0.25, 1.0, 4.0, 1.5], [2.0, 0.5, 1.0, 1.0]]),
    policy_rejected_logps=-np.array([[2.0, 1.0, 1.5, 0.5], [3.0, 0.25, 1.0, 2.0], [0.5, 0.5, 2.0, 3.0]]),
    reference_chosen_logps=-np.array([[1.5, 1.0, 1.0, 2.0], [0.5, 2.0, 3.0, 0.5], [1.0, 1.0, 0.25, 2.0]]),
    reference_rejected_logps=-np.array([[1.0, 1.0, 2.0, 1.0], [2.5, 1.0, 0.5, 1.0], [1.0, 0.25, 1.0, 0.5]]),
    chosen_mask=np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]),
    rejected_mask=np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]),
    choices=np.zeros(8, dtype=np.int64),
    upstream=np.ones(3),
    dtype="float64",
)
PROBE = Probe(
    forms=FORMS["pairwise-loss"],
    main=LOSS,
    shape=lambda _: _PAIRS.upstream.shape,
    call=lambda conformer: PairwiseCase(conformer, _PAIRS).call(),
    compare=lambda conformer: (
        PairwiseCase(conformer, _PAIRS).found.outputs[LOSS],
        PairwiseCase(conformer, _PAIRS).expected_loss,
    ),
)
