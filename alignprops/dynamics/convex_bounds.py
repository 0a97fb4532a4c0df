"""The predictions for a convex loss f of the margin, as sympy expressions (LD-23); DPO is a₀ = ½, c₂ = ¼.

a₀ = −f'(0), c₂ the Lipschitz constant of f'. Premise (S) reads 2ηc₂β²λ ≤ 1, premise (S4) ηc₂β²λ ≤ 1.
"""

from __future__ import annotations

from sympy import Expr, Max, Min, sqrt

from alignprops.dynamics.bounds import comparator_steps
from alignprops.dynamics.notation import beta, curvature, curvature_along_shift, eta, mean_shift, t
from alignprops.quantity import positive, real

#: a₀, c₂, f(0) and inf f.
slope_at_zero = positive("slope_at_zero", "a_0")
smoothness = positive("smoothness", "c_2")
value_at_zero = real("value_at_zero", "f(0)")
infimum = real("infimum", r"\inf f")

#: ‖∇_W L(W_0)‖_F.
initial_rate = sqrt(2) * beta * slope_at_zero * mean_shift  # LD-3
#: 2ηβa₀t‖z̄‖, the length of the straight line 2ηβa₀tz̄.
linear_growth = 2 * eta * beta * slope_at_zero * t * mean_shift  # LD-4
#: ηc₂β²λ, which premise (S4) keeps at most at 1 and (S) at ½.
step_strength = eta * smoothness * beta**2 * curvature


def kappa(c: Expr) -> Expr:
    """κ_t(c) = ηβ²c₂c(t − 1)."""  # LD-5
    return eta * beta**2 * smoothness * c * (t - 1)


#: ‖u_t − 2ηβa₀tz̄‖ is at most so many times the length of the line.
turning_ratio = Min(  # LD-5c
    kappa(sqrt(curvature * curvature_along_shift)), sqrt(2 * kappa(curvature_along_shift) / 3)
)
drop_high = 2 * eta * beta**2 * slope_at_zero**2 * t * mean_shift**2  # LD-6
drop_low = (1 - step_strength) * drop_high * Max(1 - kappa(curvature_along_shift), 0) ** 2  # LD-6
#: L(u_t) is at most f(0) less this.
comparator_drop = (  # LD-8
    eta
    * beta**2
    * slope_at_zero**2
    * comparator_steps
    * mean_shift**2
    / (1 + 2 * eta * comparator_steps * smoothness * beta**2 * curvature_along_shift)
)
