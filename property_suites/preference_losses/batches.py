"""A batch is its pairs: the loss of each does not depend on the others, on their order, or on how often it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Symbol

from alignprops import theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.quantity import nonnegative, real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import NO_PROOF, RAFAILOV, ROUNDING, loss
from property_suites.preference_losses.specimens import RAGGED, SINGLE

Values = Mapping[Symbol, Any]

loss_of_parts = real("loss_of_parts", r"L^{\mathrm{parts}}")
reversed_loss = real("reversed_loss", r"L^{\mathrm{reversed}}")
second_loss = real("second_loss", r"L^{\mathrm{again}}")
modified = nonnegative("modified", r"\#\mathrm{modified}")


def _not_coupled(subject: Any) -> str | None:
    coupled = "couples-batch" in subject.specification.traits
    return f"{subject.specification.name} sorts the batch" if coupled else None


@theorem(
    "preference-losses.batches.partition",
    states={"parts": Eq(loss_of_parts, loss), "order": Eq(reversed_loss, loss)},
    kind="pairwise-loss",
    codes=("PART",),
    about=_not_coupled,
    source=RAFAILOV,
    on=pairwise_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.15,
    examples={**RAGGED, **SINGLE},
    counterfeits=True,
    mutants={
        "parts: negated": {"parts": Eq(loss_of_parts, -loss)},
        "order: doubled": {"order": Eq(reversed_loss, 2 * loss)},
    },
    no_proof=NO_PROOF,
)
def partition(subject: Any, problem: PairwiseProblem) -> Values:
    """The loss of a batch is the documented aggregate of its pairs one by one, and of its pairs in any order."""
    from alignprops.conformance.pairwise_case import PairwiseCase

    case = PairwiseCase(subject, problem)
    return {loss: case.loss_of(), loss_of_parts: case.loss_of_parts(), reversed_loss: case.loss_reversed()}


@theorem(
    "preference-losses.batches.purity",
    states={"inputs": Eq(modified, 0), "repeated": Eq(second_loss, loss)},
    kind="pairwise-loss",
    codes=("PURE",),
    source=RAFAILOV,
    on=pairwise_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.1,
    examples=SINGLE,
    counterfeits=True,
    mutants={
        "inputs: one modified": {"inputs": Eq(modified, 1)},
        "repeated: doubled": {"repeated": Eq(second_loss, 2 * loss)},
    },
    no_proof=NO_PROOF,
)
def purity(subject: Any, problem: PairwiseProblem) -> Values:
    """The inputs are left as they are, and the same call gives the same loss again."""
    from alignprops.conformance.comparison import compare
    from alignprops.conformance.pairwise_case import LOSS, PairwiseCase

    case = PairwiseCase(subject, problem)
    call = case.call()
    first, second = case.run(call), subject(call)
    return {
        modified: len(first.modified),
        loss: compare(first.outputs[LOSS], case.expected_loss).found,
        second_loss: compare(second.outputs[LOSS], case.expected_loss).found,
    }
