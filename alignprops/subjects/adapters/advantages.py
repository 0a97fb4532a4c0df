"""A host's advantages and returns behind the interface of the kind `advantages`."""

from __future__ import annotations

from typing import Any

import numpy as np

from alignprops._errors import InputError
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
from alignprops.conformance.conformer import Conformer
from alignprops.losses.advantages.table import ADVANTAGES as TABLE
from alignprops.losses.advantages.table import Advantage, advantage
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, Role, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.forms import FORMS
from alignprops.subjects.adapters.outputs import Returned
from alignprops.subjects.adapters.probing import Probe, settle

_REWARDS = Role(
    "rewards", ("token_level_rewards", "reward", "scores", "token_rewards"), True, "the reward of each step or response"
)
_VALUES = Role("values", ("value", "vpreds"), True, "the critic's values")
_ENDS = (
    Role(
        "mask",
        ("response_mask", "action_mask", "completion_mask", "loss_mask", "eos_mask"),
        told="1 where a step counts",
    ),
    Role("dones", ("done", "terminated", "terminals"), told="1 where a step ends its episode"),
)
_GROUPS = (
    Role("group_size", ("num_generations", "rloo_k", "n_samples_per_prompt", "k"), told="responses a group has"),
    Role("group_ids", ("groups", "index", "uid"), told="the group of each response"),
)
_RETURNED = {
    ADVANTAGES: Returned(ADVANTAGES, ("advantage", "adv")),
    RETURNS: Returned(RETURNS, ("return_", "rets", "ret")),
}


def roles(made: Advantage) -> list[Role]:
    """What code of this advantage may be called with."""
    inputs = [_REWARDS]
    if made.over_time:
        inputs += [*([_VALUES] if made.main == ADVANTAGES else []), *_ENDS]
    else:
        inputs += _GROUPS
    return [*inputs, *(Role(option.name, option.aliases, told=option.told) for option in made.options)]


def adapt_advantages(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss is None:
        raise InputError(f"what does it compute? Say so with --loss, one of: {', '.join(TABLE)}")
    if adaptation.reduction not in (None, "none"):
        raise InputError(f"reduction is {adaptation.reduction!r}, but advantages are one a step or a response")
    made = advantage(adaptation.loss)
    binding = bind(code, roles(made), adaptation)
    form, told = _form(made, binding, adaptation)
    taken, constants = options_of(made, binding, adaptation)
    conformer = Conformer(
        as_normal(binding, adaptation, _returned(made), flags=("mask", "dones")),
        made,
        variant=made.variant(adaptation.variant),
        form=form,
        options=taken,
        constants=constants,
        extras=binding.extras,
        precision=adaptation.precision,
        assumptions=(f"judged as {made.name}: {made.title}", *binding.told, *told),
        binding=binding,
    )
    return settle(conformer, adaptation, _probe(made))


def _form(made: Advantage, binding: Binding, adaptation: Adaptation) -> tuple[str, list[str]]:
    if made.over_time:
        masked = binding.takes("mask")
        fitting = {MASKED: masked, PADDED: masked, EPISODES: binding.takes("dones"), PLAIN: True}
        if fitting[MASKED] and fitting[EPISODES]:
            raise InputError("it takes a mask and episode ends; fix one of them with --set")
        told = {
            MASKED: "masked steps are skipped, also in the middle of a row, and 0 stands behind the last; if its masks "
            "never have holes, say --form padded",
            PADDED: "its masks have no holes, and 0 stands behind the last step",
            EPISODES: "its values have one column more than its rewards, the bootstrap",
            PLAIN: "every step counts, and 0 stands behind the last",
        }
    else:
        fitting = {
            IDS: binding.takes("group_ids"),
            NEIGHBOURS: binding.takes("group_size") or "one group" in made.traits,
        }
        told = {IDS: "groups are told by ids", NEIGHBOURS: "neighbours make a group"}
    form = adaptation.form or next((name for name, fits in fitting.items() if fits), None)
    if form is None:
        raise InputError("nothing says what a group is: --map group_size=ARGUMENT, or --map group_ids=ARGUMENT")
    if form not in fitting:
        raise InputError(f"form is {form!r}; of {made.name} expected one of {', '.join(map(repr, fitting))}")
    if not fitting[form]:
        raise InputError(f"form is {form!r}, but no argument of the code fits it; see --map")
    return form, [] if adaptation.form else [told[form]]


def _returned(made: Advantage) -> list[Returned]:
    other = RETURNS if made.main == ADVANTAGES else ADVANTAGES
    return [_RETURNED[made.main], *([_RETURNED[other]] if made.over_time else [])]


#: Steps masked behind the end only, so that code which is wrong about masks in the middle is still understood.
_PROBE = AdvantageProblem(
    rewards=np.array([[1.0, 0.5, -2.0, 3.0], [0.25, 1.5, 1.0, -1.0]]),
    values=np.array([[0.5, -1.0, 2.0, 1.0, 0.75], [1.0, 0.125, -0.5, 2.0, -1.5]]),
    dones=np.array([[0, 1, 0, 0], [0, 0, 0, 1]]),
    mask=np.array([[1, 1, 1, 0], [1, 1, 1, 1]]),
    scores=np.array([[1.0, 0.0, 2.5], [4.0, 1.0, 0.5]]),
    order=np.array([3, 0, 4, 1, 5, 2]),
    choices=np.array([1, 1, 0, 0]),
    dtype="float64",
)


def _probe(made: Advantage) -> Probe:
    def compare(conformer: Conformer) -> tuple[Any, Any]:
        case = AdvantageCase(conformer, _PROBE)
        expected = case.expected[made.main]
        counts = ~np.isnan(expected.value)
        found = np.reshape(case.found.outputs[made.main], counts.shape)
        return found[counts], type(expected)(expected.value[counts], expected.error[counts])

    shape = _PROBE.rewards.shape if made.over_time else (_PROBE.scores.size,)
    fitting = (MASKED, PADDED, EPISODES, PLAIN) if made.over_time else (NEIGHBOURS, IDS)
    return Probe(
        forms={name: FORMS["advantages"][name] for name in fitting},
        main=made.main,
        shape=lambda _: shape,
        call=lambda conformer: AdvantageCase(conformer, _PROBE).call(),
        compare=compare,
        reducible=False,
    )
