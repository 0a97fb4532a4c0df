"""Symbols and reasons that the theorems of this suite share."""

from __future__ import annotations

from typing import Any

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative, real

SCHULMAN = Ref("schulman2017proximal", where="Eq. 7")
YE = Ref("ye2020mastering", where="Eq. 5")
LIU = Ref("liu2025understanding", where="Section 3")
WILLIAMS = Ref("williams1992simple", where="Theorem 1")
KIND = "policy-loss"
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


def of_policy(subject: Any) -> str | None:
    """For theorems about advantages."""
    return "it trains a value function" if subject.specification.of_values else None


def of_values(subject: Any) -> str | None:
    """For theorems about the clip of a value."""
    return None if "clipped-value" in subject.specification.traits else "it has no clipped value"


def of_token_clip(subject: Any) -> str | None:
    """For theorems about which tokens are cut."""
    loss = subject.specification
    if "clipped" not in loss.traits:
        return f"{loss.name} does not clip a surrogate"
    if "on-policy" in subject.form:
        return "it is given no other policy that sampled: its ratio is always 1"
    return None if loss.level == "token" else f"{loss.name} has one ratio a response"


def masked(subject: Any) -> str | None:
    """For theorems about masks."""
    return "it takes no mask: every token counts" if "unmasked" in subject.form else None


def reduced(subject: Any) -> str | None:
    """For theorems about aggregates."""
    return "it returns the loss of each token" if subject.reduction == "none" else None


def returns(metric: str) -> Any:
    """For theorems about a metric."""
    return lambda subject: None if metric in subject.outputs else f"it returns no {metric} that can be told by its name"
