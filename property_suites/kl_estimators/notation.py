"""Symbols and reasons that the theorems of this suite share."""

from __future__ import annotations

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative, real

SCHULMAN = Ref("schulman2020approximating", where="k1, k2, k3")
TANG = Ref("tang2025few", where="Section 3")
AGARWAL = Ref("agarwal2024onpolicy", where="Section 2")
#: Of what is measured only the expected side has roundings of its own; the subject's bound comes with it.
ROUNDING = Rounding(
    16, "the expected value is a formula of at most 16 operations in float64; what is found brings a bound of its dtype"
)
NO_PROOF = "what is compared is code with a formula, and code is not symbolic"

estimate = real("estimate", r"\hat k")
formula = real("formula", r"k")
gradient = real("gradient", r"\nabla \hat k")
formula_gradient = real("formula_gradient", r"\nabla k")
#: 1 where the subject returned a finite number; 1 where the formula has one.
finite = nonnegative("finite", r"\mathrm{finite}")
defined = nonnegative("defined", r"\mathrm{defined}")
gradient_finite = nonnegative("gradient_finite", r"\mathrm{finite}_\nabla")
gradient_defined = nonnegative("gradient_defined", r"\mathrm{defined}_\nabla")
