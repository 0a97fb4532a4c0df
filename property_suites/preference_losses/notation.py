"""Symbols and reasons that the theorems of this suite share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative, real

RAFAILOV = Ref("rafailov2023direct", where="Eq. 7")
#: Of what is measured only the expected side has roundings of its own; the subject's bound comes with it.
ROUNDING = Rounding(
    16, "the expected value is a formula of at most 16 operations in float64; what is found brings a bound of its dtype"
)
NO_PROOF = "what is compared is code with a formula, and code is not symbolic"

loss = real("loss", r"L")
expected_loss = real("expected_loss", r"\hat L")
gradient = real("gradient", r"\nabla L")
expected_gradient = real("expected_gradient", r"\nabla \hat L")
#: 1 where the subject returned a finite number; 1 where the formula has one.
finite = nonnegative("finite", r"\mathrm{finite}")
defined = nonnegative("defined", r"\mathrm{defined}")
gradient_finite = nonnegative("gradient_finite", r"\mathrm{finite}_\nabla")
gradient_defined = nonnegative("gradient_defined", r"\mathrm{defined}_\nabla")


def needs_tokens(subject: Any) -> str | None:
    """For theorems about masks."""
    return None if subject.form == "tokens" else "it takes one log-probability a response: there is no mask"


def needs_rewards(subject: Any) -> str | None:
    """For theorems about implicit rewards."""
    if {"chosen_rewards", "rejected_rewards"} <= subject.outputs:
        return None
    return "it returns no implicit rewards"


def needs_trait(trait: str, why: str) -> Callable[[Any], str | None]:
    """For theorems about losses of one sort."""
    return lambda subject: None if trait in subject.specification.traits else f"{subject.specification.name} {why}"
