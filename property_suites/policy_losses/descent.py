"""A step of descent raises what was better than expected and lowers what was worse; never the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Ge, Le, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import real
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import KIND, NO_PROOF, ROUNDING, SCHULMAN, gradient
from property_suites.policy_losses.specimens import PLAIN

Values = Mapping[Symbol, Any]

#: The sign of A (for a value function of R − V), times that of the upstream.
direction = real("direction", r"\operatorname{sgn} A")


@theorem(
    "policy-losses.descent",
    states=Le(gradient * direction, 0),
    kind=KIND,
    codes=("SGN",),
    source=SCHULMAN,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={
        "the other way": Ge(gradient * direction, 0),
        "always at full strength": Le(gradient * direction, -Rational(1, 8) * direction**2),
    },
    no_proof=NO_PROOF,
)
def descent(subject: Any, problem: PolicyProblem) -> Values:
    """Without KL the gradient in log π of a token never has the sign of the advantage, in V never that of R − V."""
    from alignprops.conformance.policy_case import PolicyCase

    shared = np.broadcast_to(problem.advantages[:, :1], problem.mask.shape).copy()
    case = PolicyCase(subject, problem).without_kl().with_problem(advantages=shared)
    seen = case.slope_read()
    wanted = case.inputs["returns"] - case.inputs["values"] if case.loss.of_values else case.inputs["advantages"]
    signs = np.sign(wanted) * np.sign(np.broadcast_to(case.upstream, case.mask.shape))
    return {gradient: seen.found, direction: np.where((seen.finite & seen.defined) > 0, signs, 0.0)}
