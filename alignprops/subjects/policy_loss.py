"""The kind `policy-loss`: losses of a policy on sampled responses, and of its value function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.policy import PolicyProblem, SampledResponses
from alignprops.conformance.policy_by_name import ByName
from alignprops.conformance.policy_case import (
    APPROX_KL,
    CLIP_FRACTION,
    DUAL_FRACTION,
    KL,
    LOSS,
    ON_POLICY,
    PolicyCase,
    form_of,
)
from alignprops.conformance.policy_torch import TorchPolicyLoss
from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.table import POLICY_LOSSES, policy_loss
from alignprops.subjects.adapters.policy_loss import adapt_policy, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.policy import MISTAKES
from alignprops.subjects.subject import Subject

KIND = "policy-loss"


def reference(
    loss: PolicyLoss,
    variant: str | None = None,
    form: str = form_of(),
    reduction: str = "mean",
    extras: Mapping[str, Any] | None = None,
) -> Conformer:
    """The honest implementation of a loss, step by step."""
    chosen = loss.variant(variant)
    make = ByName if extras else TorchPolicyLoss
    made = make(loss, chosen, form, reduction)
    names = {option.name for option in loss.options_of(chosen)}
    if ON_POLICY in form:
        names -= {"eps_low", "eps_high"}  # nothing is ever clipped
    return Conformer(
        made,
        loss,
        variant=chosen,
        form=form,
        reduction=reduction,
        options=frozenset(names),
        extras=dict(extras or {}),
        outputs=_outputs(loss),
        assumptions=("the reference, written from its paper",),
    )


def _outputs(loss: PolicyLoss) -> frozenset[str]:
    has = {
        KL: loss.has_kl,
        APPROX_KL: "old_logps" in loss.inputs,
        CLIP_FRACTION: "clipped" in loss.traits,
        DUAL_FRACTION: "dual" in loss.traits,
    }
    return frozenset(name for name, it_has in has.items() if it_has)


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same formula, convention, form, reduction and options."""
    loss = cast(PolicyLoss, conformer.specification)
    twin = reference(loss, conformer.variant, conformer.form, conformer.reduction)
    return twin.called_as(conformer)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, Conformer]:
    """Every loss in its usual convention and the others of some, and the forms that host code comes in."""
    made = {loss.name: reference(loss) for loss in POLICY_LOSSES.values()}
    ppo, grpo, dapo = POLICY_LOSSES["ppo"], POLICY_LOSSES["grpo"], POLICY_LOSSES["dapo"]
    made["ppo/seq-mean-token-sum"] = reference(ppo, "seq-mean-token-sum")
    made["ppo/matrix"] = reference(ppo, reduction="none")
    made["grpo/responses"] = reference(grpo, form=form_of(by_response=True, on_policy=True))
    made["dapo/global-tokens"] = reference(dapo, "global-tokens")
    made["ppo/by-mode"] = reference(ppo, extras={"loss_agg_mode": "token-mean"})
    made["grpo/by-type"] = reference(grpo, extras={"loss_type": "grpo"})
    return made


#: The references that mistakes are planted in, so that each can be made somewhere.
PLANTED_IN = (
    "ppo",
    "grpo",
    "dual-clip",
    "dr-grpo",
    "gspo",
    "gspo-token",
    "cispo",
    "tis",
    "reinforce",
    "value",
    "grpo/responses",
    "ppo/matrix",
    "ppo/by-mode",
    "grpo/by-type",
)


def _counterfeits() -> dict[str, Subject]:
    made: dict[str, Subject] = {}
    for mistake in MISTAKES:
        for name in PLANTED_IN:
            wrong = mistake.plant(_references()[name])
            if wrong is not None and mistake.name not in made:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    return made


register_kind(
    Kind(
        name=KIND,
        protocol="called with the log-probabilities of sampled tokens under the policy, that which sampled and the "
        "reference, advantages (one a token, or one a response) and a mask, or with values and returns, and options; "
        "returns the loss of the batch or of each token, and optionally clip fractions and KL",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_policy,
        conformance=Conformance(
            LOSS,
            tuple(POLICY_LOSSES),
            MISTAKES,
            honest_twin,
            PolicyProblem,
            PolicyCase,
            lambda name: roles(policy_loss(name)),
            wider=SampledResponses,
        ),
    )
)
