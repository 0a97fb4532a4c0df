"""The clip of a value function only makes its loss worse, and is nothing while the value stays in its range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Eq, Ge, Le, Symbol

from alignprops import Under, theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import KIND, ROUNDING, SCHULMAN, loss, of_values
from property_suites.policy_losses.specimens import RAGGED

Values = Mapping[Symbol, Any]

plain_loss = real("plain_loss", r"L^{\mathrm{plain}}")
near_loss = real("near_loss", r"L^{\mathrm{near}}")
plain_near_loss = real("plain_near_loss", r"L^{\mathrm{near, plain}}")
finite = nonnegative("finite", r"\mathrm{finite}")


@theorem(
    "policy-losses.value-clip",
    states={
        "pessimism": Ge(loss, plain_loss),
        "in the range": Under({"it is finite": Eq(finite, 1)}, Eq(near_loss, plain_near_loss)),
    },
    kind=KIND,
    codes=("REF",),
    about=of_values,
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples=RAGGED,
    counterfeits=True,
    mutants={
        "optimism": {"pessimism": Le(loss, plain_loss)},
        "in the range: doubled": {"in the range": Eq(near_loss, 2 * plain_near_loss)},
    },
)
def value_clip(subject: Any, problem: PolicyProblem) -> Values:
    """The clipped loss of values is never below the squared error, and equals it while values are near the old ones."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import PolicyCase
    from alignprops.losses.policy.table import POLICY_LOSSES

    plain = POLICY_LOSSES["value-plain"]
    case = PolicyCase(subject, problem)
    near = case.with_problem(old_values=problem.values + np.sign(problem.old_values) / 16)
    seen, squared = near.value_read(), near.as_formula(plain, case.variant).expected_loss
    return {
        loss: case.value_read().found,
        plain_loss: case.as_formula(plain, case.variant).expected_loss.value,
        near_loss: compare(near.value(near.found), squared).found,
        plain_near_loss: squared.value,
        finite: int(np.all(seen.finite)),
    }


@value_clip.proof("max(e², d²) ≥ e²", domain="errors e, d of either sign", lemma=True)
def _() -> Any:
    from sympy import Max

    e, d = real("e", "e"), nonnegative("d", "d")
    return Ge(Max(e**2, e**2 + d), e**2, evaluate=False)
