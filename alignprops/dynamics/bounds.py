"""The predictions of the theory as sympy expressions.

One source for the theorems that state them and the functions that evaluate them on data (predictions.py).
Derived in the setting of Im & Li 2024 with explicit constants; the tags LD-n number the statements.
"""

from __future__ import annotations

from sympy import Expr, Max, Min, log, sqrt

from alignprops.dynamics.notation import (
    beta,
    curvature,
    curvature_along_shift,
    eta,
    mean_shift,
    t,
)

#: ‖∇_W L(W_0)‖_F, the initial update rate.
initial_rate = beta * mean_shift / sqrt(2)  # LD-3
#: The head moves at most linearly.
linear_growth = eta * beta * t * mean_shift / sqrt(2)  # LD-4


def kappa(c: Expr) -> Expr:
    """κ_t(c) = ηβ²c(t − 1)/4: how far curvature c bends the run until step t."""  # LD-5
    return eta * beta**2 * c * (t - 1) / 4


#: ⟨u_t, z̄⟩ as long as nothing bends the run: ηβt‖z̄‖².
straight_along_shift = eta * beta * t * mean_shift**2  # LD-5b
#: The share of it that is certain, and the lower bound on ‖W_t − W_0‖_F that follows.
certain_share = 1 - kappa(curvature_along_shift)  # LD-5b
slowest_growth = Max(certain_share, 0) * linear_growth  # LD-5b
#: r_t: ‖u_t − ηβtz̄‖ is at most r_t · ηβt‖z̄‖.
turning_ratio = Min(  # LD-5c
    kappa(sqrt(curvature * curvature_along_shift)), sqrt(2 * kappa(curvature_along_shift) / 3)
)
#: The loss falls by at most, and by at least, this much in the first step.
first_drop_high = eta * beta**2 * mean_shift**2 / 2  # LD-6
first_drop_low = first_drop_high * (1 - eta * beta**2 * curvature_along_shift / 4)  # LD-6
#: The same in t steps.
drop_high = eta * beta**2 * t * mean_shift**2 / 2  # LD-6
drop_low = (1 - eta * beta**2 * curvature / 4) * drop_high * Max(certain_share, 0) ** 2  # LD-6
#: The accuracy after the first step.
first_accuracy_low = mean_shift**2 / curvature_along_shift  # LD-7
#: T' = T + √(T(T − 1)) ≥ 2T − 1: the steps that the comparator sees.
comparator_steps = t + sqrt(t * (t - 1))  # LD-8
#: L(u_t) is at most log 2 less this.
comparator_drop = (  # LD-8
    eta
    * beta**2
    * comparator_steps
    * mean_shift**2
    / 4
    / (1 + eta * beta**2 * comparator_steps * curvature_along_shift / 2)
)
#: 1 − acc is at most the loss over log 2.
error_per_loss = 1 / log(2)  # LD-8
