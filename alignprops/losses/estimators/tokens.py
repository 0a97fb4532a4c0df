"""k1, k2, k3, k4 and |k1|: estimators from the log-ratio l = log π(y) − log π_ref(y) of a token y ~ π.

Source: Schulman 2020, "Approximating KL divergence", where L = log(p/q) = −l. As values, E k1 = E k3 = KL(π‖π_ref) and
E k4 = KL(π_ref‖π) (supports agreeing). As losses, E∇k1 = 0, E∇k2 = ∇KL(π‖π_ref) and E∇k3 = ∇KL(π_ref‖π) (Tang & Munos
2025, arXiv:2506.09477), which is why libraries give k1 and k3 another gradient than their own.
"""

from __future__ import annotations

import sympy as sp

from alignprops.losses.estimators.estimator import FORWARD, REVERSE, ZERO, Estimator, log_ratio
from alignprops.losses.estimators.excess import excess

#: log-ratio, then estimate, are kept within these; 20 and 10 are in wide use.
CLAMP_RATIO, CLAMP_VALUE = 20, 10

_K1 = log_ratio
_K2 = log_ratio**2 / 2
_K3 = excess(-log_ratio)  # e^L − 1 − L
_K4 = -log_ratio * sp.exp(-log_ratio) - sp.exp(-log_ratio) + 1  # e^L L − e^L + 1
#: Its derivative l·e^{−l}, in the terms that differentiation brings: their rounding is what honest code may show.
_K4_SLOPE = log_ratio * sp.exp(-log_ratio) - sp.exp(-log_ratio) + (excess(-log_ratio) + 1 - log_ratio)

PLAIN, STRAIGHT_THROUGH, CORRECTED, CLAMPED = "plain", "straight-through", "score-corrected", "clamped"
CLAMPED_STRAIGHT = "clamped straight-through"
_OWN = "its gradient is that of its value"
_STRAIGHT = "its gradient is that of k2, so that as a loss it follows the reverse KL"
_CORRECTED = "its gradient is that of exp(log π − stop(log π)) times it: the score of the sample is not forgotten"
_CLAMPED = f"the log-ratio is kept within ±{CLAMP_RATIO} and the estimate within ±{CLAMP_VALUE}, with their gradients"
_CLAMPED_STRAIGHT = f"the estimate is kept within ±{CLAMP_VALUE}, and its gradient is that of k2, not kept"


def _within(expression: sp.Expr, limit: int) -> sp.Expr:
    return sp.Max(-limit, sp.Min(limit, expression))


_K3_CLAMPED = _within(excess(_within(-log_ratio, CLAMP_RATIO)), CLAMP_VALUE)
TOKEN_ESTIMATORS = (
    Estimator(
        "k3",
        "k3, the estimator of low variance: exp(−l) − 1 + l",
        "Schulman 2020, k3",
        variants={
            PLAIN: _OWN,
            STRAIGHT_THROUGH: _STRAIGHT,
            CORRECTED: _CORRECTED,
            CLAMPED: _CLAMPED,
            CLAMPED_STRAIGHT: _CLAMPED_STRAIGHT,
        },
        expression=_K3,
        values={CLAMPED: _K3_CLAMPED, CLAMPED_STRAIGHT: _K3_CLAMPED},
        slopes={STRAIGHT_THROUGH: log_ratio, CLAMPED_STRAIGHT: log_ratio, CORRECTED: _K3 + 1 - sp.exp(-log_ratio)},
        spellings=("k3", "low_var_kl"),
        estimates=REVERSE,
        pulls={PLAIN: FORWARD, STRAIGHT_THROUGH: REVERSE, CORRECTED: REVERSE},
        traits=frozenset({"nonnegative"}),
    ),
    Estimator(
        "k1",
        "k1, the log-ratio itself",
        "Schulman 2020, k1",
        variants={
            PLAIN: _OWN,
            STRAIGHT_THROUGH: _STRAIGHT,
            CORRECTED: _CORRECTED,
            CLAMPED: _CLAMPED,
            CLAMPED_STRAIGHT: _CLAMPED_STRAIGHT,
        },
        expression=_K1,
        values={CLAMPED: _within(_K1, CLAMP_VALUE), CLAMPED_STRAIGHT: _within(_K1, CLAMP_VALUE)},
        slopes={STRAIGHT_THROUGH: log_ratio, CLAMPED_STRAIGHT: log_ratio, CORRECTED: log_ratio + 1},
        spellings=("k1", "kl"),
        estimates=REVERSE,
        pulls={PLAIN: ZERO, STRAIGHT_THROUGH: REVERSE, CORRECTED: REVERSE},
        traits=frozenset({"odd"}),
    ),
    Estimator(
        "k2",
        "k2, half the square of the log-ratio",
        "Schulman 2020, k2",
        variants={PLAIN: _OWN, CLAMPED: _CLAMPED},
        expression=_K2,
        values={CLAMPED: _within(_K2, CLAMP_VALUE)},
        spellings=("k2", "mse"),
        pulls={PLAIN: REVERSE},
        traits=frozenset({"nonnegative", "even"}),
    ),
    Estimator(
        "k4",
        "k4, the counterpart of k3 for the other direction: exp(−l)(−l) − exp(−l) + 1",
        "Schulman 2020, of the general form f(r) − f'(1)(r − 1)",
        variants={PLAIN: _OWN},
        expression=_K4,
        slopes={PLAIN: _K4_SLOPE},
        spellings=("k4",),
        estimates=FORWARD,
    ),
    Estimator(
        "abs",
        "the absolute value of the log-ratio",
        "Schulman 2020, k1, as libraries offer it without its sign",
        variants={PLAIN: _OWN},
        expression=sp.Max(log_ratio, -log_ratio),
        spellings=("abs",),
        traits=frozenset({"nonnegative", "even"}),
    ),
)
