"""What a loss makes of every pair of a problem, one by one, however it reduces: value, slopes, log-ratio difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.comparison import compare
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.pairwise import LOGPS, POLICY_LOGPS, PairwiseProblem, sequence_inputs, token_inputs
from alignprops.conformance.pairwise_case import LOSS, TOKENS, PairwiseCase
from alignprops.conformance.precision import exactly, quotient, summed, worlds
from alignprops.expressions import Rounded, follow_in
from alignprops.losses.pairs.symbols import POLICY, REFERENCE, log_ratio_difference
from alignprops.measured import Bounded

#: The arrays of a problem that have a row for each pair.
BY_PAIR = (*LOGPS, "chosen_mask", "rejected_mask", "upstream")


@dataclass(frozen=True, eq=False)
class EachPair:
    """A subject on every pair of a problem; B pairs, every number with the error that honest code may have.

    Attributes:
        losses: (B,).
        chosen_slopes, rejected_slopes: (B,) ∂loss/∂(log-probability of the response), summed or averaged over tokens
            as the loss has it.
        differences: (B,) log-ratio differences h of the numbers that the subject was given.
        policies: (B,) each, the policy's log-probabilities of the chosen and of the rejected responses.
        known: (B,) 1 where code and formula are finite, else 0 (and so are the numbers).
        options: hyper-parameters by name.
    """

    losses: Bounded
    chosen_slopes: Bounded
    rejected_slopes: Bounded
    differences: Bounded
    policies: tuple[Bounded, Bounded]
    known: NDArray[np.int64]
    options: Mapping[str, Any]

    def __getitem__(self, index: Any) -> EachPair:
        """Some of the pairs."""
        slopes = (self.chosen_slopes[index], self.rejected_slopes[index])
        policies = (self.policies[0][index], self.policies[1][index])
        return EachPair(self.losses[index], *slopes, self.differences[index], policies, self.known[index], self.options)


def each_pair(subject: Conformer, problem: PairwiseProblem) -> EachPair:
    """Call the subject on all pairs at once; pair by pair if it reduces over the batch."""
    plain = replace(problem, upstream=np.ones(problem.upstream.shape))
    count = plain.upstream.size
    batches = [plain] if subject.reduction == "none" else [rows(plain, slice(i, i + 1)) for i in range(count)]
    return _joined([_seen(PairwiseCase(subject, batch)) for batch in batches])


def rows(problem: PairwiseProblem, index: Any) -> PairwiseProblem:
    """Some of the pairs of a problem."""
    return replace(problem, **{name: getattr(problem, name)[index] for name in BY_PAIR})


def flipped(problem: PairwiseProblem) -> PairwiseProblem:
    """The same pairs with chosen and rejected exchanged, of policy, reference and masks alike."""
    return replace(problem, **{name: getattr(problem, _other(name)) for name in BY_PAIR if name != "upstream"})


def at_the_reference(problem: PairwiseProblem) -> PairwiseProblem:
    """The same pairs with a reference that is the policy."""
    return replace(
        problem,
        reference_chosen_logps=problem.policy_chosen_logps,
        reference_rejected_logps=problem.policy_rejected_logps,
    )


def mean_of(numbers: Bounded) -> Bounded:
    """The mean over the first axis, in float64."""
    total = summed([Rounded(numbers.value[at], numbers.error[at]) for at in range(len(numbers.value))], "float64")
    made = quotient(total, exactly(float(len(numbers.value))), "float64")
    return Bounded(np.asarray(made.value), np.asarray(made.error))


def _other(name: str) -> str:
    return name.replace("chosen", "rejected") if "chosen" in name else name.replace("rejected", "chosen")


def _seen(case: PairwiseCase) -> EachPair:
    loss = compare(np.atleast_1d(case.found.outputs[LOSS]), _at_least_1d(case.expected_loss))
    slopes = compare(case.gradients(case.found), case.expected_gradients)
    known = (loss.finite * loss.defined) & _all_known(slopes.finite * slopes.defined)
    chosen, rejected = (_of_response(case, name, slopes.found[at]) for at, name in enumerate(POLICY_LOGPS))
    given = _given(case)
    differences = _bounded(follow_in(log_ratio_difference, given, worlds("float64")))
    policies = (_bounded(given[POLICY[0]]), _bounded(given[POLICY[1]]))
    return EachPair(loss.found, chosen, rejected, differences, policies, known, case.options)


def _of_response(case: PairwiseCase, name: str, slopes: Bounded) -> Bounded:
    """∂loss/∂(log-probability of the response) from the slopes in those of its tokens."""
    if case.subject.form != TOKENS:
        return slopes
    mask = case.problem.mask(name)
    share = 1.0 if case.loss.tokens(case.subject.variant) == "mean" else 1 / mask.sum(axis=1)
    value, error = (np.where(mask, part, 0.0).sum(axis=1) * share for part in (slopes.value, slopes.error))
    return Bounded(value, error * (1 + 1e-12))


def _given(case: PairwiseCase) -> dict[Any, Rounded]:
    """The four log-probabilities that the subject was given, in float64."""
    tokens = case.loss.tokens(case.subject.variant)
    by_tokens = case.subject.form == TOKENS
    made = token_inputs(case.problem, tokens, "float64") if by_tokens else sequence_inputs(case.problem, tokens)
    return {symbol: made[symbol.name] for symbol in (*POLICY, *REFERENCE)}


def _all_known(known: NDArray[np.int64]) -> NDArray[np.int64]:
    """(B,): whether all numbers of a pair are, over both responses and their tokens."""
    everywhere = np.asarray(known.all(axis=tuple(axis for axis in range(known.ndim) if axis != 1)))
    return everywhere.astype(np.int64)


def _at_least_1d(number: Rounded) -> Rounded:
    return Rounded(np.atleast_1d(number.value), np.atleast_1d(number.error))


def _bounded(number: Rounded) -> Bounded:
    value = np.asarray(number.value)
    return Bounded(value, np.broadcast_to(number.error, value.shape))


def _joined(parts: list[EachPair]) -> EachPair:
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return EachPair(
        _stacked([part.losses for part in parts]),
        _stacked([part.chosen_slopes for part in parts]),
        _stacked([part.rejected_slopes for part in parts]),
        _stacked([part.differences for part in parts]),
        (_stacked([part.policies[0] for part in parts]), _stacked([part.policies[1] for part in parts])),
        np.concatenate([part.known for part in parts]),
        first.options,
    )


def _stacked(parts: list[Bounded]) -> Bounded:
    return Bounded(np.concatenate([part.value for part in parts]), np.concatenate([part.error for part in parts]))
