"""Options are alive: each that the code accepts changes something or is refused, and a mode is what its name says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Gt, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import nonnegative
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import (
    KIND,
    LIU,
    NO_PROOF,
    ROUNDING,
    SCHULMAN,
    defined,
    expected_loss,
    finite,
    loss,
    reduced,
)
from property_suites.policy_losses.specimens import PLAIN

Values = Mapping[Symbol, Any]

live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")


@theorem(
    "policy-losses.options.live",
    states=Ge(live, accepted),
    kind=KIND,
    codes=("LIVE",),
    about=lambda subject: None if subject.options or subject.extras else "it takes no options",
    source=SCHULMAN,
    on=policy_problems(max_b=1, max_t=1),
    rounding=ROUNDING,
    exact=False,
    effort=0.01,  # the same question on every instance
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={"one too many": Ge(live, accepted + 1), "more than one": Gt(live, accepted + Rational(1, 2))},
    no_proof=NO_PROOF,
)
def options(subject: Any, problem: PolicyProblem) -> Values:
    """Every keyword that is accepted changes an output or a gradient on a generic batch, or raises."""
    from alignprops.conformance.liveness import liveness
    from alignprops.conformance.policy_case import PolicyCase

    del problem
    told = liveness(subject, PolicyCase(subject, PLAIN))
    return {live: told.live, accepted: told.accepted}


def _chooses(subject: Any) -> str | None:
    from alignprops.conformance.policy_by_name import meanings

    if reduced(subject):
        return reduced(subject)
    chosen = any(meanings(name, subject.specification) for name in subject.extras)
    return None if chosen else "no argument of it chooses a mode or a loss by its name"


@theorem(
    "policy-losses.options.modes",
    states=Eq(loss, expected_loss),
    given={"the loss is finite": Eq(finite, 1), "the formula is finite": Eq(defined, 1)},
    kind=KIND,
    codes=("LIVE", "LEN", "REF"),
    about=_chooses,
    source=LIU,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={"sign": Eq(loss, -expected_loss), "5 % off": Eq(loss, Rational(19, 20) * expected_loss)},
    no_proof=NO_PROOF,
)
def modes(subject: Any, problem: PolicyProblem) -> Values:
    """Under every name of a mode or of a loss that the code accepts, its value is the one of that name."""
    import numpy as np

    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import LOSS, PolicyCase
    from alignprops.expressions import Rounded

    found, expected = [], []
    for option, name, case in PolicyCase(subject, problem).named():
        try:
            outputs = case.subject(case.call().with_options(**{option: name})).outputs
        except Exception:  # noqa: BLE001, S112  # a name that is refused is not misunderstood
            continue
        found.append(outputs[LOSS].reshape(()))
        expected.append(case.expected_loss)
    together = Rounded(np.array([part.value for part in expected]), np.array([part.error for part in expected]))
    seen = compare(np.array(found), together)
    return {loss: seen.found, expected_loss: seen.expected, finite: seen.finite, defined: seen.defined}
