"""The KL divergence of whole distributions, and the generalised Jensen–Shannon divergence of distillation.

Sums over the vocabulary, one expression an entry, in log-probabilities: s of the policy (the student), t of the
reference (the teacher). Logits are divided by the temperature first.
"""

from __future__ import annotations

from sympy import Expr, Integer, exp, log

from alignprops.atoms import softplus
from alignprops.conformance.specification import Option
from alignprops.losses.estimators.estimator import Divergence, policy_log, reference_log
from alignprops.quantity import positive

beta = positive("beta", r"\beta")
TEMPERATURE = Option("temperature", (1.0, 2.0, 1 / 2, 4.0), "what logits are divided by")
BETA = Option("beta", (1 / 2, 1 / 4, 0.0, 1.0, 7 / 8), "weight of the teacher in the mixture", neutral=False)

_REVERSE = exp(policy_log) * (policy_log - reference_log)
_FORWARD = exp(reference_log) * (reference_log - policy_log)

#: log m, m = βe^t + (1−β)e^s, without leaving log space.
_odds = log(1 - beta) + policy_log - log(beta) - reference_log
_mixture = log(beta) + reference_log + softplus(_odds)
_TO_TEACHER = exp(reference_log) * (reference_log - _mixture)  # an entry of KL(teacher‖m)
_TO_STUDENT = exp(policy_log) * (policy_log - _mixture)  # an entry of KL(student‖m)

_AS_WRITTEN: Expr = beta * _TO_TEACHER + (1 - beta) * _TO_STUDENT
_OTHER_WEIGHTS: Expr = (1 - beta) * _TO_TEACHER + beta * _TO_STUDENT
#: KL(teacher‖student) at β = 0, KL(student‖teacher) at β = 1.
_KL_AT_ENDS = {0.0: _FORWARD, 1.0: _REVERSE}
_NOTHING_AT_ENDS = {0.0: Integer(0), 1.0: Integer(0)}

DIVERGENCES = (
    Divergence(
        "full-kl",
        "the KL divergence of the whole distributions",
        "Schulman 2020, the quantity that is estimated",
        options=(TEMPERATURE,),
        variants={
            "reverse": "KL(π‖π_ref), weighted by the policy",
            "forward": "KL(π_ref‖π), weighted by the reference",
        },
        entries={"reverse": _REVERSE, "forward": _FORWARD},
        traits=frozenset({"nonnegative"}),
    ),
    Divergence(
        "jsd",
        "generalised Jensen–Shannon divergence β KL(T‖m) + (1−β) KL(S‖m), m = βT + (1−β)S",
        "Agarwal et al. 2024 (GKD), Section 2",
        options=(BETA, TEMPERATURE),
        variants={
            "special ends": "as written inside, KL(T‖S) at β = 0 and KL(S‖T) at β = 1; it jumps there",
            "as written": "as written also at the ends, where it is 0",
            "other weights": "(1−β) KL(T‖m) + β KL(S‖m), which goes to KL(T‖S) and KL(S‖T) continuously",
        },
        entries={"special ends": _AS_WRITTEN, "as written": _AS_WRITTEN, "other weights": _OTHER_WEIGHTS},
        at_ends={"special ends": _KL_AT_ENDS, "as written": _NOTHING_AT_ENDS, "other weights": _KL_AT_ENDS},
        traits=frozenset({"nonnegative", "reflected"}),
    ),
)
