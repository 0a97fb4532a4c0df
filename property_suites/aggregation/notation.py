"""Symbols, sources and reasons that the theorems on aggregates share."""

from __future__ import annotations

from typing import Any

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative, real

SOURCE = Ref("yu2025dapo", where="Eq. 8, and the modes beside it")
WHITENING = Ref("schulman2017proximal", where="Section 5, the statistics of its advantages")
#: What is found brings a bound of its own dtype.
ROUNDING = Rounding(64, "sums over at most 20 tokens and a quotient, in float64; what is found brings its own bound")
NO_PROOF = "what is compared is code with a formula, and code is not symbolic"

found = real("found", "A")
expected = real("expected", r"\hat A")
gradient = real("gradient", r"\nabla A")
expected_gradient = real("expected_gradient", r"\nabla\hat A")
#: 1 where the subject returned a finite number; 1 where the formula has one.
finite = nonnegative("finite", r"\mathrm{finite}")
defined = nonnegative("defined", r"\mathrm{defined}")
gradient_finite = nonnegative("gradient_finite", r"\mathrm{finite}_\nabla")
gradient_defined = nonnegative("gradient_defined", r"\mathrm{defined}_\nabla")


def only(*names: str) -> Any:
    """A theorem's `about`: it speaks of these aggregates."""

    def about(subject: Any) -> str | None:
        name = subject.specification.name
        return None if name in names else f"{name} is not {' or '.join(names)}"

    return about


def only_linear(subject: Any) -> str | None:
    """A theorem's `about`: it speaks of weighted sums."""
    return None if subject.specification.linear else f"{subject.specification.name} is no weighted sum"
