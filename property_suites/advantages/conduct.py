"""What code does beside its numbers: inputs left alone, options alive, spellings that agree, groups of one refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Rational, Symbol

from alignprops import bounded, theorem
from alignprops.conformance.advantage import AdvantageProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.advantages import advantage_problems
from property_suites.advantages.notation import AHMADIAN, NO_PROOF, ROUNDING, SCHULMAN, SHAO, finite
from property_suites.advantages.reference import _without_singles
from property_suites.advantages.specimens import BASE, RAGGED

Values = Mapping[Symbol, Any]

changed_inputs = nonnegative("changed_inputs", r"n_{\mathrm{changed}}")
repeated = real("repeated", r"\hat A''")
first = real("first", r"\hat A'")
live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")
spelled = real("spelled", r"\hat A_{\mathrm{True/False}}")
named = real("named", r"\hat A_{\mathrm{group/none}}")
refused = nonnegative("refused", r"\mathrm{refused}")


@theorem(
    "advantages.purity",
    states={"inputs": Eq(changed_inputs, 0), "again": Eq(repeated, first)},
    kind="advantages",
    codes=("PURE",),
    source=SCHULMAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    min_effective=5,
    examples=RAGGED,
    counterfeits=True,
    mutants={
        "inputs: one is changed": {"inputs": Eq(changed_inputs, 1)},
        "again: twice as much": {"again": Eq(repeated, 2 * first)},
    },
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: AdvantageProblem) -> Values:
    """A call leaves its inputs as they were, and another call with the same inputs returns the same numbers."""
    import numpy as np

    from alignprops.conformance.advantage import AdvantageCase

    case = AdvantageCase(subject, _without_singles(subject, problem))
    seen = (case.found, case.run(case.call()))
    numbers = [np.nan_to_num(found.outputs[case.made.main], nan=1.5, posinf=2.5, neginf=3.5) for found in seen]
    return {
        changed_inputs: np.asarray(len(case.found.modified)),
        repeated: bounded(numbers[1], 0),
        first: bounded(numbers[0], 0),
    }


@theorem(
    "advantages.options",
    states=Ge(live, accepted),
    kind="advantages",
    codes=("LIVE",),
    source=SCHULMAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples=RAGGED,
    counterfeits=True,
    about=lambda subject: None if subject.options or subject.extras else "it takes no options",
    mutants={"one too many": Ge(live, accepted + 1)},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: AdvantageProblem) -> Values:
    """Every option that is accepted changes an output, or is refused."""
    from alignprops.conformance.advantage import AdvantageCase
    from alignprops.conformance.liveness import liveness

    told = liveness(subject, AdvantageCase(subject, BASE))
    del problem
    return {live: told.live, accepted: told.accepted}


@theorem(
    "advantages.spellings",
    states=Eq(spelled, named),
    given={"both are understood": Eq(finite, 1)},
    kind="advantages",
    codes=("LIVE",),
    source=SHAO,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.25,
    examples=RAGGED,
    counterfeits=True,
    about=lambda subject: None if "scale_rewards" in subject.options else "it takes no scale_rewards",
    mutants={"5 % off": Eq(spelled, Rational(19, 20) * named)},
    no_proof=NO_PROOF,
)
def spellings(subject: Any, problem: AdvantageProblem) -> Values:
    """scale_rewards=True is "group" and False is "none"; what the code refuses is not asked about."""
    import numpy as np

    from alignprops.conformance.advantage import ADVANTAGES, AdvantageCase

    case = AdvantageCase(subject, problem)

    def made(value: Any) -> Any:
        try:
            return case.run(case.call().with_options(scale_rewards=value)).outputs[ADVANTAGES]
        except Exception:  # noqa: BLE001  # whatever a host raises for a spelling that it does not take
            return np.full(problem.scores.size, np.nan)

    bools, names = (np.stack([made(value) for value in pair]) for pair in ((True, False), ("group", "none")))
    sure = np.isfinite(bools) & np.isfinite(names)
    return {
        spelled: bounded(np.where(sure, bools, 0), 0),
        named: bounded(np.where(sure, names, 0), 0),
        finite: sure.astype(np.int64),
    }


@theorem(
    "advantages.single",
    states=Eq(refused, 1),
    kind="advantages",
    codes=("EXT", "ADV"),
    source=AHMADIAN,
    on=advantage_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    min_effective=5,
    examples=RAGGED,
    counterfeits=True,
    about=lambda subject: None if subject.specification.name == "rloo" else "a group of one is no matter to it",
    mutants={"taken": Eq(refused, 0)},
    no_proof=NO_PROOF,
)
def single(subject: Any, problem: AdvantageProblem) -> Values:
    """A group of one response has no others: leaving one out is 0/0, and is refused with an exception."""
    from dataclasses import replace

    import numpy as np

    from alignprops.conformance.advantage import AdvantageCase

    alone = replace(problem, scores=problem.scores[:, :1], order=np.arange(len(problem.scores)))
    try:
        AdvantageCase(subject, alone).found  # noqa: B018  # it is computed when it is asked for
    except Exception:  # noqa: BLE001  # whatever the host raises, it refused
        return {refused: np.asarray(1)}
    return {refused: np.asarray(0)}
