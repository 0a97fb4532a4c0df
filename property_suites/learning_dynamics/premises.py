"""What the statements about the last layer have in common: their source, premises and rounding."""

from __future__ import annotations

from sympy import Gt, Le

from alignprops import Ref, Rounding
from alignprops.dynamics.notation import beta, curvature, eta, mean_shift, run_curvature

#: Premise (S) and premise (S4) on the step size.
SMALL_STEP = {"(S) step size": Le(eta * beta**2 * curvature, 2)}
STABLE_STEP = {"(S4) step size": Le(eta * beta**2 * curvature, 4)}
#: Premise (S_t), measured on the run; (S) implies it.
SMALL_STEP_ON_RUN = {**STABLE_STEP, "(S_t) step size, on the run": Le(eta * beta**2 * run_curvature, 2)}
#: The data prefer something: z̄ ≠ 0.
SOME_SHIFT = {"some mean shift": Gt(mean_shift, 0)}

ROUNDING = Rounding(1, "every measured quantity carries the error bound of the analysis in alignprops.dynamics")


def im_li(where: str) -> Ref:
    """The seed paper, at a place in it."""
    return Ref("im2024understanding", where)
