"""A batch is its responses: what micro-batches, order, length and repetition do to the loss is what is documented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol

from alignprops import theorem
from alignprops.conformance.policy import PolicyProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.policy_losses import policy_problems
from property_suites.policy_losses.notation import KIND, LIU, NO_PROOF, ROUNDING, SCHULMAN, loss, reduced
from property_suites.policy_losses.specimens import PLAIN, SINGLE

Values = Mapping[Symbol, Any]

loss_of_parts = real("loss_of_parts", r"L^{\mathrm{parts}}")
reversed_loss = real("reversed_loss", r"L^{\mathrm{reversed}}")
doubled_loss = real("doubled_loss", r"L^{\mathrm{doubled}}")
factor = nonnegative("factor", r"k")
second_loss = real("second_loss", r"L^{\mathrm{again}}")
modified = nonnegative("modified", r"\#\mathrm{modified}")


@theorem(
    "policy-losses.batches.partition",
    states={"parts": Eq(loss_of_parts, loss), "order": Eq(reversed_loss, loss)},
    kind=KIND,
    codes=("PART",),
    source=SCHULMAN,
    on=policy_problems(min_b=2),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={
        "parts: negated": {"parts": Eq(loss_of_parts, -loss)},
        "order: doubled": {"order": Eq(reversed_loss, 2 * loss)},
    },
    no_proof=NO_PROOF,
)
def partition(subject: Any, problem: PolicyProblem) -> Values:
    """The loss of a batch is the documented aggregate of micro-batches with unequal tokens (AGG-1), in any order."""
    from alignprops.conformance.policy_case import PolicyCase

    case = PolicyCase(subject, problem)
    return {loss: case.value_read().found, loss_of_parts: case.loss_of_parts(), reversed_loss: case.loss_reversed()}


@theorem(
    "policy-losses.batches.length",
    states=Eq(doubled_loss, factor * loss),
    kind=KIND,
    codes=("LEN",),
    about=reduced,
    source=LIU,
    on=policy_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples={"ragged responses": PLAIN},
    counterfeits=True,
    mutants={
        "a factor too many": Eq(doubled_loss, 2 * factor * loss),
        "5 % off": Eq(doubled_loss, Rational(19, 20) * factor * loss),
    },
    no_proof=NO_PROOF,
)
def length(subject: Any, problem: PolicyProblem) -> Values:
    """With every token twice a mean stays and a sum doubles; the ratio of a response stays, whatever its length."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.policy_case import PolicyCase

    case = PolicyCase(subject, problem)
    doubled = case.doubled()
    seen = compare(doubled.value(doubled.found), doubled.expected_loss)
    return {loss: case.value_read().found, doubled_loss: seen.found, factor: case.length_factor}


@theorem(
    "policy-losses.batches.purity",
    states={"inputs": Eq(modified, 0), "repeated": Eq(second_loss, loss)},
    kind=KIND,
    codes=("PURE",),
    source=SCHULMAN,
    on=policy_problems(max_b=2, max_t=2),
    rounding=ROUNDING,
    exact=False,
    effort=0.05,
    examples=SINGLE,
    counterfeits=True,
    mutants={
        "inputs: one modified": {"inputs": Eq(modified, 1)},
        "repeated: doubled": {"repeated": Eq(second_loss, 2 * loss)},
    },
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: PolicyProblem) -> Values:
    """The inputs are left as they are, and the same call gives the same loss again."""
    from alignprops.conformance.policy_case import PolicyCase

    case = PolicyCase(subject, problem)
    call = case.call()
    first, second = case.run(call), subject(call)
    return {
        modified: len(first.modified),
        loss: case.value_read(first).found,
        second_loss: case.value_read(second).found,
    }
