"""Symbols, sources and conditions of the theorems on losses of single answers."""

from __future__ import annotations

from typing import Any

from alignprops import Ref
from alignprops.quantity import nonnegative, positive, real

ETHAYARAJH = Ref("ethayarajh2024kto", where="Eq. 7 and 8")
KIND = "unpaired-loss"

loss_of_parts = real("loss_of_parts", r"L^{\mathrm{parts}}")
second_loss = real("second_loss", r"L^{\mathrm{again}}")
poisoned_loss = real("poisoned_loss", r"L^{\mathrm{poisoned}}")
poisoned_finite = nonnegative("poisoned_finite", r"\mathrm{finite}^{\mathrm{poisoned}}")
masked_gradient = nonnegative("masked_gradient", r"|\nabla_{\mathrm{masked}} L|")
all_gradient = nonnegative("all_gradient", r"\max|\nabla L|")
point_gradient = nonnegative("point_gradient", r"\max|\nabla_{z_0} L|")
#: How hard an answer is pushed to where its label says: −∂L/∂log π of the desirable, +∂L/∂log π of the others.
push = real("push", r"p")
class_weight = positive("class_weight", r"\lambda")
beta = positive("beta", r"\beta")
share = nonnegative("share", r"q")
cost = real("cost", r"C")
slope = real("slope", r"C'")
desirable_weight = positive("desirable_weight", r"\lambda_D")
undesirable_weight = positive("undesirable_weight", r"\lambda_U")
at_zero = nonnegative("at_zero", r"L(0)")
reward = real("reward", "r")
expected_reward = real("expected_reward", r"\beta\log\frac{\pi}{\pi^{\mathrm{ref}}}")
point = real("point", "z_0")
expected_point = real("expected_point", r"\hat z_0")
attached = nonnegative("attached", r"\#\mathrm{attached}")
modified = nonnegative("modified", r"\#\mathrm{modified}")
live = nonnegative("live", r"\#\mathrm{live}")
accepted = nonnegative("accepted", r"\#\mathrm{accepted}")


def needs_rewards(subject: Any) -> str | None:
    """For theorems about implicit rewards."""
    if {"chosen_rewards", "rejected_rewards"} <= subject.outputs:
        return None
    return "it returns no implicit rewards"


def needs_point_of_its_own(subject: Any) -> str | None:
    """For theorems about how the reference point is found."""
    if subject.averages_point:
        return None
    uses = subject.loss.uses_point
    return "it is given its reference point" if uses else f"{subject.loss.name} has no reference point"


def saturates_unreduced(subject: Any) -> str | None:
    """For theorems about the shape of KTO's value function, example by example."""
    if "saturating" not in subject.loss.traits:
        return f"{subject.loss.name} does not saturate"
    return None if subject.reduction == "none" else "it returns one number for the batch"


def not_coupled(subject: Any) -> str | None:
    """For theorems about batches as the sum of their rows."""
    coupled = subject.loss.uses_shift and subject.variant == "batch"
    return "its reward shift is the mean of the batch" if coupled else None


def needs_tokens(subject: Any) -> str | None:
    """For theorems about masks."""
    return None if subject.form == "tokens" else "it takes one log-probability an answer: there is no mask"
