"""A host's KL estimator or divergence behind the interface of the kind `kl-estimator`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.kl import KlProblem
from alignprops.conformance.kl_case import KL, LOGITS, MASKED, REPORTED, TOKENS, KlCase, input_names
from alignprops.expressions import Rounded
from alignprops.losses.estimators.estimator import Divergence, Estimator
from alignprops.losses.estimators.table import KL_ESTIMATORS, kl_estimator
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, Role, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.forms import FORMS
from alignprops.subjects.adapters.outputs import Returned
from alignprops.subjects.adapters.probing import Probe, matches, settle

#: Argument names in use; each has one meaning only.
_ALIASES = {
    "logprobs": (
        "log_probs",
        "logprob",
        "logps",
        "logp",
        "policy_logprobs",
        "policy_log_probs",
        "policy_logps",
        "per_token_logps",
    ),
    "ref_logprobs": (
        "ref_log_probs",
        "ref_logprob",
        "ref_logps",
        "ref_logp",
        "reference_logprobs",
        "reference_log_probs",
        "reference_logps",
        "ref_per_token_logps",
        "log_probs_base",
    ),
    "logits": ("student_logits", "policy_logits"),
    "ref_logits": ("teacher_logits", "reference_logits"),
}
_MASK = Role("mask", ("response_mask", "completion_mask", "action_mask", "loss_mask"), told="1 where a position counts")
_LABELS = Role("labels", told="token ids, -100 where masked")
_NAME = Role("estimator", ("kl_estimator", "kl_penalty"), told="the name of the estimator")
RETURNED = (
    Returned(KL, ("loss", "kls", "per_token_kl", "kl_loss", "kld")),
    Returned(REPORTED, ("approx_kl", "reported_kl", "kl_mean")),
)


def roles(made: Estimator | Divergence) -> list[Role]:
    """What code of this estimator may be called with."""
    names = input_names(TOKENS if isinstance(made, Estimator) else LOGITS)
    told = "log-probabilities of the sampled tokens" if isinstance(made, Estimator) else "logits of the vocabulary"
    whose = ("policy's", "reference's")
    inputs = [Role(name, _ALIASES[name], True, f"the {who} {told}") for name, who in zip(names, whose, strict=True)]
    own = [_NAME] if isinstance(made, Estimator) else [_LABELS]
    return [*inputs, _MASK, *own, *(Role(option.name, option.aliases, told=option.told) for option in made.options)]


def adapt_kl_estimator(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss is None:
        raise InputError(f"what does it compute? Say so with --loss, one of: {', '.join(KL_ESTIMATORS)}")
    made = kl_estimator(adaptation.loss)
    binding = bind(code, roles(made), adaptation)
    form, told = _form(made, binding, adaptation)
    taken, constants = options_of(made, binding, adaptation)
    conformer = Conformer(
        as_normal(binding, adaptation, RETURNED),
        made,
        variant=made.variant(adaptation.variant),
        form=form,
        reduction=adaptation.reduction or "none",
        options=taken,
        constants=constants,
        extras=binding.extras,
        precision=adaptation.precision,
        assumptions=(f"judged as {made.name}: {made.title}", *binding.told, *told),
        binding=binding,
    )
    if binding.takes(_NAME.name):
        conformer = _named(conformer, binding.roles[_NAME.name])
    settled = settle(conformer, adaptation, PROBE)
    # A wrong gradient must not spoil what the value alone says of reduction and convention.
    return settled if matches(settled, PROBE) else settle(conformer, adaptation, _VALUES_ONLY)


def _form(made: Estimator | Divergence, binding: Binding, adaptation: Adaptation) -> tuple[str, list[str]]:
    masks = [name for name in (_MASK.name, _LABELS.name) if binding.takes(name)]
    inputs = TOKENS if isinstance(made, Estimator) else LOGITS
    form = adaptation.form or (MASKED if masks else "") + inputs
    fitting = [name for name in FORMS["kl-estimator"] if name.endswith(TOKENS) == isinstance(made, Estimator)]
    if form not in fitting:
        raise InputError(f"form is {form!r}; of {made.name} expected one of {', '.join(map(repr, fitting))}")
    if form.startswith(MASKED) and not masks:
        raise InputError(f"form is {form!r}, but nothing says which argument is the mask: --map mask=ARGUMENT")
    if adaptation.form is not None:
        return form, []
    how = {TOKENS: "log-probabilities of sampled tokens", LOGITS: "logits of the vocabulary"}[inputs]
    return form, [f"its inputs are {how}, {f'masked by {masks[0]}' if masks else 'without a mask: every one counts'}"]


def _named(conformer: Conformer, argument: str) -> Conformer:
    """The conformer with the spelling of its estimator that the code takes.

    Raises:
        InputError: the code takes none of those in use.
    """
    made: Any = conformer.specification
    for spelling in made.spellings:
        told = f"{argument} is {spelling!r}: of the names in use the first that it takes"
        named = replace(
            conformer,
            options=conformer.options | {_NAME.name},
            constants={**conformer.constants, _NAME.name: spelling},
            assumptions=(*conformer.assumptions, told),
        )
        try:
            named.function(PROBE.call(named))
        except InputError:
            raise
        except Exception:  # noqa: BLE001, S112  # whatever a host raises for a name that it does not know
            continue
        return named
    tried = ", ".join(map(repr, made.spellings))
    raise InputError(
        f"it raised with {argument} = {tried}; give the name that it has for {made.name} with --set {argument}=NAME"
    )


def _probe_at(choice: int, size: float) -> KlProblem:
    draw = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    return KlProblem(
        policy=-size * ((draw * draw * 3 + draw * 5) % 17) / 4,
        reference=-size * ((draw * draw + draw * 3) % 13) / 4,
        mask=np.array([[1, 1, 1], [1, 1, 0]]),
        choices=np.array([choice, 0, 0, 0]),
        upstream=np.ones((2, 3)),
        dtype="float64",
    )


#: At three values of the first option, so that the ends of β show; once with log-ratios that are clamped.
_PROBES = (_probe_at(1, 1.0), _probe_at(2, 1.0), _probe_at(3, 10.0))


def _values(conformer: Conformer) -> tuple[Any, Rounded]:
    """What it returns on the probes and what it should; nothing of masked positions."""
    found, value, error = [], [], []
    for problem in _PROBES:
        case = KlCase(conformer, problem)
        counts = ~np.isnan(case.expected_value.value)
        found.append(np.reshape(case.found.outputs[KL], counts.shape)[counts])
        value.append(case.expected_value.value[counts])
        error.append(case.expected_value.error[counts])
    return np.concatenate(found), Rounded(np.concatenate(value), np.concatenate(error))


def _values_and_gradients(conformer: Conformer) -> tuple[Any, Rounded]:
    found, expected = _values(conformer)
    cases = [KlCase(conformer, problem) for problem in _PROBES]
    slopes = [case.expected_gradient for case in cases]
    return (
        np.concatenate([found, *(case.gradient(case.found).ravel() for case in cases)]),
        Rounded(
            np.concatenate([expected.value, *(slope.value.ravel() for slope in slopes)]),
            np.concatenate([expected.error, *(slope.error.ravel() for slope in slopes)]),
        ),
    )


PROBE = Probe(
    forms=FORMS["kl-estimator"],
    main=KL,
    shape=lambda _: _PROBES[0].mask.shape,
    call=lambda conformer: KlCase(conformer, _PROBES[0]).call(),
    compare=_values_and_gradients,
)
_VALUES_ONLY = replace(PROBE, compare=_values)
