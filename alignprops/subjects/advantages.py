"""The kind `advantages`: GAE and returns over time, RLOO, GRPO and relatives in groups."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from alignprops.conformance.advantage import (
    ADVANTAGES,
    EPISODES,
    IDS,
    MASKED,
    NEIGHBOURS,
    PADDED,
    PLAIN,
    RETURNS,
    AdvantageCase,
    AdvantageProblem,
)
from alignprops.conformance.advantage_torch import TorchInGroups, TorchOverTime
from alignprops.conformance.conformer import Conformer
from alignprops.losses.advantages.table import ADVANTAGES as TABLE
from alignprops.losses.advantages.table import Advantage
from alignprops.subjects.adapters.advantages import adapt_advantages, roles
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.kinds import Kind, register_kind
from alignprops.subjects.mistakes.advantages import MISTAKES
from alignprops.subjects.mistakes.advantages_in_groups import GROUP_MISTAKES
from alignprops.subjects.subject import Subject

KIND = "advantages"
ALL_MISTAKES = (*MISTAKES, *GROUP_MISTAKES)


def reference(made: Advantage, variant: str = "", form: str = "") -> Conformer:
    """The honest implementation of an advantage."""
    family: Any = TorchOverTime if made.over_time else TorchInGroups
    form = form or (MASKED if made.over_time else NEIGHBOURS)
    return Conformer(
        family(made, variant, form),
        made,
        variant=variant,
        form=form,
        options=frozenset(option.name for option in made.options),
        outputs=frozenset({RETURNS}) if made.name == "gae" else frozenset(),
        assumptions=("the reference",),
    )


def honest_twin(conformer: Conformer) -> Conformer:
    """The reference that a subject should agree with: the same formula, convention, form and options."""
    made: Any = conformer.specification
    twin = reference(made, conformer.variant, conformer.form)
    return twin.called_as(conformer)


def _subject(subject_id: str, made: Conformer) -> Subject:
    return Subject(subject_id, KIND, lambda: made)


@lru_cache(maxsize=1)
def _references() -> dict[str, Conformer]:
    """Every advantage in every convention; over time in every form, and in groups once by ids."""
    made: dict[str, Conformer] = {}
    for advantage in TABLE.values():
        for variant in advantage.variants:
            made["/".join(filter(None, (advantage.name, variant)))] = reference(advantage, variant)
    for name in ("gae", "returns"):
        made[f"{name}/{EPISODES}"] = reference(TABLE[name], form=EPISODES)
    for form in (PADDED, PLAIN):
        made[f"gae/{form}"] = reference(TABLE["gae"], form=form)
    made[f"grpo/sample/{IDS}"] = reference(TABLE["grpo"], "sample", IDS)
    return made


#: Where mistakes are planted that would show less in the first reference which allows them.
_PLANTED_IN = {"batch-mean": "dr-grpo", "not-centred": "dr-grpo", "zero-is-missing": "rloo", "interleaved": "rloo"}


def _counterfeits() -> dict[str, Subject]:
    """Every mistake in one reference: that which is named for it, or the first that allows it."""
    made: dict[str, Subject] = {}
    for mistake in ALL_MISTAKES:
        first = _references().get(_PLANTED_IN.get(mistake.name, ""))
        for honest in ([] if first is None else [first]) + list(_references().values()):
            wrong = mistake.plant(honest)
            if wrong is not None and mistake.name not in made:
                made[mistake.name] = _subject(f"counterfeit/{mistake.name}", wrong)
    return made


register_kind(
    Kind(
        name=KIND,
        protocol="called with rewards and values over time, episode ends or a mask; or with rewards of responses and "
        "their groups; and options; returns advantages, returns or both",
        references=tuple(_subject(name, made) for name, made in _references().items()),
        counterfeits=_counterfeits(),
        adapt_with=adapt_advantages,
        conformance=Conformance(
            ADVANTAGES,
            tuple(TABLE),
            ALL_MISTAKES,
            honest_twin,
            AdvantageProblem,
            AdvantageCase,
            lambda name: roles(TABLE[name]),
            also={"group advantages": "grpo", "group normalized advantages": "grpo"},
        ),
    )
)
