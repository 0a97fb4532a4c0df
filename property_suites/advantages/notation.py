"""Symbols and reasons that the theorems of this suite share."""

from __future__ import annotations

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative, real

SCHULMAN = Ref("schulman2016high", where="Eq. 16")
SHAO = Ref("shao2024deepseekmath", where="Section 4.1")
AHMADIAN = Ref("ahmadian2024back", where="Section 3")
#: Of what is measured only the expected side has roundings of its own; the subject's bound comes with it.
ROUNDING = Rounding(
    32, "the expected value is a recursion of at most 5 steps in float64; what is found brings a bound of its dtype"
)
NO_PROOF = "what is compared is code with a formula, and code is not symbolic"

advantages = real("advantages", r"\hat A")
formula = real("formula", r"A")
returns = real("returns", r"\hat G")
returns_formula = real("returns_formula", r"G")
#: 1 where the subject returned a finite number; 1 where the formula has one.
finite = nonnegative("finite", r"\mathrm{finite}")
defined = nonnegative("defined", r"\mathrm{defined}")
returns_finite = nonnegative("returns_finite", r"\mathrm{finite}_G")
returns_defined = nonnegative("returns_defined", r"\mathrm{defined}_G")


def over_time(subject: object) -> str | None:
    """For theorems on recursions over time."""
    known = getattr(subject, "specification", None)
    return None if getattr(known, "over_time", False) else "it compares responses of a group"


def in_groups(subject: object) -> str | None:
    """For theorems on groups of responses."""
    return None if over_time(subject) is not None else "it is a recursion over time"
