"""The kind `aggregation`: masked means, sums and variances, whitening, and aggregation modes of losses."""

from __future__ import annotations

from functools import lru_cache

from alignprops.conformance.aggregation import AGGREGATE, AggregationProblem
from alignprops.conformance.aggregation_case import AggregationCase
from alignprops.conformance.aggregation_torch import TorchAggregate
from alignprops.conformance.conformer import Conformer
from alignprops.losses.aggregation.aggregate import Aggregate
from alignprops.losses.aggregation.table import AGGREGATES, aggregate
from alignprops.subjects.adapters.aggregation import adapt_aggregation, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.aggregation import MISTAKES
from alignprops.subjects.subject import Subject

KIND = "aggregation"
#: Of the eight conventions of whitening those that are references: every choice is made both ways.
_WHITENINGS = ("unbiased, eps on the variance, computed outside", "population, eps on the root, zero outside")


def reference(aggregate: Aggregate, variant: str = "") -> Conformer:
    """The honest implementation of an aggregate."""
    return Conformer(
        TorchAggregate(aggregate, variant),
        aggregate,
        variant=variant,
        options=frozenset(option.name for option in aggregate.options),
        assumptions=("the reference, from its weights or its statistics",),
    )


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same aggregate, convention and options."""
    twin = reference(conformer.specification, conformer.variant)  # type: ignore[arg-type]
    return twin.called_as(conformer)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, Conformer]:
    """Every aggregate in every convention, of whitening two."""
    made = {
        aggregate.name if variant == "" else f"{aggregate.name}/{_plain(variant)}": reference(aggregate, variant)
        for aggregate in AGGREGATES.values()
        if aggregate.name != "whiten"
        for variant in aggregate.variants
    }
    return made | {f"whiten/{_plain(variant)}": reference(AGGREGATES["whiten"], variant) for variant in _WHITENINGS}


def _plain(variant: str) -> str:
    return variant.replace(",", "").replace(" ", "-")


#: The references that mistakes are planted in, so that each can be made somewhere.
PLANTED_IN = (
    "token-mean",
    "seq-mean-token-sum/all-rows",
    "sum-over-count",
    "row-mean",
    "whiten/population-eps-on-the-root-zero-outside",
    "masked-variance/unbiased",
)
#: Mistakes that are planted elsewhere than in the first reference that could have them.
_ELSEWHERE = {"unguarded-variance": "masked-variance/unbiased", "other-ddof": "masked-variance/unbiased"}


def _counterfeits() -> dict[str, Subject]:
    made: dict[str, Subject] = {}
    for mistake in MISTAKES:
        names = (_ELSEWHERE[mistake.name],) if mistake.name in _ELSEWHERE else PLANTED_IN
        for name in names:
            wrong = mistake.plant(_references()[name])
            if wrong is not None and mistake.name not in made:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    return made


register_kind(
    Kind(
        name=KIND,
        protocol="called with the numbers of tokens (B, T), a mask of those that count, and options; returns their "
        "masked mean, sum or variance, an aggregate of the batch or of each row, or the whitened numbers",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_aggregation,
        conformance=Conformance(
            AGGREGATE,
            tuple(AGGREGATES),
            MISTAKES,
            honest_twin,
            AggregationProblem,
            AggregationCase,
            lambda name: roles(aggregate(name)),
            also={
                "masked mean": "token-mean",
                "masked var": "masked-variance",
                "masked whiten": "whiten",
            },
        ),
    )
)
