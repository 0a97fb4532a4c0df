"""The symbols of a single labelled answer, in the field's names."""

from __future__ import annotations

from alignprops.conformance.specification import Option
from alignprops.losses.pairs.symbols import BETA, beta
from alignprops.quantity import nonnegative, positive, real

#: log π(y|x) and log π_ref(y|x), summed over the tokens of the answer.
policy = real("policy_logps", r"\log\pi(y)")
reference = real("reference_logps", r"\log\pi^{\mathrm{ref}}(y)")
#: z₀: how far the policy is from the reference, held fixed.
point = nonnegative("kl", "z_0")
#: δ: what rewards are compared with, held fixed.
shift = real("delta", r"\delta")
#: λ_D, λ_U: what an example of either class counts.
desirable_weight = positive("desirable_weight", r"\lambda_D")
undesirable_weight = positive("undesirable_weight", r"\lambda_U")
#: w: density ratio that matches the undesirable examples to the desirable ones.
ratio = nonnegative("weights", "w")

#: log π/π_ref, without β, and the implicit reward.
log_ratio = policy - reference
reward = beta * log_ratio

#: Values that differ between the classes, so that weights which are swapped or lost show.
DESIRABLE_WEIGHT = Option(
    "desirable_weight",
    (1.0, 1 / 2, 2.0, 3 / 4),
    "what a desirable example counts",
    aliases=("lambda_d", "lambda_desirable", "desirable_coef", "desirable_lambda"),
)
UNDESIRABLE_WEIGHT = Option(
    "undesirable_weight",
    (1.0, 3 / 2, 1 / 4, 3.0, 5 / 8),
    "what an undesirable example counts",
    aliases=("lambda_u", "lambda_undesirable", "undesirable_coef", "undesirable_lambda"),
)

__all__ = [
    "BETA",
    "DESIRABLE_WEIGHT",
    "UNDESIRABLE_WEIGHT",
    "beta",
    "desirable_weight",
    "log_ratio",
    "point",
    "policy",
    "ratio",
    "reference",
    "reward",
    "shift",
    "undesirable_weight",
]
