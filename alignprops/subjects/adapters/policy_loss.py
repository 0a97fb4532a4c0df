"""A host's loss of a policy, or of a value function, behind the interface of the kind `policy-loss`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.policy import MASK, PolicyProblem
from alignprops.conformance.policy_case import (
    APPROX_KL,
    BY_RESPONSE,
    BY_TOKEN,
    CLIP_FRACTION,
    DUAL_FRACTION,
    KL,
    LOSS,
    PolicyCase,
    form_of,
)
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.table import POLICY_LOSSES, policy_loss
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, Role, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.forms import FORMS
from alignprops.subjects.adapters.outputs import Returned
from alignprops.subjects.adapters.probing import Probe, matches, settle

#: Argument names in use for the inputs; each has one meaning only in code of this kind.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "logps": (
        *("log_probs", "log_prob", "logprobs", "logprob", "per_token_logps", "per_token_logprobs", "token_logps"),
        *("pi_logprobs", "policy_logps", "policy_logprobs", "new_logps", "new_logprobs", "new_log_probs"),
        *("action_log_probs", "current_logprobs", "curr_logprobs"),
    ),
    "old_logps": (
        *("old_log_probs", "old_log_prob", "old_logprobs", "old_logprob", "old_per_token_logps", "pi_old_logprobs"),
        *("old_policy_logps", "old_action_log_probs", "behavior_logprobs", "behaviour_logprobs", "logprobs_old"),
    ),
    "ref_logps": (
        *("ref_log_probs", "ref_log_prob", "ref_logprobs", "ref_per_token_logps", "reference_logps"),
        *("reference_logprobs", "reference_log_probs", "pi_ref_logprobs"),
    ),
    "rollout_logps": (
        *("rollout_log_probs", "rollout_log_prob", "rollout_logprobs", "sampling_per_token_logps"),
        *("inference_logprobs", "vllm_logprobs", "sampling_logprobs"),
    ),
    "advantages": ("advantage", "adv", "advs"),
    "values": ("vpreds", "vpred", "value_preds", "new_values", "phi_values", "pred_values"),
    "old_values": ("values_old", "phi_old_values", "old_value_preds", "old_vpreds"),
    "returns": ("value_targets",),
    MASK: (
        *("response_mask", "completion_mask", "action_mask", "loss_mask", "response_masks", "completion_masks"),
        *("action_masks", "loss_masks", "masks", "padding_masks", "token_mask"),
    ),
}
_TOLD = {
    "logps": "log-probabilities of the sampled tokens under the policy",
    "old_logps": "those under the policy that sampled",
    "ref_logps": "those under the reference",
    "rollout_logps": "those of the sampling engine",
    "advantages": "advantages",
    "values": "values of the tokens",
    "old_values": "values before the update",
    "returns": "returns",
    MASK: "1 where a token counts",
}
#: Beside one of these, an argument `values` means the old values.
_NEW_VALUES = ("vpreds", "vpred", "value_preds", "new_values")
#: What code of this kind may return, and other names for it.
RETURNED = (
    Returned(LOSS, ("losses", "pg_loss", "policy_loss", "actor_loss", "vf_loss", "value_loss")),
    Returned(CLIP_FRACTION, ("clipfrac", "clip_frac", "pg_clipfrac", "actor/pg_clipfrac", "policy/clipfrac")),
    Returned(APPROX_KL, ("ppo_kl", "approxkl", "actor/ppo_kl", "policy/approxkl")),
    Returned(DUAL_FRACTION, ("pg_clipfrac_lower", "actor/pg_clipfrac_lower")),
    Returned(KL, ("mean_kl", "kl_mean", "ref_kl")),
)


def roles(loss: PolicyLoss) -> list[Role]:
    """What code of this loss may be called with."""
    needed = {"logps", "advantages", "values", "returns", "rollout_logps"}
    names = [name for name in _ALIASES if name in loss.inputs or name == MASK]
    made = [Role(name, _ALIASES[name], name in needed, _TOLD[name]) for name in names]
    return made + [Role(option.name, option.aliases, told=option.told) for option in loss.options]


def adapt_policy(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss is None:
        raise InputError(f"which loss does it compute? Say so with --loss, one of: {', '.join(POLICY_LOSSES)}")
    if adaptation.form not in (None, BY_TOKEN, BY_RESPONSE):
        raise InputError(
            f"form is {adaptation.form!r}; expected {BY_TOKEN!r} or {BY_RESPONSE!r}: what an advantage is given for"
        )
    loss = policy_loss(adaptation.loss)
    mapped, told = _with_old_values(code, loss, adaptation)
    binding = bind(code, roles(loss), mapped)
    _require_reference(binding, loss)
    taken, constants = _options(loss, binding, adaptation)
    spared = _fallbacks(binding)
    conformer = Conformer(
        as_normal(binding, adaptation, RETURNED, flags=(MASK,), read=_named_parts),
        loss,
        variant=loss.variant(adaptation.variant),
        reduction=adaptation.reduction or "mean",
        options=taken,
        constants=constants,
        extras={name: value for name, value in binding.extras.items() if name not in spared},
        precision=adaptation.precision,
        normalised_in=adaptation.normalised_in,
        binding=binding,
        assumptions=(
            f"judged as {loss.name}: {loss.title}",
            *told,
            *binding.told,
            *_told(binding, loss, taken, spared),
        ),
    )
    return _settled(conformer, binding, loss, adaptation)


def _with_old_values(code: Any, loss: PolicyLoss, adaptation: Adaptation) -> tuple[Adaptation, list[str]]:
    """Where new values have a name of their own, `values` are the old ones."""
    if not loss.of_values or not callable(code) or {"values", "old_values"} & set(adaptation.map):
        return adaptation, []
    try:
        names = set(inspect.signature(getattr(code, "forward", code)).parameters)
    except (TypeError, ValueError):
        return adaptation, []
    new = next((name for name in _NEW_VALUES if name in names), None)
    if new is None or "values" not in names or "old_values" not in loss.inputs:
        return adaptation, []
    mapped = {**adaptation.map, "values": new, "old_values": "values"}
    return replace(adaptation, map=mapped), [f"beside {new}, values are the old ones: by their names"]


def _require_reference(binding: Binding, loss: PolicyLoss) -> None:
    if loss.has_kl and binding.takes("beta") and not binding.takes("ref_logps"):
        raise InputError(
            f"it takes {binding.roles['beta']}, and no log-probabilities of the reference that can be told by their "
            "name; which argument is it, --map ref_logps=ARGUMENT?"
        )


def _options(loss: PolicyLoss, binding: Binding, adaptation: Adaptation) -> tuple[frozenset[str], dict[str, Any]]:
    """As `options_of`; an option of another convention than the subject's, or that does nothing, is not asked for."""
    optional = {name for names in loss.own_options.values() for name in names if len(loss.variants) > 1}
    if "old_logps" in loss.inputs and not binding.takes("old_logps"):
        optional.add("eps_low")  # on policy nothing is clipped
    known = {option.name for option in loss.options}
    spared = {name: loss.option(name).values[0] for name in optional & known if not binding.takes(name)}
    taken, constants = options_of(loss, binding, replace(adaptation, assume={**spared, **adaptation.assume}))
    return taken, constants


def _fallbacks(binding: Binding) -> list[str]:
    """Keywords, None by default, that stand in for an option that is given, or belong to other losses of the family."""
    known = {
        name for loss in POLICY_LOSSES.values() for option in loss.options for name in (option.name, *option.aliases)
    }
    return [name for name, value in binding.extras.items() if value is None and name in known]


def _told(binding: Binding, loss: PolicyLoss, taken: frozenset[str], spared: Sequence[str]) -> Iterator[str]:
    for name in spared:
        yield f"{name} is left at None: it stands in for an option that is given, or belongs to another loss"
    if not binding.takes(MASK):
        yield "every token counts: it takes no mask"
    if "old_logps" in loss.inputs and not binding.takes("old_logps"):
        yield "the policy that sampled is the current one, held fixed: it takes no log-probabilities of another"
    if "eps_low" in taken and "eps_high" not in taken and "eps_high" in [option.name for option in loss.options]:
        yield f"{binding.roles['eps_low']} is the range on both sides"


def _settled(conformer: Conformer, binding: Binding, loss: PolicyLoss, adaptation: Adaptation) -> Conformer:
    """With the form of the advantages, by which the code runs and gives the formula's value on a probe."""
    on_policy = "old_logps" in loss.inputs and not binding.takes("old_logps")
    unmasked = not binding.takes(MASK)
    kinds = (False, True) if adaptation.form is None else (adaptation.form == BY_RESPONSE,)
    if "advantages" not in loss.inputs:
        kinds = (False,)
    candidates: list[Conformer] = []
    refusal: InputError | None = None
    for by_response in kinds:
        form = form_of(by_response=by_response, on_policy=on_policy, unmasked=unmasked)
        try:
            candidates.append(settle(replace(conformer, form=form), adaptation, PROBE))
        except InputError as error:
            refusal = refusal or error
    if not candidates:
        raise refusal or InputError("it does not run on a small float64 input")
    matching = [candidate for candidate in candidates if matches(candidate, PROBE)]
    settled = (matching or candidates)[0]
    if len(kinds) == 1:
        return settled
    what = "one a response" if BY_RESPONSE in settled.form else "one a token"
    why = "its value on a probe says so" if matching else "with the other it does not run, or fits no better"
    return replace(settled, assumptions=(*settled.assumptions, f"advantages are {what} ({why})"))


def _named_parts(result: Any) -> Any:
    """Of a plain tuple the loss, which comes first, and what has names: libraries differ in the order of the rest."""
    if hasattr(result, "_asdict") or not isinstance(result, Sequence) or isinstance(result, str) or not result:
        return result
    return (result[0], *(part for part in result[1:] if isinstance(part, Mapping)))


#: Three ragged responses on which conventions, forms and reductions differ; ratios on both sides of every range.
_RESPONSES = PolicyProblem(
    logps=-np.array([[1.0, 2.0, 0.5, 3.0], [0.25, 1.0, 4.0, 1.5], [2.0, 0.5, 1.0, 1.0]]),
    old_logps=-np.array([[1.5, 1.0, 1.0, 2.0], [0.5, 2.0, 3.0, 0.5], [2.0, 0.75, 1.25, 0.5]]),
    ref_logps=-np.array([[1.0, 1.0, 2.0, 1.0], [2.5, 1.0, 0.5, 1.0], [1.0, 0.25, 1.0, 0.5]]),
    rollout_logps=-np.array([[1.0, 2.5, 0.5, 1.0], [0.25, 1.0, 3.0, 1.0], [1.0, 0.5, 2.0, 0.5]]),
    advantages=np.array([[1.0, -2.0, 0.5, 1.5], [-1.5, 2.0, -0.25, 1.0], [0.75, -1.0, 3.0, -0.5]]),
    values=np.array([[0.5, 1.0, -1.0, 2.0], [1.5, -0.5, 0.25, 1.0], [0.0, 2.0, 1.0, -1.0]]),
    old_values=np.array([[0.25, 2.0, -1.5, 1.0], [1.0, 0.5, 0.5, 0.0], [0.125, 1.0, 1.5, -2.0]]),
    returns=np.array([[1.0, 0.5, -2.0, 1.0], [2.0, 1.0, 1.0, 0.5], [-1.0, 1.5, 0.5, 1.0]]),
    mask=np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]),
    choices=np.zeros(8, dtype=np.int64),
    upstream=np.ones((3, 4)),
    dtype="float64",
)
PROBE = Probe(
    forms=FORMS["policy-loss"],
    main=LOSS,
    shape=lambda _: _RESPONSES.mask.shape,
    call=lambda conformer: PolicyCase(conformer, _RESPONSES).call(),
    compare=lambda conformer: (
        PolicyCase(conformer, _RESPONSES).value(PolicyCase(conformer, _RESPONSES).found),
        PolicyCase(conformer, _RESPONSES).expected_loss,
    ),
)
