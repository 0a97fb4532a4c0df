"""A host's loss of single labelled answers behind the interface of the kind `unpaired-loss`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.unpaired import POLICY, POLICY_KL, REFERENCE_KL, UnpairedProblem
from alignprops.conformance.unpaired_case import (
    DELTA,
    FORMS,
    KL,
    LABELS,
    LOSS,
    SPLIT,
    SPLIT_POLICY,
    TOKENS,
    WEIGHTS,
    UnpairedCase,
    UnpairedConformer,
)
from alignprops.losses.unpaired.table import BATCH, GIVEN, UNPAIRED_LOSSES, unpaired_loss
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss
from alignprops.subjects.adapters import forms
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.probing import Probe, settle
from alignprops.subjects.adapters.unpaired_roles import RETURNED, inputs_of, roles

_FLAGS = ("labels", "mask", "KL_mask")


def adapt_unpaired(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss is None:
        raise InputError(f"which loss does it compute? Say so with --loss, one of: {', '.join(UNPAIRED_LOSSES)}")
    loss = unpaired_loss(adaptation.loss)
    binding = bind(code, roles(loss), adaptation)
    form, told = _form(binding, adaptation)
    variant, told_variant = _variant(loss, binding, adaptation)
    takes = _inputs(loss, form, variant, binding)
    taken, constants = options_of(loss, binding, adaptation)
    conformer = UnpairedConformer(
        as_normal(binding, adaptation, RETURNED, flags=_FLAGS),
        loss,
        variant=variant,
        form=form,
        reduction=adaptation.reduction or "none",
        options=taken,
        constants=constants,
        extras=binding.extras,
        precision=adaptation.precision,
        normalised_in=adaptation.normalised_in,
        binding=binding,
        assumptions=(f"judged as {loss.name}: {loss.title}", *binding.told, *told, *told_variant),
        takes=takes,
    )
    return settle(conformer, replace(adaptation, variant=variant), PROBE)


def _form(binding: Binding, adaptation: Adaptation) -> tuple[str, list[str]]:
    by_names = SPLIT if all(binding.takes(name) for name in SPLIT_POLICY) else None
    if by_names is None and binding.takes(POLICY) and binding.takes("labels"):
        by_names = TOKENS if binding.takes("mask") else LABELS
    form = adaptation.form or by_names
    if form is None:
        raise InputError(
            "its answers come neither apart (policy_chosen_logps and policy_rejected_logps) nor in one stream "
            "(policy_logps and labels); say which arguments they are with --map ROLE=ARGUMENT"
        )
    if form not in FORMS:
        raise InputError(f"form is {form!r}; expected " + ", ".join(f"{name!r} ({FORMS[name]})" for name in FORMS))
    if adaptation.form is None:
        return form, [f"its inputs are {FORMS[form]}: by the names of its arguments"]
    return form, []


def _variant(loss: UnpairedLoss, binding: Binding, adaptation: Adaptation) -> tuple[str, list[str]]:
    if not loss.uses_shift or adaptation.variant is not None:
        return loss.variant(adaptation.variant), []
    variant = GIVEN if binding.takes(DELTA) else BATCH
    return variant, [f"follows the convention {variant!r}, {loss.variants[variant]}: by its arguments"]


def _inputs(loss: UnpairedLoss, form: str, variant: str, binding: Binding) -> frozenset[str]:
    """The inputs that the code is given; an input of its form that has no place is asked for."""
    number = binding.takes(KL)
    wanted = inputs_of(loss, form, variant=variant, number=number, weighted=binding.takes(WEIGHTS))
    missing = sorted(name for name in wanted if not binding.takes(name))
    if not missing:
        return wanted
    if set(missing) & {POLICY_KL, REFERENCE_KL}:
        raise InputError(
            "where does its reference point come from? Name the argument that is given the number, --map kl=ARGUMENT, "
            f"or those with the log-probabilities of mismatched answers, --map {POLICY_KL}=… {REFERENCE_KL}=…"
        )
    raise InputError(f"the form {form!r} needs {', '.join(missing)}: --map {missing[0]}=ARGUMENT")


#: Three answers, two of them desirable, on which forms and reductions differ.
_ANSWERS = UnpairedProblem(
    policy_logps=-np.array([[1.0, 2.0, 0.5], [0.25, 1.0, 4.0], [2.0, 0.5, 1.0]]),
    reference_logps=-np.array([[1.5, 1.0, 1.0], [1.5, 2.0, 3.0], [1.0, 1.0, 0.25]]),
    mask=np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]]),
    policy_kl_logps=-np.array([[2.0, 1.0, 1.5], [0.5, 0.25, 1.0], [0.5, 0.5, 1.0]]),
    reference_kl_logps=-np.array([[1.0, 1.0, 2.0], [2.5, 1.0, 0.5], [1.0, 2.25, 1.0]]),
    kl_mask=np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]]),
    desirable=np.array([1, 0, 1]),
    weights=np.array([1.0, 0.5, 2.0]),
    delta=0.5,
    choices=np.zeros(8, dtype=np.int64),
    upstream=np.ones(3),
    dtype="float64",
)


def _case(conformer: Conformer) -> UnpairedCase:
    return UnpairedCase(cast(UnpairedConformer, conformer), _ANSWERS)


PROBE = Probe(
    forms=forms.FORMS["unpaired-loss"],
    main=LOSS,
    shape=lambda _: _ANSWERS.upstream.shape,
    call=lambda conformer: _case(conformer).call(),
    compare=lambda conformer: (_case(conformer).found.outputs[LOSS], _case(conformer).expected_loss),
)
