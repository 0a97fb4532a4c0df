"""One subject on one problem of preference pairs: what it returned, and what it should have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from alignprops.conformance.call import Call, Found, make_call
from alignprops.conformance.comparison import LARGEST, compare
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.normalised import normalised
from alignprops.conformance.pairwise import (
    LOGPS,
    MASK_OF,
    POLICY_LOGPS,
    Expected,
    PairwiseProblem,
    PairwiseReference,
    sequence_inputs,
    token_inputs,
)
from alignprops.conformance.precision import averaged, coarser, exactly, product, quotient, total
from alignprops.expressions import Rounded
from alignprops.losses.pairs.pair_loss import LD_ALPHA, PairLoss

Floats = NDArray[np.float64]
#: The names of the forms: one log-probability a response, or one a token with masks.
SEQUENCE, TOKENS = "sequence", "tokens"
LOSS = "loss"


@dataclass(frozen=True, eq=False)
class PairwiseCase:
    """A subject of kind `pairwise-loss` on a problem.

    `arrays` may be given to call the subject with others than the problem's own (poison under the mask, shifted
    references …); what is expected then is still that of the problem.
    """

    subject: Conformer
    problem: PairwiseProblem

    @property
    def loss(self) -> PairLoss:
        """The loss that the subject claims to compute."""
        return cast(PairLoss, self.subject.specification)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The hyper-parameters of this problem."""
        return self.loss.chosen(self.problem.choices, self.subject.options, self.subject.constants)

    @cached_property
    def dtype(self) -> str:
        """Whose rounding counts."""
        return coarser(self.problem.dtype, self.subject.precision)

    @property
    def upstream(self) -> Floats:
        """(B,) or (): what the subject's output is multiplied by in the gradient."""
        return self.problem.upstream if self.subject.reduction == "none" else self.problem.upstream[0]

    # --- the subject ------------------------------------------------------------------------------------------------

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The inputs of the subject, in the form that it takes."""
        problem, lengths = self.problem, self.problem.lengths
        if self.subject.form == TOKENS:
            masks = {"chosen_mask": problem.chosen_mask != 0, "rejected_mask": problem.rejected_mask != 0}
            return {name: problem.table(name) for name in LOGPS} | masks | lengths
        tokens = self.loss.tokens(self.subject.variant)
        return {name: problem.sequence(name, tokens) for name in LOGPS} | lengths

    def call(self, **changed: NDArray[Any]) -> Call:
        """A call with fresh tensors; some inputs may be replaced."""
        arrays = {**self.arrays, **changed}
        return make_call(arrays, self.options, dtype=self.problem.dtype, differentiable=POLICY_LOGPS)

    def run(self, call: Call) -> Found:
        """What the subject makes of a call, with gradients."""
        return self.subject(call, main=LOSS, upstream=self.upstream)

    @cached_property
    def found(self) -> Found:
        """What the subject makes of the problem."""
        return self.run(self.call())

    def gradients(self, found: Found) -> Floats:
        """(2, …) the gradients in the log-probabilities of the chosen and of the rejected responses."""
        return np.stack([found.gradients[name] for name in POLICY_LOGPS])

    # --- the reference ----------------------------------------------------------------------------------------------

    @cached_property
    def expected(self) -> Expected:
        """Losses and slopes pair by pair."""
        return self.expected_of(self.loss, self.subject.variant)

    def expected_of(self, loss: PairLoss, variant: str) -> Expected:
        """The same for another loss or convention, on the same inputs."""
        tokens = loss.tokens(variant)
        by_tokens = self.subject.form == TOKENS
        if by_tokens:
            ld_alpha, normalised_in = self.options.get(LD_ALPHA, 1.0), self.subject.normalised_in
            inputs = token_inputs(self.problem, tokens, self.dtype, ld_alpha, normalised_in=normalised_in)
        else:
            inputs = sequence_inputs(self.problem, tokens)
        return PairwiseReference(loss, variant, inputs, self.options, self.dtype).expected

    @cached_property
    def expected_loss(self) -> Rounded:
        """The main output: (B,), or () if the subject reduces."""
        losses, count = self.expected.losses, self.problem.upstream.size
        if self.subject.reduction == "none":
            return losses
        summed = total(losses, self.dtype, axis=0)
        return summed if self.subject.reduction == "sum" else quotient(summed, exactly(count), self.dtype)

    @cached_property
    def expected_gradients(self) -> Rounded:
        """(2, …) of Σ upstream · loss, as `gradients`."""
        parts = [self._gradient(name) for name in POLICY_LOGPS]
        return Rounded(np.stack([part.value for part in parts]), np.stack([part.error for part in parts]))

    def _slopes(self, name: str) -> Rounded:
        """The slopes of the pairs; one that the dtype cannot tell from infinity has no product, not even with 0."""
        slopes = self.expected.slopes[name]
        return Rounded(np.where(np.abs(slopes.value) < LARGEST, slopes.value, np.nan), slopes.error)

    def _gradient(self, name: str) -> Rounded:
        count = self.problem.upstream.size
        upstream = exactly(np.broadcast_to(self.upstream, (count,)))
        if self.subject.reduction == "mean":
            upstream = quotient(upstream, exactly(np.full(count, count)), self.dtype)
        slopes = _exchanged(product(upstream, self._slopes(name), self.dtype), self.expected.ties, name)
        by_row = _scattered(slopes, self.expected.rows, name)
        if self.subject.form != TOKENS:
            return by_row
        mask = self.problem.mask(name)
        weights = exactly(mask.astype(np.float64))
        tokens = self.loss.tokens(self.subject.variant)
        if tokens == "mean":
            weights = averaged(weights, mask.sum(axis=1)[:, None], self.dtype)
        if tokens == "shared":
            weights = exactly(self.problem.token_weights(name, self.options[LD_ALPHA]))
        if self.subject.normalised_in is not None:
            weights = product(
                weights, normalised(self.problem.table(name), self.subject.normalised_in).factor, self.dtype
            )
        return product(Rounded(by_row.value[:, None], by_row.error[:, None]), weights, self.dtype)

    @cached_property
    def expected_rewards(self) -> tuple[Rounded, Rounded]:
        """(B,) each, of chosen and rejected; () if the subject reduces and reports their mean."""
        return self.expected.rewards

    # --- the same problem in other words ----------------------------------------------------------------------------

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """(2, B, T): which tokens of the chosen and of the rejected responses count."""
        return np.stack([self.problem.mask(name) for name in POLICY_LOGPS])

    def loss_of(self, **shifts: float) -> Any:
        """The main output, with its error, after adding a constant to the log-probabilities of an input's responses."""
        changed = {name: self._shifted(name, constant) for name, constant in shifts.items()}
        return self._loss_of(self.call(**changed))

    def _shifted(self, name: str, constant: float) -> Floats:
        array: Floats = self.arrays[name].copy()
        if self.subject.form == TOKENS and self.loss.tokens(self.subject.variant) != "mean":
            first = self.problem.mask(name).argmax(axis=1)
            array[np.arange(len(array)), first] += constant
            return array
        return array + constant  # also of tokens, where their mean counts

    def _loss_of(self, call: Call) -> Any:
        return compare(self.subject(call).outputs[LOSS], self.expected_loss).found

    def poisoned_call(self, poison: tuple[float, ...]) -> Call:
        """The problem with `poison` under the masks, one after the other, and two more columns of it."""
        changed: dict[str, NDArray[Any]] = {}
        for name, mask_name in MASK_OF.items():
            mask = np.pad(self.problem.mask(name), [(0, 0), (0, 2)])
            filling = np.resize(np.array(poison), mask.shape)
            changed[name] = np.where(mask, np.pad(self.problem.table(name), [(0, 0), (0, 2)]), filling)
            changed[mask_name] = mask
        return self.call(**changed)

    def loss_of_parts(self) -> Any:
        """What the subject makes of the pairs one by one, put together as documented."""
        each = [self._on_rows(slice(row, row + 1)) for row in range(self.problem.upstream.size)]
        values = np.array([float(np.asarray(part).reshape(())) for part in each])
        together = {"none": values, "mean": values.mean(), "sum": values.sum()}[self.subject.reduction]
        return compare(together, self.expected_loss).found

    def loss_reversed(self) -> Any:
        """What the subject makes of the pairs in reverse, put in order again."""
        values = self._on_rows(slice(None, None, -1))
        back = np.asarray(values)[::-1] if self.subject.reduction == "none" else values
        return compare(back, self.expected_loss).found

    def _on_rows(self, rows: slice) -> Floats:
        return self.subject(self.call(**{name: array[rows] for name, array in self.arrays.items()})).outputs[LOSS]

    def without_smoothing(self) -> PairwiseCase:
        """The same with labels that are believed."""
        names = [option.name for option in self.loss.options]
        choices = [
            0 if name == "label_smoothing" else choice
            for name, choice in zip(names, self.problem.choices, strict=False)
        ]
        return self.with_problem(choices=np.array(choices, dtype=np.int64))

    def with_problem(self, **changed: Any) -> PairwiseCase:
        """The same subject on a changed problem."""
        return PairwiseCase(self.subject, replace(self.problem, **changed))


def _exchanged(slopes: Rounded, ties: Any, name: str) -> Rounded:
    """The slopes of sorted pairs, each as far off as another of a place that it is tied with may be."""
    if ties is None or name not in ties:
        return slopes
    error = slopes.error.copy()
    for group in np.unique(ties[name]):
        at = ties[name] == group
        error[at] = np.ptp(slopes.value[at]) + slopes.error[at].max()
    return Rounded(slopes.value, error)


def _scattered(slopes: Rounded, rows: Any, name: str) -> Rounded:
    """The slopes of sorted pairs, put back to the rows that their inputs came from."""
    if rows is None or name not in rows:
        return slopes
    value, error = np.zeros(slopes.value.shape), np.zeros(slopes.error.shape)
    np.add.at(value, rows[name], slopes.value)
    np.add.at(error, rows[name], slopes.error)
    return Rounded(value, error)


__all__ = ["LOSS", "MASK_OF", "SEQUENCE", "TOKENS", "PairwiseCase"]
