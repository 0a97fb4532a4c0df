"""What the reference model may change: the log-ratio difference, and nothing else.

The optimal policy determines rewards up to a constant for each prompt, β log Z(x); a loss of log-ratio differences must
not see such a constant in the reference's log-probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Symbol

from alignprops import Ref, theorem
from alignprops.conformance.pairwise import PairwiseProblem
from alignprops.quantity import real
from alignprops.strategies.pairs import pairwise_problems
from property_suites.preference_losses.notation import NO_PROOF, ROUNDING, loss, needs_trait
from property_suites.preference_losses.specimens import RAGGED

Values = Mapping[Symbol, Any]

shifted_loss = real("shifted_loss", r"L(\log\pi^{\mathrm{ref}} + c_x)")
shift_of_loss = real("shift_of_loss", r"L(\log\pi^{\mathrm{ref}}_w + 2c_x,\ \log\pi^{\mathrm{ref}}_l)")


@theorem(
    "preference-losses.reference-model.shift",
    states=Eq(shifted_loss, loss),
    kind="pairwise-loss",
    codes=("RM", "SYM"),
    about=needs_trait("difference", "is no loss of the log-ratio difference alone"),
    source=Ref("rafailov2023direct", where="Section 5.1, Lemma 1"),
    on=pairwise_problems(sizes=(1.0,)),
    rounding=ROUNDING,
    exact=False,
    effort=0.2,
    examples={"ragged pairs": RAGGED["ragged pairs in float64"]},
    counterfeits=True,
    mutants={"shifted apart": Eq(shift_of_loss, loss)},
    no_proof=NO_PROOF,
)
def shift(subject: Any, problem: PairwiseProblem) -> Values:
    """A constant for each prompt, added to both of the reference's log-probabilities, changes no loss."""
    from alignprops.conformance.pairwise_case import PairwiseCase

    # c < 0: what is shifted are log-probabilities still, also for code that takes them from a softmax.
    case = PairwiseCase(subject, problem).with_problem(dtype="float64")
    return {
        loss: case.loss_of(),
        shifted_loss: case.loss_of(reference_chosen_logps=-1.0, reference_rejected_logps=-1.0),
        shift_of_loss: case.loss_of(reference_chosen_logps=-2.0, reference_rejected_logps=0.0),
    }
