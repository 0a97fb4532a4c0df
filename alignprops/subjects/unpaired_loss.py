"""The kind `unpaired-loss`: losses of single answers that are desirable or not (KTO, BCO)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from alignprops._errors import InputError
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.unpaired import UnpairedProblem
from alignprops.conformance.unpaired_case import LOSS, SPLIT, UnpairedCase, UnpairedConformer
from alignprops.conformance.unpaired_torch import TorchUnpairedLoss
from alignprops.losses.unpaired.table import UNPAIRED_LOSSES, unpaired_loss
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss
from alignprops.subjects.adapters.unpaired_loss import adapt_unpaired
from alignprops.subjects.adapters.unpaired_roles import inputs_of, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.unpaired import MISTAKES
from alignprops.subjects.subject import Subject

KIND = "unpaired-loss"


def reference(
    loss: UnpairedLoss,
    form: str = SPLIT,
    reduction: str = "none",
    *,
    variant: str | None = None,
    number: bool = False,
    weighted: bool = False,
) -> UnpairedConformer:
    """The honest implementation of a loss, from its expressions.

    `number`: it is given the reference point instead of the log-probabilities to find it from; `weighted`: it takes
    density ratios.
    """
    followed = loss.variant(variant)
    return UnpairedConformer(
        TorchUnpairedLoss(loss, form, reduction),
        loss,
        variant=followed,
        form=form,
        reduction=reduction,
        options=frozenset(option.name for option in loss.options),
        outputs=frozenset({"chosen_rewards", "rejected_rewards", *(("kl",) if loss.uses_point else ())}),
        assumptions=("the reference, evaluated from its expressions",),
        takes=inputs_of(loss, form, variant=followed, number=number, weighted=weighted),
    )


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same formula, convention, form, reduction and options."""
    if not isinstance(conformer, UnpairedConformer):
        raise InputError(f"expected code of the kind {KIND!r}, got {type(conformer).__name__}")
    twin = reference(conformer.loss, conformer.form, conformer.reduction, variant=conformer.variant)
    return replace(twin.called_as(conformer), takes=conformer.takes)


def _case(conformer: Conformer, problem: Any) -> UnpairedCase:
    return UnpairedCase(cast(UnpairedConformer, conformer), problem)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, UnpairedConformer]:
    """Every loss in every convention, and KTO in the forms that host code comes in."""
    kto, apo, bco = (UNPAIRED_LOSSES[name] for name in ("kto", "apo-zero-unpaired", "bco"))
    return {
        "kto": reference(kto),
        "kto/labels": reference(kto, "labels", number=True),
        "kto/tokens": reference(kto, "tokens", "mean"),
        "apo-zero-unpaired": reference(apo),
        "bco": reference(bco, "labels", weighted=True),
        "bco/batch": reference(bco, reduction="sum", variant="batch"),
    }


def _counterfeits() -> dict[str, Subject]:
    made: dict[str, Subject] = {}
    for mistake in MISTAKES:
        for honest in _references().values():
            wrong = None if mistake.name in made else mistake.plant(honest)
            if wrong is not None:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    return made


register_kind(
    Kind(
        name=KIND,
        protocol="called with the log-probabilities of answers under policy and reference, chosen and rejected apart "
        "or in one stream with labels, with the reference point or the log-probabilities that it is found from, and "
        "options; returns the loss of each answer or of the batch, and optionally implicit rewards",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_unpaired,
        conformance=Conformance(
            LOSS,
            tuple(UNPAIRED_LOSSES),
            MISTAKES,
            honest_twin,
            UnpairedProblem,
            _case,
            lambda name: roles(unpaired_loss(name)),
        ),
    )
)
