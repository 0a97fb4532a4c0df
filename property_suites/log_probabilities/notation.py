"""Symbols and reasons that the theorems on log-probabilities share."""

from __future__ import annotations

from typing import Any

from alignprops import Ref, Rounding
from alignprops.quantity import nonnegative, real

SOURCE = Ref("rafailov2023direct", where="Eq. 7")
#: What is found brings a bound of its own dtype.
ROUNDING = Rounding(
    64, "the expected side is a log-softmax over at most 8 logits and a sum over at most 8 tokens, in float64"
)
NO_PROOF = "what is compared is code with a formula, and code is not symbolic"

logp = real("logp", r"\ell")
expected_logp = real("expected_logp", r"\hat\ell")
gradient = real("gradient", r"\nabla\ell")
expected_gradient = real("expected_gradient", r"\nabla\hat\ell")
#: 1 where the subject returned a finite number; 1 where the formula has one.
finite = nonnegative("finite", r"\mathrm{finite}")
defined = nonnegative("defined", r"\mathrm{defined}")
gradient_finite = nonnegative("gradient_finite", r"\mathrm{finite}_\nabla")
gradient_defined = nonnegative("gradient_defined", r"\mathrm{defined}_\nabla")


def needs_mask(subject: Any) -> str | None:
    """Why a theorem on masks does not speak of a subject."""
    return "it masks nothing: every token is scored" if subject.form.endswith("/index") else None


def needs_sequences(subject: Any) -> str | None:
    """Why a theorem on sums and means does not speak of a subject."""
    return "it returns the log-probabilities of tokens" if subject.reduction == "none" else None
