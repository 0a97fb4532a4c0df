"""The kind `kl-estimator`: estimates of the KL divergence from tokens, and divergences of whole distributions."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from alignprops.conformance.conformer import Conformer
from alignprops.conformance.kl import KlProblem
from alignprops.conformance.kl_case import KL, LOG_PROBS, LOGITS, MASKED, REPORTED, TOKENS, KlCase
from alignprops.conformance.kl_torch import TorchDivergence, TorchEstimator
from alignprops.losses.estimators.estimator import Divergence, Estimator
from alignprops.losses.estimators.table import KL_ESTIMATORS, kl_estimator
from alignprops.subjects.adapters.kl_estimator import adapt_kl_estimator, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.kl_divergences import DIVERGENCE_MISTAKES
from alignprops.subjects.mistakes.kl_estimators import MISTAKES
from alignprops.subjects.subject import Subject

KIND = "kl-estimator"


def reference(made: Estimator | Divergence, variant: str, form: str = "", reduction: str = "none") -> Conformer:
    """The honest implementation of an estimator or divergence, from its expression."""
    is_estimator = isinstance(made, Estimator)
    form = form or (TOKENS if is_estimator else LOGITS)
    family: Any = TorchEstimator if is_estimator else TorchDivergence
    options = {option.name for option in made.options} - ({"temperature"} if form.endswith(LOG_PROBS) else set())
    return Conformer(
        family(made, variant, form, reduction),
        made,
        variant=variant,
        form=form,
        reduction=reduction,
        options=frozenset(options),
        outputs=frozenset({REPORTED}),
        assumptions=("the reference, evaluated from its expression",),
    )


def told_by_name(honest: Conformer) -> Conformer:
    """The same, told by name which estimator it is."""
    made = honest.specification
    assert isinstance(made, Estimator)
    return replace(honest, options=honest.options | {"estimator"}, constants={"estimator": made.spellings[0]})


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same formula, convention, form, reduction and options."""
    made: Any = conformer.specification
    twin = reference(made, conformer.variant, conformer.form, conformer.reduction)
    return twin.called_as(conformer)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, Conformer]:
    """Every estimator in every convention; some with masks and reduced, by name, and from other forms."""
    made = {
        made.name if len(made.variants) == 1 else f"{made.name}/{variant.replace(' ', '-')}": reference(made, variant)
        for made in KL_ESTIMATORS.values()
        for variant in made.variants
    }
    k1, k3, full, jsd = (KL_ESTIMATORS[name] for name in ("k1", "k3", "full-kl", "jsd"))
    made["k3/masked-mean"] = reference(k3, "plain", MASKED + TOKENS, "mean")
    made["k1/masked"] = reference(k1, "plain", MASKED + TOKENS)
    made["k3/by-name"] = told_by_name(reference(k3, "plain"))
    made["full-kl/log-probs-sum"] = reference(full, "reverse", LOG_PROBS, "sum")
    made["jsd/masked-mean"] = reference(jsd, "special ends", MASKED + LOGITS, "mean")
    return made


#: Where mistakes are planted that the first reference which allows them would show less of.
_PLANTED_IN = {"teacher-not-tempered": "jsd/special-ends", "reference-ignored": "k1/plain"}


def _counterfeits() -> dict[str, Subject]:
    """Every mistake in one reference: that which is named for it, or the first that allows it."""
    made: dict[str, Subject] = {}
    for mistake in (*MISTAKES, *DIVERGENCE_MISTAKES):
        first = _references().get(_PLANTED_IN.get(mistake.name, ""))
        for honest in ([] if first is None else [first]) + list(_references().values()):
            wrong = mistake.plant(honest)
            if wrong is not None and mistake.name not in made:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    return made


register_kind(
    Kind(
        name=KIND,
        protocol="called with log-probabilities of sampled tokens under policy and reference (or with logits of both), "
        "an optional mask and options; returns an estimate a position or reduced, and optionally the mean that is "
        "logged",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_kl_estimator,
        conformance=Conformance(
            KL,
            tuple(KL_ESTIMATORS),
            (*MISTAKES, *DIVERGENCE_MISTAKES),
            honest_twin,
            KlProblem,
            KlCase,
            lambda name: roles(kl_estimator(name)),
        ),
    )
)
